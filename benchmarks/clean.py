"""Cleaning a long history: what it costs a worker at full speed, and whether it stays level."""

from __future__ import annotations

import os
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing

from benchmarks.places import ask, fill, fresh, worked
from benchmarks.report import Row, median_row
from holdfast.store.open import open_store
from holdfast.store.verbs.retention import clean

STEP = 1000


def run(stores: dict[str, str], *, quick: bool) -> list[Row]:
    """Jobs per second while expired jobs are cleaned away, against the same without; and steps, last against first."""
    history, number, rounds = (200_000, 20_000, 1) if quick else (2_000_000, 100_000, 3)
    history = int(os.environ.get("HOLDFAST_BENCH_HISTORY", history))
    rows: list[Row] = []
    for store, place in stores.items():
        pairs = []
        for _ in range(rounds):
            cleaning, left = drained(store, place, history, number, "0.01")
            without, _ = drained(store, place, history, number, "")
            pairs.append((cleaning, without))
        note = f"{history - left:,} of {history:,} ended jobs were cleaned meanwhile"
        rows.append(median_row("drain while cleaning", store, pairs, "jobs/s", 0.75, note=note))
        rows.append(level(store, place, history))
    return rows


def level(store: str, place: str, history: int) -> Row:
    """Seconds of a step at the end of the history against those at its begin."""
    with fresh(store, place) as url:
        past(store, url, history)
        with closing(open_store(url)) as opened:
            took: list[float] = []
            mark, count = 0, STEP
            while count == STEP:
                began = time.perf_counter()
                count, mark = opened.write(clean, STEP, mark)
                took.append(time.perf_counter() - began)
    tenth = max(1, len(took) // 10)
    first, last = statistics.median(took[:tenth]), statistics.median(took[-tenth - 1 : -1] or took)
    note = f"{history:,} jobs in {sum(took):.1f} s"
    return Row("cleaning, last step / first", store, last * 1e3, first * 1e3, "ms", 1.5, "lower", note)


def drained(store: str, place: str, history: int, number: int, interval: str) -> tuple[float, int]:
    """Jobs per second of a worker in a process of its own, and how much of the history was left."""
    with fresh(store, place) as url:
        past(store, url, history)
        with closing(open_store(url)) as filled:
            fill(filled, number)
        rate = number / worked(url, HOLDFAST_BENCH_CLEANUP=interval)
        [(left,)] = ask(
            store, url, "SELECT count(*) FROM {}finished WHERE expires_at IS NOT NULL AND run = 0"
        )
        return rate, left


def past(store: str, url: str, history: int) -> None:
    """Ended jobs whose time is over, written past the library: it would take too long to run so many."""
    if store == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            for table, columns in (
                ("jobs", "id, queue, task, priority, args, run_at, created_at"),
                ("finished", "id, state, run, attempt, crashes, result, started_at, finished_at, expires_at"),
            ):
                marks = ", ".join("?" * (columns.count(",") + 1))
                connection.executemany(
                    f"INSERT INTO holdfast_{table} ({columns}) VALUES ({marks})", rows_of(table, history)
                )
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    import psycopg

    made = (
        "SELECT ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id, n, "
        f"now() - interval '2 days' AS at FROM generate_series(1, {history}) AS n"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO holdfast.jobs (id, queue, task, priority, args, run_at, created_at) "
            f"SELECT id, 'default', 'noop', 0, '{{\"n\": 1}}', at, at FROM ({made}) AS made".encode()
        )
        finished = (
            "INSERT INTO holdfast.finished "
            "(id, state, run, attempt, crashes, result, started_at, finished_at, expires_at) SELECT id, 'succeeded', "
            f"0, 1, 0, 'null', at, at, at + n * interval '1 millisecond' FROM ({made}) AS made"
        )
        connection.execute(finished.encode())
        connection.execute(b"VACUUM (ANALYZE) holdfast.jobs, holdfast.finished")
        connection.execute(b"CHECKPOINT")


def rows_of(table: str, history: int) -> Iterator[tuple[object, ...]]:
    at = time.time_ns() // 1000 - 2 * 86_400_000_000
    for n in range(history):
        job_id = f"01800000-0000-7000-8000-{n:012x}"
        if table == "jobs":
            yield job_id, "default", "noop", 0, '{"n": 1}', at, at
        else:
            yield job_id, "succeeded", 0, 1, 0, "null", at, at, at + n
