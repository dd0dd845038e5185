"""The two loops that drive a verb, and what a verb may do while it is driven. On a real SQLite connection."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from holdfast.core.ids import IdSource
from holdfast.core.job import NewJob
from holdfast.store.driver import adrive, drive
from holdfast.store.open import open_store
from holdfast.store.sqlite.adapter import SqliteAdapter
from holdfast.store.statement import Many, Rows, Statement, Step, Verb, Wake
from holdfast.store.verbs import jobs
from holdfast.store.verbs.insert import insert
from tests.conformance.backends import SqliteBackend
from tests.conformance.scene import new_ids

NOW = 1_700_000_000_000_000


class AsyncSqliteAdapter:
    """The same adapter behind an await that really gives way."""

    def __init__(self, adapter: SqliteAdapter) -> None:
        self._adapter = adapter

    async def run(self, step: Step) -> Rows:
        await asyncio.sleep(0)
        return self._adapter.run(step)


Drive = Callable[[Verb[object], SqliteAdapter], object]


def awaited(verb: Verb[object], adapter: SqliteAdapter) -> object:
    return asyncio.run(adrive(verb, AsyncSqliteAdapter(adapter)))


@pytest.fixture
def adapter(tmp_path: object) -> Iterator[SqliteAdapter]:
    backend = SqliteBackend(f"{tmp_path}/jobs.db")
    open_store(backend.url).close()
    with closing(sqlite3.connect(backend.path, isolation_level=None)) as connection:
        yield SqliteAdapter(connection, lambda: NOW)


both = pytest.mark.parametrize("run", [drive, awaited], ids=["sync", "async"])


@both
def test_a_verb_is_driven_to_its_value(adapter: SqliteAdapter, run: Drive) -> None:
    ids: IdSource = new_ids()
    made = [NewJob(job_id=job_id, task="t", queue="q", args="{}") for job_id in ids.take(3)]
    assert run(insert(made), adapter) is None
    assert adapter.news == [Wake(due=(("q", 0, None),))]
    record = run(jobs.get(made[1].job_id), adapter)
    assert record is not None
    assert (record.job_id, record.created_at) == (made[1].job_id, NOW)  # type: ignore[attr-defined]


@both
def test_a_verb_that_asks_nothing_has_its_value(adapter: SqliteAdapter, run: Drive) -> None:
    assert run(insert([]), adapter) is None


@both
def test_an_error_of_a_statement_is_raised_where_it_was_yielded(adapter: SqliteAdapter, run: Drive) -> None:
    def verb() -> Verb[str]:
        try:
            yield Statement("no_such_statement")
        except FileNotFoundError as error:
            rows = yield Statement("list_beats")
            return f"{type(error).__name__}, and {len(rows)} workers"
        raise AssertionError("unreachable")

    assert run(verb(), adapter) == "FileNotFoundError, and 0 workers"


@both
def test_an_error_that_the_verb_does_not_handle_leaves_it(adapter: SqliteAdapter, run: Drive) -> None:
    closed: list[str] = []

    def verb() -> Verb[None]:
        try:
            yield Statement("no_such_statement")
        finally:
            closed.append("closed")

    with pytest.raises(FileNotFoundError, match="no_such_statement"):
        run(verb(), adapter)
    assert closed == ["closed"]


@both
def test_a_missing_parameter_is_an_error(adapter: SqliteAdapter, run: Drive) -> None:
    def verb() -> Verb[None]:
        yield Statement("get_errors", {"job": "x"})

    with pytest.raises(KeyError, match="id"):
        run(verb(), adapter)


@both
def test_steps_tell_how_many_rows_they_changed(adapter: SqliteAdapter, run: Drive) -> None:
    def verb() -> Verb[list[int]]:
        two = yield Many("declare_queues", ("name", "settings"), [("a", "{}"), ("b", "{}")])
        none = yield Many("declare_queues", ("name", "settings"), [])
        gone = yield Statement("remove_worker", {"id": "nobody"})
        return [two[0][0], none[0][0], gone[0][0]]

    assert run(verb(), adapter) == [2, 0, 0]
