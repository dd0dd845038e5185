"""The plans of hot statements on SQLite: index access alone, whatever the planner has seen of the tables."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.core import outcomes as o
from holdfast.store.open import open_store
from holdfast.store.records import LimitRow
from holdfast.store.text import load, rename
from holdfast.store.verbs.limits import set_limits
from tests.conformance.backends import SqliteBackend
from tests.conformance.scene import HOUR, QUEUE, TASK, Scene

HOT = [
    "claim", "take", "lease", "lanes", "probe", "take_pending", "insert_jobs", "insert_pending",
    "finish", "wait", "wait_again", "change_args", "lock_leases", "lock_leases_shared", "release", "delete_leases",
    "finished_runs", "existing_jobs", "lease_jobs", "get_jobs", "get_errors", "add_errors", "trim_errors",
    "write_progress", "delete_progress", "delete_errors", "delete_jobs", "lock_finished",
    "request_cancel", "cancel_requests", "beat", "expired",
    "job_ids", "pending_ids", "succeeded_ids", "other_finished_ids",
    "vanish", "remember", "forgotten_runs", "old_forgotten", "delete_forgotten", "drop_args", "set_origin", "lost_args",
    "desk", "take_notes", "add_notes", "note_gone", "put_notes_back", "add_lines", "lock_lines", "lock_free_lines",
    "pick_lines", "waiting_lines", "first_tickets", "lock_slots", "add_slots", "set_slots", "set_lines", "heads",
    "holders", "take_from_lines", "take_heads", "take_out", "lease_taken", "drop_idle_lines", "drop_idle_slots",
    "insert_lined", "block_new", "block", "block_again", "lined_tasks", "lock_lined_of_task", "adopt", "stray_pending",
    "drop_other_lines", "drop_from_lines", "take_blocked", "head_tasks",
    "job_places", "take_waiting", "delete_pending", "dead_letter_ids", "count_dead_letters",
    "take_keys", "key_holders", "drop_expired_keys", "release_keys", "expired_keys", "lock_waiting",
    "lift_pending", "lift_blocked", "lock_pending", "lock_blocked", "expiries", "due_expiries", "drop_expiries",
    "stale_expiries", "add_expiries", "change_job",
]  # fmt: skip
# A loop over a parameter or over a row's own list; the lists of ids that IN looks things up in.
HARMLESS = (
    "json_each VIRTUAL TABLE",
    "LIST SUBQUERY",
    "CORRELATED",
    "SCAN q",
    "SCAN l",
    "SCAN lane",
    "SCAN CONSTANT ROW",
    "SCAN (subquery",  # so many rows at most
    "SCAN paused",
    "SCAN rule",  # what is paused and limited: a handful that people have named
    "SCAN holdfast_lines USING INDEX holdfast_lines_idle",
    "SCAN holdfast_slots USING INDEX holdfast_slots_idle",  # these hold what is to go, and nothing else
)


def explain(connection: sqlite3.Connection, name: str) -> list[str]:
    """The steps of a statement's plan, in the order of their loops."""
    text = load("sqlite", name)
    numbers = {parameter: f"?{n}" for n, parameter in enumerate(text.parameters, 1)}
    sql = f"EXPLAIN QUERY PLAN {rename(text.sql, numbers)}"
    return [row[3] for row in connection.execute(sql, ["[]"] * len(numbers))]


def fill(scene: Scene) -> None:
    """Jobs in every place: many of the one lane that a claim looks at, and lanes of others."""
    worker = scene.worker()
    for queue, priority in ((QUEUE, 0), (QUEUE, 9), ("other", 0)):
        scene.enqueue(3000, queue=queue, priority=priority, delay=HOUR)
        scene.enqueue(1000, queue=queue, priority=priority)
    scene.store.write(set_limits, [LimitRow("task:t/few", '{"most": 1}')])
    for n in range(300):
        scene.enqueue(2, ordering_key=f"k{n}")
        scene.enqueue(2, limits=(f"task:t/few|{n}",), share=f"s{n % 30}")
        scene.enqueue(1, limits=("task:t/few",), share=f"s{n}")
    scene.enqueue(3000, ordering_key="")
    for _ in range(3):
        scene.claim_lined(worker, limit=50)
    for outcome in (o.Succeeded("1"), o.Fail("no"), o.Cancel(), None):
        claimed = scene.claim(worker, limit=200)
        if outcome is not None:
            scene.finish(worker, claimed, outcome)


@pytest.fixture(scope="module", params=["empty", "full", "analysed"])
def connection(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sqlite3.Connection]:
    backend = SqliteBackend(str(tmp_path_factory.mktemp("plans") / "jobs.db"))
    with closing(backend.open()) as store:
        if request.param != "empty":
            fill(Scene(store, backend))
    with closing(sqlite3.connect(backend.path, isolation_level=None)) as connection:
        if request.param == "analysed":
            connection.execute("ANALYZE")
        else:
            # Closing a store may have analysed its tables: a worker's life begins without.
            connection.execute("DELETE FROM sqlite_stat1") if has_statistics(connection) else None
            connection.execute("ANALYZE sqlite_schema") if has_statistics(connection) else None
        yield connection


def has_statistics(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone())


@pytest.mark.parametrize("name", HOT)
def test_hot_statements_use_indexes_alone(connection: sqlite3.Connection, name: str) -> None:
    plan = explain(connection, name)
    few = ("lined_tasks", "head_tasks")  # the tasks of so many rows at most
    assert not [step for step in plan if "TEMP B-TREE" in step and name not in few], plan
    scans = [step for step in plan if step.startswith("SCAN") and not step.startswith(HARMLESS)]
    assert not [step for step in scans if "json_each" not in step and "VIRTUAL TABLE" not in step], plan
    assert not [step for step in plan if "AUTOMATIC" in step], plan


@pytest.mark.parity("F20")
def test_the_claim_visits_lane_by_lane_in_the_order_of_the_key(connection: sqlite3.Connection) -> None:
    loops = [step for step in explain(connection, "claim") if step.startswith(("SCAN", "SEARCH"))]
    # What is paused is looked up once for each lane and task.
    lanes, pending, *_ = [step for step in loops if "holdfast_pauses" not in step]
    assert lanes.startswith("SCAN l VIRTUAL TABLE"), loops
    assert pending == "SEARCH p USING PRIMARY KEY (queue=? AND lane=? AND run_at<?)", loops
    assert "SEARCH j USING PRIMARY KEY (id=?)" in loops


@pytest.mark.parity("F20")
def test_a_claim_costs_the_same_whatever_waits_in_the_future(tmp_path: Path) -> None:
    """Counted in steps of SQLite's machine, not in seconds."""
    backend = SqliteBackend(str(tmp_path / "jobs.db"))
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        scene.enqueue(10, queue="due")
        few = steps_of_a_claim(backend)
        scene.enqueue(20_000, queue="due", priority=50, delay=HOUR)
        scene.enqueue(20_000, queue="due", delay=HOUR)
        assert steps_of_a_claim(backend) <= 2 * few + 10


def steps_of_a_claim(backend: SqliteBackend) -> int:
    text = load("sqlite", "claim")
    numbers = {parameter: f"?{n}" for n, parameter in enumerate(text.parameters, 1)}
    given = {
        "lanes": json.dumps([["due", 50, 0, ""], ["due", 0, 0, ""]]),
        "tasks": json.dumps([TASK]),
        "limit": 10,
        "now": time.time_ns() // 1000,
    }
    counted = 0

    def step() -> None:
        nonlocal counted
        counted += 1

    with closing(sqlite3.connect(backend.path, isolation_level=None)) as connection:
        connection.set_progress_handler(step, 10)
        rows = connection.execute(
            rename(text.sql, numbers), [given[name] for name in text.parameters]
        ).fetchall()
        assert len(rows) == 10
    return counted


def test_lanes_are_found_without_walking_over_their_jobs(tmp_path: Path) -> None:
    backend = SqliteBackend(str(tmp_path / "jobs.db"))
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        for queue in "abc":
            scene.enqueue(5, queue=queue)
        few = steps_of_lanes(backend)
        scene.enqueue(20_000, queue="b")
        assert steps_of_lanes(backend) <= 2 * few + 10


def steps_of_lanes(backend: SqliteBackend) -> int:
    counted = 0

    def step() -> None:
        nonlocal counted
        counted += 1

    with closing(sqlite3.connect(backend.path, isolation_level=None)) as connection:
        connection.set_progress_handler(step, 10)
        assert len(connection.execute(load("sqlite", "lanes").sql).fetchall()) == 3
    return counted


def test_statistics_gathered_on_closing_change_no_plan(tmp_path: Path) -> None:
    """`PRAGMA optimize` runs when a store is closed, on whatever its tables hold at that moment."""
    backend = SqliteBackend(str(tmp_path / "jobs.db"))
    with closing(open_store(backend.url)) as store:
        fill(Scene(store, backend))
    with closing(sqlite3.connect(backend.path, isolation_level=None)) as connection:
        plan = explain(connection, "claim")
        assert "SEARCH p USING PRIMARY KEY (queue=? AND lane=? AND run_at<?)" in plan
