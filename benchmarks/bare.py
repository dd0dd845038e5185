"""The ceiling: the same statements as Holdfast's, run by the bare driver in a loop that does nothing else.

One connection, batches of 250, no handlers, no decoding, no threads; all durability settings as they are for us.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.places import ARGS, IDS
from holdfast.store.postgres.literals import array
from holdfast.store.text import load, rename
from holdfast.store.verbs.insert import COLUMNS as INSERTED
from holdfast.store.verbs.settle import FINISHED as SETTLED

BATCH = 250
WORKER = "01900000-0000-7000-8000-000000000001"


def sqlite_sql(name: str, columns: Sequence[str]) -> str:
    """One statement with numbered placeholders."""
    return rename(load("sqlite", name).sql, {column: f"?{n}" for n, column in enumerate(columns, 1)})


def sqlite_connect(url: str) -> Any:
    from holdfast.store.sqlite.connection import Place, connect

    return connect(Place.of(url), timeout=30)


def drain_sqlite(url: str, task: str) -> float:
    """Claim and settle all jobs; returns jobs per second."""
    connection = sqlite_connect(url)
    claim = sqlite_sql("claim", ("lanes", "tasks", "limit", "now"))
    take = sqlite_sql("take", ("queue", "lane", "run_at", "id"))
    lease = sqlite_sql("lease", ("lease", "worker", "jobs", "now"))
    lock = sqlite_sql("lock_leases", ("leases",))
    finish = sqlite_sql("finish", SETTLED)
    over = sqlite_sql("delete_leases", ("leases",))
    lanes, tasks = json.dumps([["default", 0]]), json.dumps([task])
    done, began = 0, time.perf_counter()
    while True:
        now = time.time_ns() // 1000
        name = IDS.next()
        connection.execute("BEGIN IMMEDIATE")
        rows = connection.execute(claim, (lanes, tasks, BATCH, now)).fetchall()
        connection.executemany(take, [(row[2], row[14], row[10], row[0]) for row in rows])
        connection.execute(lease, (name, WORKER, json.dumps([(r[0], r[7], r[8], r[9]) for r in rows]), now))
        connection.execute("COMMIT")
        if not rows:
            break
        leases = json.dumps([name])
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(lock, (leases,)).fetchall()
        connection.executemany(
            finish, [(r[0], "succeeded", None, r[7], r[8], r[9], WORKER, "null", now, now, now) for r in rows]
        )
        connection.execute(over, (leases,))
        connection.execute("COMMIT")
        done += len(rows)
    seconds = time.perf_counter() - began
    connection.close()
    return done / seconds


def claim_one_sqlite(url: str) -> None:
    """One claim, one commit."""
    connection = sqlite_connect(url)
    claim = sqlite_sql("claim", ("lanes", "tasks", "limit", "now"))
    take = sqlite_sql("take", ("queue", "lane", "run_at", "id"))
    now = time.time_ns() // 1000
    connection.execute("BEGIN IMMEDIATE")
    rows = connection.execute(claim, ('[["default",0]]', '["noop"]', 100, now)).fetchall()
    connection.executemany(take, [(row[2], row[14], row[10], row[0]) for row in rows])
    lease = sqlite_sql("lease", ("lease", "worker", "jobs", "now"))
    connection.execute(lease, (IDS.next(), WORKER, "[]", now))
    connection.execute("COMMIT")
    connection.close()


def enqueue_sqlite(url: str, number: int, batch: int) -> float:
    """Insert jobs, `batch` a transaction; returns jobs per second."""
    connection = sqlite_connect(url)
    names = (*INSERTED, "now")
    jobs, pending = sqlite_sql("insert_jobs", names), sqlite_sql("insert_pending", names)
    ids = IDS.take(number)
    began = time.perf_counter()
    for begin in range(0, number, batch):
        now = time.time_ns() // 1000
        rows = [
            (i, "default", "noop", 0, ARGS, None, None, None, 0, None, now)
            for i in ids[begin : begin + batch]
        ]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(jobs, rows)
        connection.executemany(pending, rows)
        connection.execute("COMMIT")
    seconds = time.perf_counter() - began
    connection.close()
    return number / seconds


def postgres_sql(name: str) -> tuple[bytes, tuple[str, ...]]:
    """One statement with `$1` placeholders, and what goes into them."""
    from holdfast.store.postgres.text import prepared

    text = prepared(name, "holdfast")
    return text.sql.encode(), text.parameters


def drain_postgres(url: str, task: str) -> float:
    """Claim and settle all jobs; returns jobs per second."""
    import psycopg

    connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
    cursor = psycopg.RawCursor(connection)
    claim, claim_names = postgres_sql("claim")
    lock, _ = postgres_sql("lock_leases")
    finish, finish_names = postgres_sql("finish")
    over, _ = postgres_sql("delete_leases")
    zero = "00000000-0000-0000-0000-000000000000"
    mark = [0, zero]
    done, began = 0, time.perf_counter()
    while True:
        name = IDS.next()
        given = {
            "lanes": json.dumps([["default", 0, *mark]]),
            "tasks": array([task]),
            "limit": BATCH,
            "lease": name,
            "worker": WORKER,
        }
        rows = cursor.execute(claim, [given[n] for n in claim_names], binary=True).fetchall()
        if not rows:
            break
        now, n = time.time_ns() // 1000, len(rows)
        mark = [max(row[10] for row in rows) - 1, zero]
        same = {
            "state": "succeeded", "reason": None, "worker": WORKER, "result": "null",
            "started_at": now, "finished_at": now, "expires_at": now,
        }  # fmt: skip
        columns = {key: array([value] * n) for key, value in same.items()}
        columns.update(
            id=array([r[0] for r in rows]),
            run=array([r[7] for r in rows]),
            attempt=array([r[8] for r in rows]),
            crashes=array([r[9] for r in rows]),
        )
        leases = array([name])
        connection.execute(b"BEGIN")
        cursor.execute(lock, [leases], binary=True).fetchall()
        cursor.execute(finish, [columns[n] for n in finish_names])
        cursor.execute(over, [leases])
        connection.execute(b"COMMIT")
        done += n
    seconds = time.perf_counter() - began
    connection.close()
    return done / seconds


def enqueue_postgres(url: str, number: int, batch: int) -> float:
    """Insert jobs, `batch` a transaction; returns jobs per second."""
    import psycopg

    connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
    cursor = psycopg.RawCursor(connection)
    insert, names = postgres_sql("insert_job" if batch == 1 else "insert_jobs")
    same = {
        "queue": "default",
        "task": "noop",
        "priority": 0,
        "args": ARGS,
        "meta": None,
        "overrides": None,
        "run_at": None,
        "delay": 0,
        "unique_key": None,
    }
    ids = IDS.take(number)
    began = time.perf_counter()
    for begin in range(0, number, batch):
        some = ids[begin : begin + batch]
        if batch == 1:
            row = same | {"id": some[0]}
            cursor.execute(insert, [row[name] for name in names])
            continue
        columns = {key: array([value] * len(some)) for key, value in same.items()} | {"id": array(some)}
        cursor.execute(insert, [columns[name] for name in names])
    seconds = time.perf_counter() - began
    connection.close()
    return number / seconds


def drain(store: str, url: str, task: str = "noop") -> float:
    return drain_sqlite(url, task) if store == "sqlite" else drain_postgres(url, task)


def enqueue(store: str, url: str, number: int, batch: int) -> float:
    return enqueue_sqlite(url, number, batch) if store == "sqlite" else enqueue_postgres(url, number, batch)
