"""Two databases and a move between them: what the tests of moving share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from holdfast.core.outcomes import Cancel, Fail, Raised, Snooze, Succeeded
from holdfast.core.schedules import Cron
from holdfast.store.base import Store
from holdfast.store.move.mover import Moved, Silent, Watcher, move, undo
from holdfast.store.move.place import open_source, open_target
from holdfast.store.move.tables import OF_JOBS, WHOLE
from holdfast.store.records import LimitRow, QueueRow, ScheduleRow
from holdfast.store.verbs import limits, progress, queues, schedules, workers
from tests.conformance.backends import Backend, PostgresBackend, SqliteBackend, prepare_postgres
from tests.conformance.scene import HOUR, Scene
from tests.servers.shared import Servers, versions

FAR = 253_402_300_799_999_999
"""The last microsecond of year 9999: floating point would lose it."""
ODD = 'ünïcode "quoted" \\back\\slash \t tab \n line {brace} 😀'
NEWEST = versions()[0] if versions() else "none"
DIRECTIONS = ("sqlite-postgres", "postgres-sqlite", "sqlite-sqlite", "postgres-schema")


@dataclass(frozen=True)
class Side:
    """One database."""

    url: str
    schema: str = "holdfast"

    @property
    def backend(self) -> Backend:
        if self.url.startswith("sqlite"):
            return SqliteBackend(self.url.removeprefix("sqlite:///"))
        return PostgresBackend(self.url, self.schema)

    @contextmanager
    def scene(self) -> Iterator[Scene]:
        store = self.backend.open()
        store.migrate()
        try:
            yield Scene(store, self.backend)
        finally:
            store.close()

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """What of a table arrives, in the same form for both kinds, told without any statement of the move's own."""
        names, where = PART.get(table, ((), "true"))
        if self.url.startswith("sqlite"):
            wanted = ", ".join(names) or "*"
            found = self.backend.execute(f"SELECT {wanted} FROM {{}}{table} WHERE {where}")
            return sorted(found, key=repr)
        columns = [
            row[0:2]
            for row in self.backend.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = ? "
                "AND table_name = ? ORDER BY ordinal_position", self.schema, table
            )
        ]  # fmt: skip
        plain = {"timestamp with time zone": "(extract(epoch FROM {}) * 1000000)::bigint", "uuid": "{}::text"}
        plain["json"] = "{}::text"
        kinds = dict(columns)
        wanted = ", ".join(plain.get(kinds[name], "{}").format(name) for name in names or kinds)
        rows = self.backend.execute(f"SELECT {wanted} FROM {{}}{table} WHERE {where}")
        return sorted(rows, key=repr)

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        return {table: self.rows(table) for table in TABLES}

    def order(self) -> list[str]:
        """The waiting jobs in the order in which they would be claimed."""
        by_text = "" if self.url.startswith("sqlite") else 'COLLATE "C"'
        found = self.backend.execute(
            f"SELECT id FROM {{}}pending ORDER BY queue {by_text}, lane DESC, run_at, id"
        )
        return [str(row[0]) for row in found]


QUICK = "?options=-c%20synchronous_commit%3Doff"
"""Nobody pulls the plug in these tests."""
PART = {
    "lines": (("queue", "key", "lane", "due", "id", "run"), "id IN (SELECT id FROM {}blocked)"),
    "slots": (("name", "next_free"), "next_free IS NOT NULL"),
}
"""Of these the columns and rows of which more is kept than workers find out for themselves."""
TABLES = tuple(table.name for table in (*OF_JOBS, *WHOLE))


class Stop(Silent):
    """Ends a move in the middle, as a lost terminal would."""

    class Ended(Exception):
        pass

    def __init__(self, what: str = "Copying", done: int = 1) -> None:
        self.what = what
        self.done = done

    def progress(self, what: str, done: int, total: int) -> None:
        if what == self.what and done >= self.done:
            raise self.Ended


class Road:
    """A way from one database to another."""

    def __init__(self, source: Side, target: Side) -> None:
        self.source = source
        self.target = target

    def move(self, watcher: Watcher | None = None, lease: float = 0.3) -> Moved:
        with self._stores() as (source, target):
            return move(source, target, watcher, lease=lease)

    def undo(self) -> int:
        with self._stores() as (source, target):
            return undo(source, target)

    @property
    def name(self) -> str:
        """The source's name, as the target keeps it."""
        with self._stores() as (source, _):
            return str(source.name)

    def half_way(self) -> None:
        """Leave a move where some jobs are copied."""
        try:
            self.move(Stop())
        except Stop.Ended:
            return
        raise AssertionError("the move ended before it could be stopped")

    @contextmanager
    def _stores(self) -> Iterator[tuple[Any, Any]]:
        source = open_source(self.source.url, self.source.schema)
        target = open_target(self.target.url, self.target.schema)
        try:
            yield source, target
        finally:
            source.store.close()
            target.store.close()


@contextmanager
def road(direction: str, folder: Path, servers: Servers, version: str = NEWEST) -> Iterator[Road]:
    """Fresh databases for one direction."""
    source, target = direction.split("-")
    own = servers.databases(version).fresh(prepare_postgres) if "postgres" in direction else nullcontext()
    with own as database:

        def side(kind: str, name: str) -> Side:
            if kind == "sqlite":
                return Side(f"sqlite:///{folder / name}.db")
            assert database is not None
            return Side(f"{database.url}{QUICK}", "elsewhere" if kind == "schema" else "holdfast")

        yield Road(side(source, "from"), side(target, "to"))


def furnish(scene: Scene, jobs: int = 60) -> None:
    """Jobs in every place where they can rest, with all that can be kept of them."""
    store = scene.store
    worker = scene.worker()
    for n in range(0, jobs, 12):
        args = json.dumps({"text": ODD, "n": n}, ensure_ascii=bool(n % 2))
        scene.enqueue(4, args=args, priority=n % 3, meta={"n": n, "odd": ODD} if n % 2 else {})
        scene.enqueue(2, run_at=store.now() + HOUR, queue="später")
        _line_up(scene, worker, n)
        claimed = scene.run(6, worker=worker, queue="run", args=args)
        store.write(progress.progress, claimed[0].lease, worker, claimed[0].job_id, claimed[0].run, 40, ODD)
        for job in claimed:
            job.started_at = store.now()
        outcomes = [Succeeded(args), Raised(ValueError(ODD)), Fail(ODD), Cancel(), Snooze(timedelta(hours=1))]
        decided = zip(claimed, [*outcomes, Succeeded()], strict=True)
        flush = [scene.decide(job, outcome) for job, outcome in decided]
        assert scene.settle(worker, flush, [claimed[0].lease]) == []
    store.write(limits.declare_limits, [LimitRow("task:mail.send", '{"most": 2}')], [])
    store.write(limits.set_limits, [LimitRow("queue:später", '{"most": 1}')])
    store.write(workers.unregister, worker)
    store.write(queues.declare_queues, [QueueRow("später", '{"x": 1.50}'), QueueRow("run")])
    store.write(
        schedules.declare_schedules, [_schedule("täglich", declared=True), _schedule("later", declared=True)]
    )
    store.write(schedules.put_schedule, _schedule("put", declared=False))
    store.write(schedules.pause_schedule, "later")
    store.write(schedules.remove_schedule, "täglich")
    store.write(schedules.note_job, "put", scene.ids.next())
    _plant(scene, store)


def _line_up(scene: Scene, worker: str, n: int) -> None:
    """Jobs that wait in lines, ordered and side by side: first ones, such that a note tells of, one that waits for its
    retry and holds the turn, and such as a rate lets wait."""
    rate = "queue:keyed/rate"
    scene.store.write(limits.set_limits, [LimitRow(rate, '{"count": 1, "per": 3600000000}')])
    scene.enqueue(2, queue="keyed", ordering_key=f"{ODD} {n}", limits=(f"{rate}|{n}",))
    scene.enqueue(2, queue="keyed", limits=(f"{rate}|{n}", "task:mail.send"), share=ODD)
    claimed = scene.claim_lined(worker)
    later = Snooze(timedelta(hours=1)) if n % 24 else Raised(ValueError(ODD))
    assert (
        scene.settle(worker, [scene.decide(job, later) for job in claimed], [job.lease for job in claimed])
        == []
    )
    scene.enqueue(2, queue="keyed", ordering_key=f"{ODD} {n}")


def _schedule(name: str, *, declared: bool) -> ScheduleRow:
    return ScheduleRow(
        name=name, spec=Cron("@daily", tz="Europe/Rome").encode(), task="mail.send", queue="später",
        args=json.dumps({"text": ODD}), meta='{"a": 1.50}', overlap="skip", missed="all", declared=declared,
    )  # fmt: skip


def _plant(scene: Scene, store: Store) -> None:
    """What is rare: a time at the end of the world, a task that nobody knows."""
    last = scene.enqueue_one(queue="far", run_at=FAR - 1)
    text = store.dialect == "sqlite"
    far = FAR if text else "9999-12-31 23:59:59.999999+00"
    since = 1_700_000_000_000_001 if text else "2023-11-14 22:13:20.000001+00"
    scene.backend.execute("UPDATE {}pending SET run_at = ? WHERE id = ?", far, last)
    scene.backend.execute("INSERT INTO {}unknown_tasks VALUES ('q', 'gone', ?)", since)
    scene.backend.execute("INSERT INTO {}pauses VALUES ('queue', 'später', 'ada', NULL, ?)", since)
