"""Migrations: two at once, printed and run by hand, in another schema, half of them, and what refuses to go on."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast.core.errors import InvalidOption, SchemaMismatch, StoreError
from holdfast.store.open import open_store
from holdfast.store.postgres import schema
from holdfast.store.postgres.text import qualify
from holdfast.store.sqlite import schema as file_schema
from holdfast.store.sqlite.connection import Place
from holdfast.store.text import migrations
from tests.conformance.backends import PostgresBackend, SqliteBackend
from tests.conformance.scene import Scene
from tests.servers.databases import Database
from tests.servers.fixtures import VERSIONS
from tests.servers.shared import Servers

NAMES = [name for _, name, _ in migrations("postgres")]

CATALOG = """
SELECT 'column', c.relname, a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage,
       a.attcompression, a.attidentity, pg_get_expr(d.adbin, d.adrelid))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = %(schema)s::text::regnamespace AND c.relkind IN ('r', 'v')
UNION ALL
SELECT 'relation', c.relname, c.relkind::text, concat_ws(' ', c.relpersistence, c.reloptions, c.relreplident)
FROM pg_class c WHERE c.relnamespace = %(schema)s::text::regnamespace
UNION ALL
SELECT 'index', c.relname, '', pg_get_indexdef(c.oid)
FROM pg_class c WHERE c.relnamespace = %(schema)s::text::regnamespace AND c.relkind = 'i'
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = %(schema)s::text::regnamespace
UNION ALL
SELECT 'view', viewname, '', definition FROM pg_views WHERE schemaname = %(schema)s::text
UNION ALL
SELECT 'function', proname, '', pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = %(schema)s::text::regnamespace
UNION ALL
SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = %(schema)s::text::regnamespace
"""


@pytest.fixture(params=VERSIONS)
def database(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Database]:
    with servers.databases(request.param).fresh() as database:
        yield database


def catalog(url: str, schema: str) -> list[tuple[str, ...]]:
    """All that makes up a schema, with the schema's own name left out."""
    with closing(psycopg.connect(url)) as connection:
        rows = connection.execute(CATALOG, {"schema": schema}).fetchall()
    found = sorted(tuple(str(cell).replace(f"{schema}.", "") for cell in row) for row in rows)
    assert len(found) > 80
    return found


def migrate(url: str, name: str = "holdfast") -> list[str]:
    store = open_store(url, schema=name)
    try:
        return store.migrate()
    finally:
        store.close()


def run(url: str, script: str) -> None:
    """As `psql -f` does: without knowing anything of Holdfast."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(script.encode())


def command(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "holdfast", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# --- PostgreSQL -------------------------------------------------------------------------------------------------


def test_several_processes_at_once(database: Database) -> None:
    """One does it; the others wait and find it done."""
    started = [command("--url", database.url, "migrate", "--json") for _ in range(3)]
    said = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert sorted(json.loads(out)["applied"] for out, _ in said) == [[], [], NAMES]
    PostgresBackend(database.url).open().check_schema()


def test_what_is_printed_makes_the_same(database: Database) -> None:
    """`--sql`, run by a plain client in another schema, against `migrate`."""
    assert migrate(database.url) == NAMES
    printing = command("--url", database.url, "--schema", "printed", "migrate", "--sql")
    printed, _ = printing.communicate(timeout=60)
    run(database.url, printed)
    assert catalog(database.url, "printed") == catalog(database.url, "holdfast")
    assert migrate(database.url, "printed") == []
    scene = Scene(PostgresBackend(database.url, "printed").open(), PostgresBackend(database.url, "printed"))
    scene.finish(worker := scene.worker(), scene.run(3, worker=worker))
    scene.store.close()


@pytest.mark.parametrize("done", range(len(NAMES)))
def test_a_migrated_schema_equals_a_fresh_one(database: Database, done: int) -> None:
    """From every version on, by `migrate` and by what `--sql --above` prints."""
    migrate(database.url)
    fresh = catalog(database.url, "holdfast")
    for name, go_on in (
        ("migrated", lambda: migrate(database.url, "migrated")),
        ("printed", lambda: run(database.url, schema.script("printed", above=done))),
    ):
        if done:
            run(database.url, _until(name, done))
        go_on()
        assert catalog(database.url, name) == fresh


def _until(name: str, done: int) -> str:
    """What a release with so many migrations would have printed."""
    whole = schema.script(name)
    cut = whole.index(f"-- {NAMES[done]}\n")
    return whole[:cut] + "COMMIT;"


def test_schemas_side_by_side(database: Database) -> None:
    assert migrate(database.url, "one") == NAMES
    assert migrate(database.url, "two") == NAMES
    one, two = (PostgresBackend(database.url, name) for name in ("one", "two"))
    scene = Scene(one.open(), one)
    job = scene.enqueue_one()
    scene.store.close()
    assert (one.tables().jobs, two.tables().jobs) == ([job], [])


@pytest.mark.parametrize(
    "name", ["Holdfast", "pg_jobs", "a b", "x;drop", "1st", "", "ü", "x" * 64, 'a"b', "a.b"]
)
def test_names_that_a_schema_cannot_have(name: str) -> None:
    with pytest.raises(InvalidOption, match="schema="):
        open_store("postgresql://localhost/x", schema=name)
    with pytest.raises(InvalidOption, match="schema="):
        schema.script(name)


def test_checking(database: Database) -> None:
    store = open_store(database.url)
    with pytest.raises(SchemaMismatch, match=r"no Holdfast tables yet; run `holdfast migrate`"):
        store.check_schema()
    assert not _schemas(database.url), "looking makes nothing"
    store.migrate()
    store.check_schema()
    with database.server.connect(database.name) as admin:
        admin.execute(f"INSERT INTO holdfast.schema_version VALUES ({schema.newest() + 1}, 'next')".encode())
    for look in (store.check_schema, store.migrate):
        with pytest.raises(SchemaMismatch, match=r"newer release .*Upgrade"):
            look()
    store.close()


def _schemas(url: str) -> list[Any]:
    with closing(psycopg.connect(url)) as connection:
        return connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'holdfast'").fetchall()


def test_checking_as_a_command(database: Database) -> None:
    missing = command("--url", database.url, "migrate", "--check")
    _, said = missing.communicate(timeout=60)
    assert (missing.returncode, "holdfast migrate" in said) == (1, True)
    migrate(database.url)
    there = command("--url", database.url, "migrate", "--check")
    there.communicate(timeout=60)
    assert there.returncode == 0


def test_a_migration_that_fails_leaves_nothing(database: Database) -> None:
    with database.server.connect(database.name) as admin:
        admin.execute(b"CREATE SCHEMA holdfast; CREATE VIEW holdfast.leases AS SELECT 1")
        with pytest.raises(StoreError):
            migrate(database.url)
        with pytest.raises(psycopg.errors.DuplicateTable):
            run(database.url, schema.script("holdfast"))
        left = admin.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'holdfast'::regnamespace"
        ).fetchall()
        assert left == [("leases",)]
        admin.execute(b"DROP VIEW holdfast.leases")
    assert migrate(database.url) == NAMES


def test_a_role_that_may_not_make_schemas(database: Database) -> None:
    if "postgres@" not in database.url:
        pytest.skip("roles without passwords are let in by servers of ours")
    role = f"{database.name}_role"
    url = database.url.replace("postgres@", f"{role}@")
    with database.server.connect(database.name) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN".encode())
        try:
            with pytest.raises(StoreError, match=r"permission denied .*docs/postgres.md"):
                migrate(url)
            admin.execute(f"CREATE SCHEMA holdfast AUTHORIZATION {role}".encode())
            assert migrate(url) == NAMES
        finally:
            admin.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}".encode())


def test_no_statement_of_a_migration_escapes_its_schema() -> None:
    for _, _, text in migrations("postgres"):
        assert "holdfast" not in qualify(text, "elsewhere").replace("`holdfast ", "")


# --- SQLite -----------------------------------------------------------------------------------------------------


def test_several_processes_make_one_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    started = [command("--url", url, "migrate", "--json") for _ in range(3)]
    said = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert sorted(json.loads(out)["applied"] for out, _ in said) == [
        [],
        [],
        [n for _, n, _ in migrations("sqlite")],
    ]


def test_what_is_printed_makes_the_same_file(tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.db"
    SqliteBackend(str(fresh)).open().close()
    for done in range(len(migrations("sqlite"))):
        printed = tmp_path / f"printed-{done}.db"
        with closing(sqlite3.connect(printed, isolation_level=None)) as connection:
            if done:
                whole = file_schema.script()
                connection.executescript(
                    whole[: whole.index(f"-- {migrations('sqlite')[done][1]}\n")] + "COMMIT;"
                )
            connection.executescript(file_schema.script(above=done))
        assert _parts(printed) == _parts(fresh)
        assert file_schema.migrate(Place(str(printed)), 0) == []


def _parts(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
        versions = connection.execute("SELECT version, name FROM holdfast_schema_version").fetchall()
        return [*rows, *versions]


def test_the_command_prints_for_sqlite_too(tmp_path: Path) -> None:
    printing = command("--url", f"sqlite:///{tmp_path}/none.db", "migrate", "--sql", "--above", "0")
    printed, _ = printing.communicate(timeout=60)
    assert printed.startswith("BEGIN IMMEDIATE;")
    assert list(tmp_path.iterdir()) == []
    wrong = command("--url", f"sqlite:///{tmp_path}/none.db", "migrate", "--above", "1")
    wrong.communicate(timeout=60)
    assert wrong.returncode == 2
