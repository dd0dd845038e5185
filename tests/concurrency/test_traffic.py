"""Many processes on one database: no error, nothing lost, nothing twice."""

from __future__ import annotations

from contextlib import closing

import pytest

from holdfast.core.states import JobState
from holdfast.store.records import JobFilter
from holdfast.store.verbs import queues, search
from tests.concurrency.actors import consume, produce
from tests.concurrency.processes import SPAWN, processes
from tests.conformance import invariant
from tests.conformance.backends import Backend

pytestmark = pytest.mark.slow
PRODUCERS, CONSUMERS, BATCHES = 4, 8, 120


@pytest.mark.parity("F15")
def test_four_producers_and_eight_workers(backend: Backend) -> None:
    backend.open().close()
    produced, consumed, all_produced = SPAWN.Queue(), SPAWN.Queue(), SPAWN.Event()
    with processes() as running:
        for _ in range(CONSUMERS):
            running.start(consume, backend, all_produced, consumed)
        for _ in range(PRODUCERS):
            running.start(produce, backend, BATCHES, produced)
        made: list[str] = []
        took: list[float] = []
        for _ in range(PRODUCERS):
            ids, seconds = produced.get(timeout=60)
            made += ids
            took += seconds
        all_produced.set()
        done = [job_id for _ in range(CONSUMERS) for job_id in consumed.get(timeout=60)]
        running.join()
    assert len(done) == len(set(done)), "a job was settled twice"
    assert sorted(done) == sorted(made)
    invariant.check(backend, quiet=True)
    with closing(backend.open()) as store:
        (queue,) = store.read(queues.list_queues)
        assert (queue.succeeded, queue.pending, queue.running) == (len(made), 0, 0)
        newest = store.read(search.list_jobs, JobFilter(state=JobState.SUCCEEDED, limit=1))
        assert newest[0].job_id == max(made)
    took.sort()
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    print(
        f"{backend.dialect}: enqueue p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, worst {took[-1] * 1e3:.1f} ms"
    )
    assert p99 < 1, "an enqueue waits for its turn among the writers, not for the busy timeout"
