"""From the enqueue to the begin of the handler, with a worker that has nothing else to do.

The reference is the least that has to happen: on PostgreSQL an insert with a NOTIFY in one transaction, and a listener
that claims on hearing it; on SQLite an insert and a claim, each its own commit.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from benchmarks import bare
from benchmarks.places import ARGS, IDS, fresh
from benchmarks.report import Row
from holdfast import Holdfast
from holdfast.store.postgres.literals import array

PAUSE = 0.03
"""Seconds between two enqueues: long enough for the worker to have fallen idle."""


def run(stores: dict[str, str], *, quick: bool) -> list[Row]:
    """Rows of milliseconds: the median against the reference's, the 99th percentile against 10 ms."""
    number = 60 if quick else 400
    rows: list[Row] = []
    for store, place in stores.items():
        kinds = ("same process", "other process") if store == "sqlite" else ("other process",)
        reference = _reference(store, place, number)
        for kind in kinds:
            ours = _ours(store, place, number, apart=kind == "other process")
            name = f"latency, {kind}"
            rows.append(
                Row(
                    f"{name}, p50",
                    store,
                    statistics.median(ours),
                    statistics.median(reference),
                    "ms",
                    2.0,
                    "lower",
                )
            )
            rows.append(Row(f"{name}, p99", store, _p99(ours), 10.0, "ms", 1.0, "lower"))
    return rows


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def _ours(store: str, place: str, number: int, *, apart: bool) -> list[float]:
    """The worker sends the time at which each handler began through a pipe."""
    with fresh(store, place) as url:
        app = Holdfast(url)
        began = _Began()

        @app.task(name="stamp")
        async def stamp(file: int) -> None:
            os.write(file, b"%d\n" % time.monotonic_ns())

        with _worker_apart(url, began) if apart else app.worker(queues=["default"]):
            stamp.enqueue(began.write)
            began.next()
            times: list[float] = []
            for _ in range(number):
                time.sleep(PAUSE)
                at = time.monotonic_ns()
                stamp.enqueue(began.write)
                times.append((began.next() - at) / 1e6)
        app.close()
        return times


class _Began:
    """A pipe of times."""

    def __init__(self) -> None:
        read, self.write = os.pipe()
        self._file = os.fdopen(read, "rb")

    def next(self) -> int:
        return int(self._file.readline())


@contextmanager
def _worker_apart(url: str, began: _Began) -> Generator[None, None, None]:
    worker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.latency"],
        env={**os.environ, "HOLDFAST_URL": url},
        pass_fds=[began.write],
        stdin=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait()


def _reference(store: str, place: str, number: int) -> list[float]:
    with fresh(store, place) as url:
        return _bare_sqlite(url, number) if store == "sqlite" else _bare_postgres(url, number)


def _bare_sqlite(url: str, number: int) -> list[float]:
    times: list[float] = []
    for _ in range(number):
        time.sleep(PAUSE / 10)
        at = time.monotonic_ns()
        bare.enqueue_sqlite(url, 1, 1)
        bare.claim_one_sqlite(url)
        times.append((time.monotonic_ns() - at) / 1e6)
    return times


def _bare_postgres(url: str, number: int) -> list[float]:
    import psycopg

    insert, names = bare.postgres_sql("insert_jobs")
    claim, claim_names = bare.postgres_sql("claim")
    took = threading.Semaphore(0)
    claimed: list[int] = []

    def listen() -> None:
        with psycopg.connect(url, autocommit=True) as hears, psycopg.connect(url, autocommit=True) as claims:
            hears.execute("LISTEN bench")
            took.release()
            cursor = psycopg.RawCursor(claims)
            for note in hears.notifies():
                given: dict[str, Any] = {
                    "lanes": json.dumps([["default", 0, 0, "00000000-0000-0000-0000-000000000000"]]),
                    "tasks": array(["noop"]), "limit": 100, "lease": IDS.next(), "worker": bare.WORKER,
                }  # fmt: skip
                cursor.execute(claim, [given[name] for name in claim_names]).fetchall()
                claimed.append(time.monotonic_ns())
                took.release()
                if note.payload == "end":
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    took.acquire()
    times: list[float] = []
    same: dict[str, Any] = {"queue": "default", "task": "noop", "priority": 0, "args": ARGS, "delay": 0}
    same |= {"meta": None, "overrides": None, "run_at": None}
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        cursor = psycopg.RawCursor(connection)
        for n in range(number):
            time.sleep(PAUSE)
            columns = {key: array([value]) for key, value in same.items()} | {"id": array([IDS.next()])}
            at = time.monotonic_ns()
            connection.execute("BEGIN")
            cursor.execute(insert, [columns[name] for name in names])
            connection.execute("SELECT pg_notify('bench', %s)", ["end" if n == number - 1 else ""])
            connection.execute("COMMIT")
            took.acquire()
            times.append((claimed[-1] - at) / 1e6)
    thread.join()
    return times


if __name__ == "__main__":
    worker_app = Holdfast()

    @worker_app.task(name="stamp")
    async def stamp(file: int) -> None:
        """Say when the handler began."""
        os.write(file, b"%d\n" % time.monotonic_ns())

    worker_app.run_worker(queues=["default"])
