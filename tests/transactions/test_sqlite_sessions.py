"""What an application has set on its `sqlite3` connections changes nothing, and is left as it was."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.core.errors import JobExists
from holdfast.core.job import NewJob
from holdfast.store.base import Store
from holdfast.store.verbs import jobs
from holdfast.store.verbs.insert import insert
from tests.conformance.backends import SqliteBackend
from tests.conformance.scene import Scene, new_ids

IDS = new_ids()


@pytest.fixture
def backend(sqlite: SqliteBackend) -> SqliteBackend:
    return sqlite


@pytest.fixture
def connection(sqlite: SqliteBackend) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(sqlite.path)) as connection:
        yield connection


def new() -> NewJob:
    return NewJob(job_id=IDS.next(), task="mail.send", queue="mail", args='{"n": "ü"}', meta={"a": 1})


@pytest.mark.parametrize(
    "factory",
    [bytes, bytearray, lambda raw: raw.decode().upper(), repr],
)
def test_text_factories(store: Store, connection: sqlite3.Connection, factory: Any) -> None:
    connection.text_factory = factory
    job = new()
    store.within(connection, insert, [job])
    found = store.within(connection, jobs.get, job.job_id)
    assert found is not None
    assert (found.args, found.meta, found.queue) == ('{"n": "ü"}', '{"a":1}', "mail")
    with pytest.raises(JobExists):
        store.within(connection, insert, [job])
    assert connection.text_factory is factory
    connection.commit()


def test_row_factories(store: Store, connection: sqlite3.Connection) -> None:
    for factory in (sqlite3.Row, lambda cursor, row: {"first": row[0]}, lambda cursor, row: None):
        connection.row_factory = factory
        job = new()
        store.within(connection, insert, [job])
        assert store.within(connection, jobs.get, job.job_id) is not None
        assert connection.row_factory is factory
    connection.commit()


def test_a_first_write_begins_the_transaction_at_once(store: Store, connection: sqlite3.Connection) -> None:
    store.within(connection, insert, [new()])
    assert connection.in_transaction
    connection.rollback()
    store.within(connection, jobs.get, new().job_id)
    assert not connection.in_transaction, "a look leaves none open"


def test_with_the_connection_as_a_context(store: Store, scene: Scene, connection: sqlite3.Connection) -> None:
    one, two = new(), new()
    with connection:
        connection.execute("INSERT INTO ledger VALUES ('kept')")
        store.within(connection, insert, [one])
    with contextlib.suppress(ZeroDivisionError), connection:
        store.within(connection, insert, [two])
        connection.execute("INSERT INTO ledger VALUES ('gone')")
        raise ZeroDivisionError
    assert scene.backend.tables().jobs == [one.job_id]
    assert scene.backend.execute("SELECT note FROM ledger") == [("kept",)]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the attribute came with Python 3.12")
@pytest.mark.parametrize("autocommit", [False, True])
def test_the_autocommit_attribute(
    store: Store, scene: Scene, sqlite: SqliteBackend, autocommit: bool
) -> None:
    with contextlib.closing(sqlite3.connect(sqlite.path, autocommit=autocommit)) as connection:  # type: ignore[call-overload]
        one, two, three = new(), new(), new()
        store.within(connection, insert, [one])
        assert len(sqlite.tables().jobs) == autocommit
        connection.commit()
        assert sqlite.tables().jobs == [one.job_id]
        connection.execute("SAVEPOINT a" if not autocommit else "BEGIN")
        store.within(connection, insert, [two])
        connection.execute("ROLLBACK TO a" if not autocommit else "ROLLBACK")
        store.within(connection, insert, [three])
        connection.commit()
    assert sorted(sqlite.tables().jobs) == sorted([one.job_id, three.job_id])
