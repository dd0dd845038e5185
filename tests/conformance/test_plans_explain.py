"""Explaining a job costs the same however much waits: index access alone, and counts that end."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast.core.lines import encode_limits, line_of
from holdfast.store.driver import drive
from holdfast.store.postgres.session import LOOK
from holdfast.store.postgres.text import decoded, prepared, values
from holdfast.store.sqlite.adapter import SqliteAdapter
from holdfast.store.statement import Rows, Statement, Step
from holdfast.store.verbs.explain import explain
from tests.conformance.analysed import never_analysed
from tests.conformance.backends import SqliteBackend
from tests.servers.shared import Servers, versions

SLOT = "task:t"
LIMITED = line_of(None, 0, None, [SLOT]) or ""
PLACES = ("plain", "keyed", "fifo", "limited")
HELD = 300
"""Jobs in workers' hands."""
BIG = {"jobs", "pending", "blocked", "finished", "job_errors", "lines", "slots", "expiries", "notes"}
"""Tables that grow with what waits or is kept."""


# --- SQLite ---------------------------------------------------------------------------------------------------------

ID = "substr('00000000' || printf('%x', n), -8) || '-0000-7000-8000-{}'"
NODE = {place: f"{number:012}" for number, place in enumerate(PLACES)}


NOW, NOT_DUE = 1_800_000_000_000_000, 4_000_000_000_000_000


def fill_sqlite(path: str, number: int) -> dict[str, str]:
    """So many due jobs of each kind at the same time, and as many that are not due; the ids of the last due ones."""
    last: dict[str, str] = {}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = off")
        connection.execute("BEGIN")
        connection.execute(
            f"CREATE TEMP TABLE numbers AS WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < "
            f"{2 * number}) SELECT n, 1 + (n > {number}) * {NOT_DUE} AS at FROM r"
        )
        lines = {"plain": None, "keyed": "k", "fifo": "", "limited": LIMITED}
        for place, line in lines.items():
            made, queue = ID.format(NODE[place]), "f" if place == "fifo" else "q"
            connection.execute(
                "INSERT INTO holdfast_jobs (id, queue, task, priority, args, run_at, created_at, line, limits) "
                f"SELECT {made}, ?, 't', 0, '{{}}', at, 1, ?, ? FROM numbers",
                (queue, line, encode_limits([SLOT]) if place == "limited" else None),
            )
            if line is None:
                connection.execute(
                    "INSERT INTO holdfast_pending (queue, lane, run_at, id, task) "
                    f"SELECT 'q', n % 2, at, {made}, 't' FROM numbers"
                )
            else:
                connection.execute(
                    "INSERT INTO holdfast_blocked (queue, key, first_due, id, lane, task) "
                    f"SELECT ?, ?, at, {made}, 0, 't' FROM numbers",
                    (queue, line),
                )
            (last[place],) = connection.execute(
                f"SELECT {made} FROM numbers WHERE n = ?", (number - number % 2,)
            ).fetchone()
        # As many lines that wait for the slot, and that may go on at other priorities.
        connection.execute(
            "INSERT INTO holdfast_lines (queue, key, lane, slot, ticket) SELECT 'q', 's' || n, 0, ?, n FROM numbers",
            (SLOT,),
        )
        connection.execute(
            "INSERT INTO holdfast_lines (queue, key, lane, due) SELECT 'q', 'd' || n, n % 3, at FROM numbers"
        )
        connection.execute(
            "INSERT INTO holdfast_lines (queue, key, slot, ticket) VALUES ('q', ?, ?, 5000000)",
            (LIMITED, SLOT),
        )
        held = [[f"{number:08x}-0000-7000-8000-{NODE['limited']}", 1, 1, 0] for number in range(HELD)]
        connection.execute(
            "INSERT INTO holdfast_leases (id, worker, jobs, created_at) VALUES ('l', 'w', ?, 1)",
            (json.dumps(held),),
        )
        connection.execute("INSERT INTO holdfast_slots (name, used) VALUES (?, 1)", (SLOT,))
        connection.execute("INSERT INTO holdfast_limits (name, settings) VALUES (?, '{\"most\":1}')", (SLOT,))
        connection.execute("COMMIT")
    return last


def steps(path: str, job_id: str) -> int:
    """What an explanation costs, in steps of SQLite's machine."""
    counted = 0

    def step() -> None:
        nonlocal counted
        counted += 1

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.set_progress_handler(step, 10)
        facts = drive(explain(job_id), SqliteAdapter(connection, lambda: NOW))
    assert facts is not None
    assert facts.before or facts.leader or facts.seats
    return counted


def level(tmp_path: Path, many: int) -> None:
    costs: list[dict[str, int]] = []
    for number in (4000, many):
        path = str(tmp_path / f"{number}.db")
        SqliteBackend(path).open().close()
        ids = fill_sqlite(path, number)
        costs.append({place: steps(path, ids[place]) for place in PLACES})
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("ANALYZE")
        costs.append({place: steps(path, ids[place]) for place in PLACES})
    few = costs[0]
    for cost in costs:
        assert all(cost[place] <= 1.2 * few[place] + 50 for place in PLACES), costs


def test_sqlite_looks_at_no_more_where_more_waits(tmp_path: Path) -> None:
    level(tmp_path, 20_000)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nor_among_a_million(tmp_path: Path) -> None:
    level(tmp_path, 250_000)


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def fill_postgres(connection: psycopg.Connection[Any], number: int) -> dict[str, str]:
    """The same."""
    connection.execute("SET synchronous_commit = off")
    connection.execute(
        "CREATE TEMP TABLE numbers AS SELECT n, now() + CASE WHEN n > %(n)s THEN 1 ELSE -1 END * interval '1 hour' "
        "AS at FROM generate_series(1, 2 * %(n)s) AS n",
        {"n": number},
    )
    last: dict[str, str] = {}
    for place, line in {"plain": None, "keyed": "k", "fifo": "", "limited": LIMITED}.items():
        queue = "f" if place == "fifo" else "q"
        made = f"(lpad(to_hex(n), 8, '0') || '-0000-7000-8000-{NODE[place]}')::uuid"
        connection.execute(
            "INSERT INTO holdfast.jobs (id, queue, task, priority, args, run_at, created_at, line, limits) "
            f"SELECT {made}, %s, 't', 0, '{{}}', at, now(), %s, %s FROM numbers".encode(),
            (queue, line, encode_limits([SLOT]) if place == "limited" else None),
        )
        if line is None:
            connection.execute(
                "INSERT INTO holdfast.pending (queue, lane, run_at, id, task) "
                f"SELECT 'q', n %% 2, at, {made}, 't' FROM numbers WHERE %s::text IS NULL".encode(), (line,)
            )  # fmt: skip
        else:
            connection.execute(
                "INSERT INTO holdfast.blocked (queue, key, first_due, id, lane, task) "
                f"SELECT %s, %s, at, {made}, 0, 't' FROM numbers".encode(), (queue, line),
            )  # fmt: skip
        row = connection.execute(
            f"SELECT {made}::text FROM numbers WHERE n = %s".encode(), (number - number % 2,)
        ).fetchone()
        assert row is not None
        last[place] = row[0]
    held = [f"{number:08x}-0000-7000-8000-{NODE['limited']}" for number in range(HELD)]
    connection.execute(
        "INSERT INTO holdfast.leases (id, worker, ids, runs, attempts, crashes, created_at) "
        "SELECT gen_random_uuid(), gen_random_uuid(), ids, ones, ones, ones, now() "
        "FROM (SELECT %s::uuid[] AS ids, array_fill(1, ARRAY[%s::int]) AS ones) AS held",
        (held, HELD),
    )
    for sql in (
        "INSERT INTO holdfast.lines (queue, key, lane, slot, ticket) SELECT 'q', 's' || n, 0, %(slot)s, n FROM numbers",
        "INSERT INTO holdfast.lines (queue, key, lane, due) SELECT 'q', 'd' || n, n %% 3, at FROM numbers",
        "INSERT INTO holdfast.lines (queue, key, slot, ticket) VALUES ('q', %(line)s, %(slot)s, 5000000)",
        "INSERT INTO holdfast.slots (name, used) VALUES (%(slot)s, 1)",
        """INSERT INTO holdfast.limits (name, settings) VALUES (%(slot)s, '{"most":1}')""",
    ):
        connection.execute(sql.encode(), {"slot": SLOT, "line": LIMITED})
    return last


@pytest.fixture(params=versions() or [pytest.param("", marks=pytest.mark.skip(reason="no PostgreSQL"))])
def database(request: pytest.FixtureRequest, servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    """An empty database whose statistics are only as new as a test says."""
    with never_analysed(servers, request.param, BIG) as connection:
        yield connection


class Explaining:
    """Runs statements, and looks at how the server has done it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._cursor = psycopg.RawCursor(connection)
        self.rows: dict[str, int] = {}
        """So many rows of the big tables each statement has read."""
        self.scans: list[str] = []

    def run(self, step: Step) -> Rows:
        assert isinstance(step, Statement)
        text = prepared(step.name, "holdfast")
        given = values(text.parameters, step.params)
        answer = self._cursor.execute(
            f"EXPLAIN (ANALYZE, COSTS off, TIMING off, FORMAT JSON) {text.sql}".encode(), given
        ).fetchone()
        assert answer is not None
        plans = answer[0] if isinstance(answer[0], list) else json.loads(answer[0])
        self.rows[step.name] = 0
        self._read(step.name, plans[0]["Plan"])
        cursor = self._cursor.execute(text.sql.encode(), given)
        rows: Rows = cursor.fetchall()
        names = [column.name for column in cursor.description or ()]
        return decoded(rows, names, text.json) if text.json else rows

    def _read(self, name: str, node: dict[str, Any]) -> None:
        if node.get("Relation Name") in BIG:
            left_out = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            self.rows[name] += (node["Actual Rows"] + left_out) * node["Actual Loops"]
            if "Seq Scan" in node["Node Type"]:
                self.scans.append(f"{name}: {node['Relation Name']}")
        for child in node.get("Plans", ()):
            self._read(name, child)


def look(connection: psycopg.Connection[Any], ids: dict[str, str], when: str) -> None:
    for place in PLACES:
        connection.pgconn.exec_(LOOK)
        explaining = Explaining(connection)
        try:
            facts = drive(explain(ids[place]), explaining)
        finally:
            connection.execute("ROLLBACK")
        assert facts is not None
        assert facts.before or facts.leader or facts.seats
        assert not explaining.scans, (when, place)
        # A count ends at 1,001, and the one of higher priorities counts two things.
        assert not [one for one in explaining.rows.items() if one[1] > 2200], (when, place)


@pytest.mark.postgres
def test_postgres_scans_nothing(database: psycopg.Connection[Any]) -> None:
    ids = fill_postgres(database, 10_000)
    look(database, ids, "never analysed")
    database.execute("ANALYZE")
    look(database, ids, "analysed")


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", versions()[:1], indirect=True)
def test_nor_does_postgres_among_a_million(database: psycopg.Connection[Any]) -> None:
    ids = fill_postgres(database, 250_000)
    look(database, ids, "never analysed")
    database.execute("ANALYZE")
    look(database, ids, "analysed")
