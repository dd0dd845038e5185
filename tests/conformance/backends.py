"""Where the store's tests run: one class for each store, so that a further one is one class more.

A backend can be sent to another process, which opens the same database with it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

from holdfast.store.base import Store
from holdfast.store.open import open_store


class LineSeen(NamedTuple):
    """How it stands with a line."""

    turn: str | None
    """The job that has the turn."""
    due: bool
    """A time to look at it is set."""
    slot: str | None
    """It waits for this."""


class SlotSeen(NamedTuple):
    """How it stands with a slot."""

    used: int
    waiting: bool
    wakes: bool
    """A time to look who can go on is set."""


@dataclass(frozen=True)
class Tables:
    """What a database holds at one moment: the ids in each place, told without any of the store's own code."""

    jobs: list[str]
    pending: list[str]
    blocked: list[str]
    finished: list[str]
    leases: dict[str, tuple[list[str], list[str]]]
    """By lease: the ids that it names, and those that it has released."""
    kept: dict[str, list[str]]
    """Ids in the tables that only say more of a job, by table."""
    stood: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Queue and line of the jobs that stand in one, waiting or not."""
    needed: dict[str, list[str]] = field(default_factory=dict)
    """The slots that jobs need, of those that need some."""
    waiting: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    """Queue and line of each job in blocked, and whether it is due."""
    lines: dict[tuple[str, str], list[LineSeen]] = field(default_factory=dict)
    slots: dict[str, list[SlotSeen]] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)
    """What limits say, by the name of their rule."""
    notes: list[tuple[str, int, str, str, list[str]]] = field(default_factory=list)
    """Job, run (0 where it has come), queue, line, and the slots that it has left."""
    held: dict[str, str] = field(default_factory=dict)
    """What is kept of the unique key of the jobs that have one."""
    unique: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """By unique key the job that keeps others out, and whether a window does so in its stead."""


class Backend(Protocol):
    """One database, as tests need it."""

    dialect: ClassVar[str]

    def open(self) -> Store:
        """Another store on it, as another process would have."""
        ...

    def tables(self) -> Tables: ...

    def execute(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement past the store. `{}` before a table's name stands for the prefix, `?` for a value."""
        ...


KEPT = ("job_errors", "job_progress")
PLACES = ("jobs", "pending", "blocked", "finished")
NOW = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
"""Microseconds, in the SQL of SQLite 3.40."""


@dataclass(frozen=True)
class SqliteBackend:
    path: str
    options: str = ""
    dialect: ClassVar[str] = "sqlite"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}{self.options}"

    def open(self) -> Store:
        return open_store(self.url)

    def tables(self) -> Tables:
        with closing(sqlite3.connect(self.path, timeout=30.0, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            known = {
                name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }

            def ids(table: str) -> list[str]:
                if f"holdfast_{table}" not in known:
                    return []
                return [row[0] for row in connection.execute(f"SELECT id FROM holdfast_{table}")]

            rows = connection.execute("SELECT id, jobs, released FROM holdfast_leases").fetchall()
            leases = {
                lease: ([job[0] for job in json.loads(jobs)], json.loads(gone)) for lease, jobs, gone in rows
            }
            return _tables(
                ids,
                leases,
                *map(connection.execute, _order("holdfast_", NOW)),
            )

    def execute(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path, timeout=30.0, isolation_level=None)) as connection:
            return connection.execute(sql.replace("{}", "holdfast_"), values).fetchall()  # type: ignore[arg-type]


@dataclass(frozen=True)
class PostgresBackend:
    url: str
    schema: str = "holdfast"
    dialect: ClassVar[str] = "postgres"

    def open(self) -> Store:
        return open_store(self.url, schema=self.schema)  # type: ignore[call-arg]

    def tables(self) -> Tables:
        import psycopg

        with psycopg.connect(self.url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [self.schema])
            known = {name for (name,) in found}

            def ids(table: str) -> list[str]:
                if table not in known:
                    return []
                rows = connection.execute(f"SELECT id FROM {self.schema}.{table}")  # type: ignore[arg-type]
                return [str(row[0]) for row in rows]

            rows = connection.execute(f"SELECT id, ids, released FROM {self.schema}.leases")  # type: ignore[arg-type]
            leases = {str(lease): (_texts(named), _texts(gone)) for lease, named, gone in rows}
            return _tables(ids, leases, *map(connection.execute, _order(f"{self.schema}.", "now()")))  # type: ignore[arg-type]

    def empty(self) -> None:
        """Delete every row but the schema's versions."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename <> 'schema_version'",
                [self.schema],
            ).fetchall()
            delete = "; ".join(f"DELETE FROM {self.schema}.{table}" for (table,) in rows)
            connection.execute("SET lock_timeout = '10s'; " + delete)  # type: ignore[arg-type]

    def execute(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        import psycopg

        text = sql.replace("{}", f"{self.schema}.").replace("?", "%s")
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(text, values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


def prepare_postgres(url: str) -> None:
    """Bring an empty database to this version's schema; the tests copy it."""
    store = PostgresBackend(url).open()
    store.migrate()
    store.close()


def _order(prefix: str, now: str) -> tuple[str, ...]:
    return (
        f"SELECT id, queue, line, limits FROM {prefix}jobs WHERE line IS NOT NULL",
        f"SELECT id, queue, key, first_due <= {now} FROM {prefix}blocked",
        f"SELECT queue, key, id, due IS NOT NULL, slot FROM {prefix}lines",
        f"SELECT name, used, waiting, wake_at IS NOT NULL FROM {prefix}slots",
        f"SELECT name, coalesce(override, settings) FROM {prefix}limits",
        f"SELECT id, run, queue, key, limits FROM {prefix}notes",
        f"SELECT id, unique_key FROM {prefix}jobs WHERE unique_key IS NOT NULL",
        f"SELECT key, id, until FROM {prefix}unique_keys",
    )


def _tables(
    ids: Any,
    leases: dict[str, tuple[list[str], list[str]]],
    stood: Iterable[tuple[Any, ...]],
    waiting: Iterable[tuple[Any, ...]],
    lines: Iterable[tuple[Any, ...]],
    slots: Iterable[tuple[Any, ...]],
    rules: Iterable[tuple[Any, ...]],
    notes: Iterable[tuple[Any, ...]],
    held: Iterable[tuple[Any, ...]],
    unique: Iterable[tuple[Any, ...]],
) -> Tables:
    places = {place: ids(place) for place in PLACES}
    rows = list(stood)
    seen: dict[tuple[str, str], list[LineSeen]] = {}
    for queue, key, turn, due, slot in lines:
        seen.setdefault((queue, key), []).append(
            LineSeen(None if turn is None else str(turn), bool(due), slot)
        )
    counted: dict[str, list[SlotSeen]] = {}
    for name, used, some, wakes in slots:
        counted.setdefault(name, []).append(SlotSeen(used, bool(some), bool(wakes)))
    said = {name: text if isinstance(text, dict) else json.loads(text) for name, text in rules}
    return Tables(
        **places,
        leases=leases,
        kept={table: ids(table) for table in KEPT},
        stood={str(job_id): (queue, line) for job_id, queue, line, _ in rows},
        needed={str(job_id): json.loads(needs) for job_id, _, _, needs in rows if needs is not None},
        waiting={str(job_id): (queue, key, bool(due)) for job_id, queue, key, due in waiting},
        lines=seen,
        slots=counted,
        most={name: rule["most"] for name, rule in said.items() if "most" in rule},
        notes=[(str(i), run, q, k, json.loads(left) if left else []) for i, run, q, k, left in notes],
        held={str(job_id): text for job_id, text in held},
        unique={key: (str(job_id), until is not None) for key, job_id, until in unique},
    )


def _texts(values: Iterable[object] | None) -> list[str]:
    return [str(value) for value in values or ()]
