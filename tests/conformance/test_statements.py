"""The `.sql` files: the same ones for both dialects, with the same parameters, each used and each able to run."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from holdfast.store.open import open_store
from holdfast.store.text import NOW, load, migrations, names, rename

ROOT = Path(str(files("holdfast.store")))
SQLITE, POSTGRES = names("sqlite"), names("postgres")
# The whole of a claim is one statement on PostgreSQL; on SQLite `take` and `lease` do the rest.
NOT_ON_SQLITE = {"claim": {"worker", "lease"}, "set_lines": {"epoch"}, "set_slots": {"epoch"}}


def source(dialect: str, name: str) -> str:
    return (ROOT / "sql" / dialect / f"{name}.sql").read_text("utf-8")


def test_both_dialects_have_the_same_statements() -> None:
    assert SQLITE == POSTGRES
    assert len(SQLITE) > 50


@pytest.mark.parametrize("name", sorted(SQLITE | POSTGRES))
def test_both_dialects_take_the_same_parameters(name: str) -> None:
    sqlite, postgres = load("sqlite", name), load("postgres", name)
    if sqlite.sql and postgres.sql:
        wanted = {NOW, *NOT_ON_SQLITE.get(name, set())}
        assert set(sqlite.parameters) - {NOW} == set(postgres.parameters) - wanted


@pytest.mark.parametrize("name", sorted(SQLITE))
def test_every_statement_is_used(name: str) -> None:
    used = re.compile(
        rf'(?:Statement|Many)\(\s*"{name}"|name = "{name}"|name, .* = "{name}"|"{name}" if |else "{name}"'
    )
    texts = [path.read_text("utf-8") for path in ROOT.rglob("*.py")]
    assert any(used.search(text) for text in texts), f"no verb uses {name}.sql: delete it"


@pytest.mark.parametrize(
    ("dialect", "name"), [(d, n) for d in ("sqlite", "postgres") for n in sorted(names(d))]
)  # type: ignore[arg-type]
def test_a_file_holds_one_statement_and_no_closing_mark(dialect: str, name: str) -> None:
    text = re.sub(r"--[^\n]*", "", source(dialect, name))
    assert ";" not in text, "one statement a file"
    assert "%" not in text, "no driver's own placeholders"
    quoted = re.findall(r"'[^']*'", text)
    assert not [part for part in quoted if re.search(r":[a-z_]+", part)], (
        "a placeholder in quotes is only text"
    )


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("statements") / "jobs.db"
    open_store(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


# Where a file has no text, another statement of the dialect does the work.
@pytest.mark.parametrize("name", sorted(name for name in SQLITE if load("sqlite", name).sql))
def test_every_statement_is_understood_by_sqlite(connection: sqlite3.Connection, name: str) -> None:
    text = load("sqlite", name)
    numbers = {parameter: f"?{n}" for n, parameter in enumerate(text.parameters, 1)}
    sql = f"EXPLAIN {rename(text.sql, numbers)}"
    assert connection.execute(sql, ["[]"] * len(numbers)).fetchall()


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_migrations_are_numbered_without_gap(dialect: str) -> None:
    found = migrations(dialect)  # type: ignore[arg-type]
    assert [number for number, _, _ in found] == list(range(1, len(found) + 1))
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+", name) for _, name, _ in found)


@pytest.mark.parametrize("name", sorted(name for name in SQLITE if load("sqlite", name).json))
def test_decoded_columns_are_columns(connection: sqlite3.Connection, name: str) -> None:
    text = load("sqlite", name)
    numbers = {parameter: f"?{n}" for n, parameter in enumerate(text.parameters, 1)}
    given = ["0" if parameter == "limit" else "[]" for parameter in numbers]
    cursor = connection.execute(rename(text.sql, numbers), given)
    assert text.json <= {column[0] for column in cursor.description}
