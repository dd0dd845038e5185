"""Concurrent writes of one process: they share commits, fail apart, and leave nothing locked behind."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.core.errors import HoldfastError, JobExists, StoreClosed
from holdfast.core.job import NewJob
from holdfast.store.base import Store
from holdfast.store.statement import Verb
from holdfast.store.verbs import jobs, queues
from holdfast.store.verbs.insert import insert
from tests.conformance.backends import Backend, SqliteBackend
from tests.conformance.scene import Scene

THREADS = 50


class Refused(Exception):
    pass


def insert_and_refuse(made: list[NewJob]) -> Verb[None]:
    yield from insert(made)
    raise Refused(made[0].job_id)


def together(calls: Sequence[Callable[[], object]]) -> list[BaseException | None]:
    """Run calls in as many threads, all let go at once; what each raised."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        gate.wait(30)
        call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.exception(60) for future in [pool.submit(run, call) for call in calls]]


def test_failures_are_their_own(scene: Scene) -> None:
    taken = scene.enqueue_one()
    batches = [scene.new(1 + n % 3) for n in range(THREADS)]
    calls: list[Callable[[], object]] = []
    for n, made in enumerate(batches):
        if n % 5 == 1:
            made[0] = made[0].replace(job_id=taken)
        verb = insert_and_refuse if n % 5 == 2 else insert
        calls.append(lambda made=made, verb=verb: scene.store.write(verb, made))
    raised = together(calls)
    kept = {taken}
    for n, (made, error) in enumerate(zip(batches, raised, strict=True)):
        if n % 5 == 1:
            assert isinstance(error, JobExists)
            assert taken in str(error)
        elif n % 5 == 2:
            assert isinstance(error, Refused)
            assert error.args == (made[0].job_id,), "and not that of another"
        else:
            assert error is None
            kept |= {job.job_id for job in made}
    assert set(scene.backend.tables().jobs) == kept


def test_values_are_their_own(scene: Scene) -> None:
    wanted = scene.enqueue(THREADS)
    found: dict[str, str] = {}

    def look(job_id: str) -> None:
        record = scene.store.write(jobs.get, job_id)
        assert record is not None
        found[job_id] = record.job_id

    assert together([lambda job_id=job_id: look(job_id) for job_id in wanted]) == [None] * THREADS
    assert found == {job_id: job_id for job_id in wanted}


def test_one_id_enqueued_by_many_is_enqueued_once(scene: Scene) -> None:
    (made,) = scene.new(1)
    calls = [lambda n=n: scene.store.write(insert, [made.replace(args=f'{{"n": {n}}}')]) for n in range(20)]
    raised = together(calls)
    first = [n for n, error in enumerate(raised) if error is None]
    assert len(first) == 1
    assert all(isinstance(error, JobExists) and "exists already" in str(error) for error in raised if error)
    assert scene.get(made.job_id).args == f'{{"n": {first[0]}}}'


def test_submitted_writes_share_a_commit(tmp_path: Path) -> None:
    backend = SqliteBackend(str(tmp_path / "jobs.db"))
    with closing(backend.open()) as store:
        check_sharing(Scene(store, backend))


def check_sharing(scene: Scene) -> None:
    seen: list[str] = []
    connection: sqlite3.Connection = scene.store._writer._session._connection  # type: ignore[attr-defined]
    connection.set_trace_callback(seen.append)
    held = threading.Event()

    def hold() -> Verb[None]:
        held.wait(30)
        yield from insert(scene.new(1))

    first = scene.store.submit(hold)
    rest = [scene.store.submit(insert, scene.new(1)) for _ in range(200)]
    held.set()
    assert [future.result(30) for future in [first, *rest]] == [None] * 201
    connection.set_trace_callback(None)
    assert 1 <= seen.count("COMMIT") <= 5
    assert len(scene.backend.tables().jobs) == 201


def test_every_submitted_future_is_answered_in_its_own_way(scene: Scene) -> None:
    batches = [scene.new(1) for _ in range(120)]
    futures = [
        scene.store.submit(insert_and_refuse if n % 4 == 0 else insert, made)
        for n, made in enumerate(batches)
    ]
    for n, (future, made) in enumerate(zip(futures, batches, strict=True)):
        error = future.exception(60)
        if n % 4 == 0:
            assert isinstance(error, Refused)
            assert error.args == (made[0].job_id,)
        else:
            assert error is None
    assert len(scene.backend.tables().jobs) == 90


@pytest.mark.parametrize("at", ["before the first statement", "between statements", "after the last"])
def test_a_keyboard_interrupt_rolls_back_and_lets_go(scene: Scene, at: str) -> None:
    made = scene.new(2)

    def interrupted() -> Verb[None]:
        if at == "before the first statement":
            signal.raise_signal(signal.SIGINT)
        verb = insert(made)
        rows = None
        while True:
            try:
                step = verb.send(rows)  # type: ignore[arg-type]
            except StopIteration:
                break
            rows = yield step
            if at == "between statements":
                signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        scene.store.write(interrupted)
    assert scene.backend.tables().jobs == []
    with closing(scene.backend.open()) as other:
        other.write(insert, made[:1])
    scene.store.write(insert, made[1:])
    assert scene.store.submit(queues.list_queues).result(10)[0].pending == 2


def test_an_interrupt_while_waiting_for_the_turn(scene: Scene) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> Verb[None]:
        begun.set()
        go_on.wait(30)
        yield from insert(scene.new(1))

    busy = threading.Thread(target=scene.store.write, args=(hold,))
    busy.start()
    begun.wait(10)
    interrupter = threading.Timer(0.2, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        scene.store.write(insert, scene.new(1))
    go_on.set()
    busy.join(30)
    interrupter.join(10)
    last = scene.enqueue_one()
    # What was interrupted while it waited may have been written or not; the store works on.
    assert last in scene.backend.tables().jobs
    assert len(scene.backend.tables().jobs) in (2, 3)


@pytest.mark.parametrize("round", range(4))
def test_closing_while_others_write_and_read(backend: Backend, round: int) -> None:
    store = backend.open()
    scene = Scene(store, backend)
    acknowledged: list[str] = []
    failures: list[BaseException] = []
    busy = threading.Semaphore(0)

    def hammer(kind: int) -> None:
        try:
            while True:
                made = scene.new(1)
                if kind == 0:
                    store.read(jobs.get, made[0].job_id)
                elif kind == 1:
                    store.submit(insert, made).result(30)
                    acknowledged.append(made[0].job_id)
                else:
                    store.write(insert, made)
                    acknowledged.append(made[0].job_id)
                busy.release()
        except StoreClosed:
            pass
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=hammer, args=(n % 4,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for _ in range(60 * (round + 1)):
        assert busy.acquire(timeout=30)
    closers = [threading.Thread(target=store.close) for _ in range(3)]
    for thread in closers:
        thread.start()
    for thread in [*closers, *threads]:
        thread.join(30)
        assert not thread.is_alive(), "somebody waits for ever"
    assert failures == []
    assert set(acknowledged) <= set(backend.tables().jobs)


def test_several_stores_on_one_database(backend: Backend) -> None:
    def work(store: Store) -> list[str]:
        scene = Scene(store, backend)
        return [scene.enqueue_one() for _ in range(30)]

    stores = [backend.open() for _ in range(6)]
    with ThreadPoolExecutor(len(stores)) as pool:
        made = [job_id for ids in pool.map(work, stores) for job_id in ids]
    for store in stores:
        store.close()
    assert sorted(backend.tables().jobs) == sorted(made)


def test_errors_are_holdfasts_own(scene: Scene) -> None:
    with pytest.raises(HoldfastError):
        scene.store.write(insert, scene.new(1) * 2)
