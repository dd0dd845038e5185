"""The plans of hot statements on PostgreSQL: index access whatever the planner has seen of the tables."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from holdfast.core.ids import IdSource
from holdfast.core.job import NewJob
from holdfast.store.open import open_store
from holdfast.store.postgres.session import BEGIN
from holdfast.store.postgres.text import columns, prepared, values
from holdfast.store.records import LimitRow
from holdfast.store.statement import Many, Statement
from holdfast.store.verbs.claim_lined import claim_lined
from holdfast.store.verbs.ending import FORGOTTEN
from holdfast.store.verbs.in_hand import Order
from holdfast.store.verbs.insert import LINED, insert
from holdfast.store.verbs.limits import set_limits
from holdfast.store.verbs.lines import BLOCKED
from holdfast.store.verbs.lines import SET as SET_LINES
from holdfast.store.verbs.settle import FINISHED, WAITING
from holdfast.store.verbs.slots import SET as SET_SLOTS
from holdfast.store.verbs.unique import HELD, TAKEN
from tests.conformance.analysed import never_analysed
from tests.servers.shared import Servers, versions

IDS = IdSource(lambda: time.time_ns() // 1_000_000, os.urandom)
ZERO = "00000000-0000-0000-0000-000000000000"
SOME = [IDS.next() for _ in range(3)]
LANES = [("q", 5, 0, ZERO), ("q", 0, 0, ZERO)]
CLAIM = {"worker": SOME[0], "lease": SOME[1], "lanes": LANES, "limit": 250, "tasks": ["t"]}
RUN = (1, 1, 0)
KEYS = [("q", "k1"), ("q", "k2")]
LETTERS = dict.fromkeys(("queue", "task", "reason", "error", "since", "until"))
HOT = [
    Statement("claim", CLAIM),
    Statement("lanes"),
    Statement("list_pauses"),
    Statement("lock_leases", {"leases": SOME}),
    Statement("lock_leases_shared", {"leases": SOME}),
    Statement("delete_leases", {"leases": SOME}),
    Statement("finished_runs", {"ids": SOME}),
    Statement("lease_jobs", {"leases": SOME}),
    Statement("get_jobs", {"ids": SOME}),
    Statement("take_pending", {"id": SOME[0]}),
    Statement("expired", {"limit": 1000, "mark": 0}),
    Statement("delete_jobs", {"ids": SOME}),
    Statement("delete_errors", {"ids": SOME}),
    Statement("job_ids", {"before": SOME[0], "queue": None, "task": None, "limit": 50}),
    Statement("pending_ids", {"before": SOME[0], "queue": None, "task": None, "limit": 50}),
    Statement(
        "other_finished_ids", {"before": SOME[0], "queue": None, "task": None, "limit": 50, "state": "failed"}
    ),
    Statement("dead_letter_ids", {**LETTERS, "before": SOME[0], "limit": 500}),
    Statement("vanish", {"ids": SOME}),
    Statement("forgotten_runs", {"ids": SOME}),
    Statement("old_forgotten", {"before": 1, "limit": 1000, "mark": 0}),
    Statement("delete_forgotten", {"ids": SOME}),
    Statement("drop_args", {"ids": SOME}),
    Statement("lost_args", {"ids": SOME}),
    Statement("job_places", {"ids": SOME}),
    Statement("probe", {"lanes": json.dumps(LANES), "lines": json.dumps(LANES), "notes": 0, "slots": 0}),
    Statement("desk", {"notes": 0, "slots": 0, "limit": 250}),
    Statement("take_notes", {"after": 0, "limit": 500}),
    Statement("lock_lines", {"keys": KEYS}),
    Statement("lock_free_lines", {"keys": KEYS}),
    Statement("pick_lines", {"lanes": LANES, "limit": 250}),
    Statement("waiting_lines", {"slots": [("queue:q|k1", 0, 11), ("queue:q|k2", 7, 2)], "most": 11}),
    Statement("first_tickets", {"slots": ["queue:q|k1", "queue:q|k2"], "most": 11}),
    Statement("heads", {"keys": [(*key, 0, ZERO) for key in KEYS]}),
    Statement("holders", {"ids": SOME}),
    Statement("lock_slots", {"names": ["queue:q|k1", "queue:q|k2"]}),
    Statement("take_heads", {"heads": [(SOME[0], None), (SOME[1], '["queue:q"]')]}),
    Statement("take_from_lines", {"lines": [(*key, 5, 0, ZERO) for key in KEYS], "tasks": ["t"], "most": 5}),
    Statement("lease_taken", {"lease": SOME[1], "worker": SOME[0], "jobs": [(SOME[0], *RUN)]}),
    Statement("drop_idle_lines", {"limit": 1000}),
    Statement("drop_idle_slots", {"limit": 1000}),
    Statement("lined_tasks", {"queue": "q", "lane": 0, "limit": 100}),
    Statement("lock_lined_of_task", {"queue": "q", "lane": 0, "limit": 100, "task": "t"}),
    Statement("stray_pending", {"queue": "q", "limit": 500}),
    Statement("drop_other_lines", {"queue": "q", "limit": 500}),
    Statement("drop_from_lines", {"ids": SOME}),
    Statement("take_blocked", {"id": SOME[0]}),
    Statement("block_again", {"id": SOME[0], "run": 1}),
    Many("add_notes", ("id", "queue", "key", "lane"), [(SOME[0], "q", "k1", 0)]),
    Many("note_gone", ("id", "run"), [(SOME[0], 1), (SOME[1], 2)], {"ran": False}),
    Many(
        "put_notes_back", ("id", "run", "queue", "key", "lane", "limits"), [(SOME[0], 0, "q", "k1", 0, None)]
    ),
    Many("add_lines", ("queue", "key", "lane"), [(*key, 0) for key in KEYS]),
    Many("set_lines", SET_LINES, [(*key, 0, 0, 0, None, None, "queue:q|k1", 5, 0) for key in KEYS]),
    Many("add_slots", ("name",), [("queue:q|k1",), ("queue:q|k2",)]),
    Many("set_slots", SET_SLOTS, [("queue:q|k1", 0, 1, None, 0, True, 5, 2)]),
    Many("insert_lined", LINED, [(SOME[0], "q", "t", 0, "{}", None, None, None, 0, None, "k1", None)]),
    Many("block", BLOCKED, [("q", "k1", 1, SOME[0], 0, "t", *RUN)]),
    Many("adopt", ("id", "line", "limits"), [(SOME[0], "k1", None), (SOME[1], "k2", None)]),
    Statement("take_waiting", {"queue": "q", "lane": -32768, "run_at": 0, "id": ZERO, "limit": 500}),
    Statement("delete_pending", {"ids": SOME}),
    Statement("lift_pending", {"id": SOME[0]}),
    Statement("lift_blocked", {"id": SOME[0]}),
    Statement("lock_pending", {"ids": SOME}),
    Statement("lock_blocked", {"ids": SOME}),
    Statement("expiries", {"ids": SOME}),
    Statement("due_expiries", {"at": 0, "id": ZERO, "limit": 1000}),
    Statement("drop_expiries", {"ids": SOME}),
    Statement("stale_expiries", {"ids": SOME}),
    Statement(
        "change_job",
        {
            "id": SOME[0],
            "queue": "q",
            "priority": 0,
            "line": None,
            "limits": None,
            "args": None,
            "run_at": None,
        },
    ),
    Many("add_expiries", ("id", "at", "after"), [(SOME[0], None, 1)]),
    Many("set_origin", ("id", "origin"), [(SOME[0], SOME[1])]),
    Many("remember", FORGOTTEN, [(SOME[0], 1, "succeeded")]),
    Many("finish", FINISHED, [(SOME[0], "succeeded", None, *RUN, SOME[1], "null", 1, 2, 3)]),
    Many("wait", WAITING, [("q", 0, 1, SOME[0], "t", *RUN)]),
    Many("release", ("lease", "id"), [(SOME[0], SOME[1])]),
    Many("take_keys", TAKEN, [("k", SOME[0], None)]),
    Many("release_keys", HELD, [("k", SOME[0])]),
    Many("drop_expired_keys", ("key",), [("k",)]),
    Statement("key_holders", {"keys": ["k", "l"]}),
    Statement("expired_keys", {"limit": 1000, "mark": 0}),
    Statement("lock_waiting", {"id": SOME[0]}),
]
TABLES = {
    "jobs", "pending", "leases", "finished", "job_errors", "forgotten", "blocked", "lines", "slots", "notes",
    "unique_keys", "expiries",
}  # fmt: skip


@pytest.fixture(params=versions() or [pytest.param("", marks=pytest.mark.skip(reason="no PostgreSQL"))])
def database(request: pytest.FixtureRequest, servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    """An empty database whose statistics are only as new as a test says."""
    with never_analysed(servers, request.param, TABLES) as connection:
        yield connection


def scans(plan: dict[str, Any]) -> Iterator[str]:
    """The tables that a plan reads from end to end."""
    if plan["Node Type"] in ("Seq Scan", "Parallel Seq Scan") and plan.get("Relation Name") in TABLES:
        yield plan["Relation Name"]
    for child in plan.get("Plans", ()):
        yield from scans(child)


def scanned(connection: psycopg.Connection[Any], step: Statement | Many) -> list[str]:
    text = prepared(step.name, "holdfast")
    given = columns(step, text.parameters) if isinstance(step, Many) else values(text.parameters, step.params)
    connection.pgconn.exec_(BEGIN)
    try:
        cursor = psycopg.RawCursor(connection)
        row = cursor.execute(f"EXPLAIN (FORMAT JSON) {text.sql}".encode(), given).fetchone()
        assert row is not None
        plans = row[0] if isinstance(row[0], list) else json.loads(row[0])
        return list(scans(plans[0]["Plan"]))
    finally:
        connection.execute("ROLLBACK")


def found(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    return {step.name: tables for step in HOT if (tables := scanned(connection, step))}


@pytest.mark.parity("F20")
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", versions()[:1], indirect=True)
def test_nor_among_a_million_waiting_and_a_million_scheduled(database: psycopg.Connection[Any]) -> None:
    database.execute("SET synchronous_commit = off")
    for number, ahead in ((1_000_000, "-1 hour"), (1_000_000, "1 day")):
        database.execute(
            "WITH new AS (INSERT INTO holdfast.jobs SELECT gen_random_uuid(), 'q', 't', 0, '{}', NULL, NULL, "
            f"now() + interval '{ahead}' + n * interval '1 ms', now() FROM generate_series(1, {number}) AS n "
            "RETURNING id, run_at) INSERT INTO holdfast.pending SELECT 'q', 0, run_at, id, 't' FROM new".encode()
        )
    assert found(database) == {}, "never analysed"
    database.execute("ANALYZE")
    assert found(database) == {}, "analysed"


def counts(database: psycopg.Connection[Any]) -> list[Any]:
    """How many lines there are, those that may go on and those that wait, and slots."""
    return database.execute(
        "SELECT count(*) FROM holdfast.lines UNION ALL SELECT count(*) FROM holdfast.lines WHERE due IS NOT NULL "
        "UNION ALL SELECT count(*) FROM holdfast.lines WHERE slot IS NOT NULL "
        "UNION ALL SELECT count(*) FROM holdfast.slots"
    ).fetchall()


@pytest.mark.parity("F20")
def test_no_hot_statement_scans_a_table(database: psycopg.Connection[Any]) -> None:
    assert found(database) == {}, "on empty tables"
    at = database.info
    store = open_store(f"postgresql://{at.user}@{at.host}:{at.port}/{at.dbname}")
    for _ in range(8):
        jobs = [NewJob(job_id=job_id, task="t", queue="q", args="{}") for job_id in IDS.take(2500)]
        store.write(insert, jobs)
    # One long line, many keys whose jobs wait, run and have none, and lines that wait for slots.
    for shape in (
        lambda n: {"ordering_key": ""},
        lambda n: {"ordering_key": f"k{n}"},
        lambda n: {"limits": (f"queue:q|k{n % 5000}",)},
        lambda n: {"limits": ("queue:q",), "share": f"s{n % 2000}"},
    ):
        jobs = [
            NewJob(job_id=job_id, task="t", queue="q", args="{}", **shape(n))
            for n, job_id in enumerate(IDS.take(10_000))
        ]
        store.write(insert, jobs)
    store.write(set_limits, [LimitRow("queue:q", '{"most": 1}')])
    order = Order(SOME[0], SOME[1], [], 100, ["t"], lambda queue: True)
    while store.write(claim_lined, order).look_at == 0:
        database.execute("DELETE FROM holdfast.leases")
    database.execute("UPDATE holdfast.lines SET id = NULL WHERE key LIKE 'k4%'")
    database.execute(
        "INSERT INTO holdfast.notes (id, run, queue, key, lane) "
        "SELECT id, 0, queue, key, 0 FROM holdfast.blocked LIMIT 5000"
    )
    assert [row[0] > 1000 for row in counts(database)] == [True] * 4
    store.close()
    database.execute(
        "INSERT INTO holdfast.forgotten SELECT id, 1, 'succeeded', now() FROM holdfast.jobs LIMIT 20000"
    )
    database.execute(
        "INSERT INTO holdfast.finished SELECT id, 'succeeded', NULL, 1, 1, 0, NULL, NULL, NULL, now(), now() "
        "FROM holdfast.jobs LIMIT 5000"
    )
    assert found(database) == {}, "on full tables that were never analysed"
    database.execute("ANALYZE")
    assert found(database) == {}, "on full tables"
