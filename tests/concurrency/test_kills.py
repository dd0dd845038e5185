"""Processes killed in the middle of whatever they do: what was acknowledged is there, and every job in its place."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.core import outcomes as o
from holdfast.core.job import Claimed, Settlement
from holdfast.core.states import TERMINAL, JobState
from holdfast.store.verbs import jobs, workers
from tests.concurrency.actors import write_until_killed
from tests.concurrency.processes import processes
from tests.conformance import invariant
from tests.conformance.backends import Backend
from tests.conformance.scene import Scene, until

pytestmark = pytest.mark.slow
WRITERS, KILLS = 3, 6


@pytest.mark.parametrize("seed", [1])
def test_kill_minus_nine_at_random_moments(backend: Backend, tmp_path: Path, seed: int) -> None:
    backend.open().close()
    dice = random.Random(seed)
    with processes() as running:
        logs: list[Path] = []

        def begin() -> None:
            logs.append(tmp_path / f"{len(logs)}.log")
            process = running.start(write_until_killed, backend, dice.randrange(10**9), str(logs[-1]))
            alive.append((process, logs[-1]))

        alive: list[tuple[object, Path]] = []
        for _ in range(WRITERS):
            begin()
        for _ in range(KILLS):
            process, log = alive.pop(dice.randrange(len(alive)))
            until(
                lambda log=log: log.exists() and "enqueued" in log.read_text(),
                30,
                "the first acknowledged enqueue",
            )
            process.join(dice.uniform(0.0, 0.15))  # type: ignore[attr-defined]
            assert process.is_alive(), "a writer ended by itself"  # type: ignore[attr-defined]
            process.kill()  # type: ignore[attr-defined]
            process.join()  # type: ignore[attr-defined]
            invariant.check(backend)
            begin()
    check(backend, [line.split() for log in logs if log.exists() for line in log.read_text().splitlines()])


def check(backend: Backend, notes: list[list[str]]) -> None:
    """Everybody is dead now. All that was acknowledged must be there, and all that was begun be taken up again."""
    enqueued = {note[1] for note in notes if note[:1] == ["enqueued"] and len(note) == 2}
    ended = {note[1] for note in notes if note[:1] == ["ended"] and len(note) == 3}
    assert len(enqueued) > 20
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        tables = backend.tables()
        assert enqueued <= set(tables.jobs), "an acknowledged job is missing"
        assert ended <= set(tables.finished), "an acknowledged settlement is missing"
        rescue_all(scene)
        scene.check(quiet=True)
        assert backend.tables().leases == {}
        worker = scene.worker()
        until(lambda: not drain(scene, worker) and all_ended(backend), 15, "the end of all jobs")
        scene.check(quiet=True)
        states = {record.state for record in store.read(jobs.get_many, sorted(enqueued))}
        assert states <= TERMINAL
        assert JobState.SUCCEEDED in states


def rescue_all(scene: Scene) -> None:
    now = scene.store.now()

    def at_once(job: Claimed, _: str) -> Settlement:
        return scene.due(scene.decide(job, o.Interrupted(), now=now))

    while scene.rescue_by(at_once, *[worker for worker, _ in scene.store.read(workers.beats)]):
        pass


def drain(scene: Scene, worker: str) -> int:
    claimed = scene.claim(worker, limit=1000)
    if claimed:
        scene.finish(worker, claimed, o.Succeeded("1"))
    return len(claimed)


def all_ended(backend: Backend) -> bool:
    tables = backend.tables()
    return len(tables.finished) == len(tables.jobs)
