"""Many who enqueue jobs of the same keys at once, alone, in batches, and in transactions that may be rolled back."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from holdfast.core.errors import StoreLocked
from holdfast.core.job import NewJob
from holdfast.core.lifecycle import settle as decide
from holdfast.core.outcomes import Fail, Succeeded
from holdfast.core.policy import DEFAULT
from holdfast.core.unique import Unique, key_for
from holdfast.store.base import Store
from holdfast.store.verbs import claim, settle, workers
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.insert_unique import insert_unique
from tests.concurrency.actors import LANE, worker_row
from tests.conformance.backends import Backend
from tests.conformance.invariant import misplaced
from tests.conformance.scene import QUEUE, TASK, describe, new_ids, until

KEYS = [f"key-{n}" for n in range(5)]
IDS = new_ids()


def job(key: str, **fields: Any) -> NewJob:
    made = NewJob(job_id=IDS.next(), task=TASK, queue=QUEUE, args="{}", **fields)
    return made.replace(unique_key=key_for(Unique(key=key), TASK, QUEUE, ""))


@contextmanager
def own(backend: Backend) -> Any:
    """A connection of a caller's."""
    if backend.dialect == "sqlite":
        with closing(sqlite3.connect(backend.path, timeout=30, isolation_level=None)) as connection:  # type: ignore[attr-defined]
            yield connection
    else:
        with psycopg.connect(backend.url, autocommit=True) as connection:  # type: ignore[attr-defined]
            yield connection


EVERYTHING = ("new", "met", "COMMIT", "ROLLBACK", "ended")


@pytest.mark.slow
def test_never_two_alive_of_one_key(backend: Backend) -> None:  # noqa: C901 - the actors share all of it
    failures: list[str] = []
    done: Counter[str] = Counter()
    stop = threading.Event()
    stores = [backend.open() for _ in range(3)]

    def enqueue(store: Store, dice: random.Random) -> None:
        while not stop.is_set():
            batch = [job(key) for key in dice.choices(KEYS, k=dice.randint(1, 4))]
            met = store.write(insert_unique, batch)
            done["met"] += sum(one is not None for one in met)
            done["new"] += sum(one is None for one in met)
            # The one that was met has its key, or has ended since: it is never one of nobody's.
            assert all(one is None or one.job_id for one in met)

    def transact(store: Store, dice: random.Random) -> None:
        begin = "BEGIN IMMEDIATE" if backend.dialect == "sqlite" else "BEGIN"
        with own(backend) as connection:
            while not stop.is_set():
                connection.execute(begin)
                try:
                    # In the order of their keys: in another, two transactions may wait for each other.
                    for key in sorted(dice.sample(KEYS, k=dice.randint(1, 3))):
                        store.within(connection, insert_unique, [job(key)])
                    time.sleep(dice.random() * 0.003)
                except StoreLocked:
                    done["locked"] += 1
                    connection.execute("ROLLBACK")
                    continue
                end = dice.choice(("COMMIT", "ROLLBACK"))
                connection.execute(end)
                done[end] += 1
                # SQLite doesn't serve in turn those who wait for its lock: nobody may take it again at once.
                time.sleep(dice.random() * 0.003)

    def work(store: Store, dice: random.Random) -> None:
        worker = IDS.next()
        with closing(store.channel("crew")) as channel:
            channel.write(workers.register, worker_row(worker))
            while not stop.is_set():
                lease = IDS.next()
                claimed = channel.write(claim.claim, worker, lease, LANE, 3, [TASK])
                now = store.now()
                ends = [
                    decide(one, dice.choice((Succeeded("1"), Fail("x"))), DEFAULT, now, describe=describe)
                    for one in claimed
                ]
                if ends:
                    assert channel.write(settle.settle, worker, ends, [lease]) == []
                    done["ended"] += len(ends)

    def guarded(actor: Callable[[Store, random.Random], None], n: int) -> None:
        try:
            actor(stores[n % 3], random.Random(n))
        except BaseException as error:
            failures.append(f"{actor.__name__}: {error!r}")

    actors = [enqueue] * 4 + [transact] * 3 + [work]
    threads = [threading.Thread(target=guarded, args=(actor, n)) for n, actor in enumerate(actors)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 4
    wrong: list[str] = []

    def enough() -> bool:
        """Everything has happened at least once, which takes longer on a busy machine."""
        left = end - time.monotonic()
        return left < -40 or (left < 0 and all(done[what] for what in EVERYTHING))

    while not enough() and not wrong and not failures:
        wrong = misplaced(backend.tables())
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "an enqueue hangs"
    for store in stores:
        store.close()
    assert (wrong or misplaced(backend.tables()), failures) == ([], [])
    for what in EVERYTHING:
        assert done[what], dict(done)
    print(backend.dialect, dict(done))


def test_the_second_waits_for_what_becomes_of_the_first(backend: Backend) -> None:
    if backend.dialect == "sqlite":
        pytest.skip("there the whole database has one writer")
    for end in ("COMMIT", "ROLLBACK"):
        with closing(backend.open()) as store, own(backend) as connection:
            first, second = job(end), job(end)
            connection.execute("BEGIN")
            assert store.within(connection, insert_unique, [first]) == [None]
            waiting = store.submit(insert_unique, [second])
            until(lambda: waits(backend), what="the second one's wait")
            # Nothing else of the process waits behind it.
            plain = job("x").replace(unique_key=None)
            store.write(insert, [plain])
            assert not waiting.done()
            connection.execute(end)
            [met] = waiting.result(20)
            assert (None if met is None else met.job_id) == (first.job_id if end == "COMMIT" else None)


def waits(backend: Backend) -> bool:
    rows = backend.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND strpos(query, 'unique_keys') > 0"
    )
    return bool(rows[0][0])


@pytest.mark.slow
def test_batches_in_any_order_do_not_wait_for_each_other(backend: Backend) -> None:
    """Two batches of the same keys the other way round, again and again: nobody is told of a deadlock."""
    stores = [backend.open() for _ in range(2)]
    failures: list[BaseException] = []
    barrier = threading.Barrier(2)

    def enqueue(store: Store, order: int) -> None:
        try:
            with closing(store.channel("own")) as channel:  # an error isn't tried again there
                for n in range(60):
                    barrier.wait(20)
                    channel.write(insert_unique, [job(f"{n}-{key}") for key in KEYS[::order]])
        except BaseException as error:
            barrier.abort()
            failures.append(error)

    threads = [
        threading.Thread(target=enqueue, args=(store, order))
        for store, order in zip(stores, (1, -1), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for store in stores:
        store.close()
    assert failures == []
    assert len(backend.tables().jobs) == 60 * len(KEYS)
