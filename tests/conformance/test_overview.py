"""What people who watch over a queue look at: right, and bounded."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.core import outcomes as o
from holdfast.core.times import SECOND
from holdfast.store.open import open_store
from holdfast.store.records import DepthRecord, QueueRow
from holdfast.store.text import load, rename
from holdfast.store.verbs import overview, pauses, queues
from tests.conformance.scene import HOUR, Scene


def found(scene: Scene, most: int = 100) -> dict[str, DepthRecord]:
    return {one.name: one for one in scene.store.read(overview.depths, most)}


def test_nothing(scene: Scene) -> None:
    assert scene.store.read(overview.depths, 100) == []
    assert scene.store.read(overview.recent_failures, 0, 100).number == 0
    assert scene.store.read(overview.unknown_tasks) == []


def test_depths(scene: Scene) -> None:
    worker = scene.worker()
    scene.store.write(queues.declare_queues, [QueueRow("a"), QueueRow("empty")])
    scene.store.write(pauses.pause, "queue", "paused", None, None)
    scene.run(2, worker=worker, queue="a")
    first = scene.enqueue(1, queue="a", priority=-5)[0]
    scene.enqueue(3, queue="a", priority=9)
    scene.enqueue(5, queue="a", delay=HOUR)
    scene.enqueue(4, queue="later", delay=HOUR)
    scene.enqueue(3, queue="line", ordering_key="")
    run_at = scene.get(first).run_at
    assert found(scene) == {
        "a": DepthRecord(name="a", declared=True, pending=9, due=4, running=2, oldest_due=run_at),
        "empty": DepthRecord(name="empty", declared=True),
        "later": DepthRecord(name="later", declared=False, pending=4),
        "line": DepthRecord(name="line", declared=False, blocked=3),
        "paused": DepthRecord(name="paused", declared=False),
    }


def test_counts_end_somewhere(scene: Scene) -> None:
    scene.enqueue(4, queue="a", priority=1)
    scene.enqueue(4, queue="a", priority=2)
    scene.enqueue(8, queue="line", ordering_key="")
    a, line = found(scene, 5).values()
    assert (a.pending, a.due, line.blocked) == (5, 5, 5)
    assert found(scene, 8)["a"].due == 8


def test_recent_failures(scene: Scene) -> None:
    worker = scene.worker()
    claimed = scene.run(5, worker=worker)
    ends = [o.Fail("x"), o.Fail("x"), o.Fail("x"), o.Cancel(), o.Succeeded()]
    scene.settle(
        worker, [scene.decide(job, end) for job, end in zip(claimed, ends, strict=True)], [claimed[0].lease]
    )
    now = scene.store.now()
    seen = scene.store.read(overview.recent_failures, now - 60 * SECOND, 100)
    assert (seen.number, seen.lately) == (3, 3)
    assert scene.store.read(overview.recent_failures, now - 60 * SECOND, 2).number == 2
    assert scene.store.read(overview.recent_failures, now + 60 * SECOND, 100).lately == 0


@pytest.mark.parametrize("name", ["depth_of_lanes", "depth_of_lines", "recent_failures"])
def test_they_read_indexes_alone(tmp_path: Path, name: str) -> None:
    """On SQLite, where the plan is the same whatever the tables hold."""
    path = tmp_path / "jobs.db"
    open_store(f"sqlite:///{path}").close()
    text = load("sqlite", name)
    sql = rename(text.sql, {parameter: f"?{n}" for n, parameter in enumerate(text.parameters, 1)})
    with closing(sqlite3.connect(path)) as connection:
        plan = [
            row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", ["[]"] * len(text.parameters))
        ]
    tables = [step for step in plan if step.split()[1:2] in (["p"], ["b"], ["f"])]
    assert tables
    assert all(step.startswith("SEARCH") for step in tables), plan
