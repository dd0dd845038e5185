"""Code that enqueues in its own transaction, tested: the temporary file takes its jobs at once."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from holdfast import Holdfast, InvalidTransaction, JobContext
from holdfast.testing import Rehearsal
from tests.testing.conftest import Tasks
from tests.worker.conftest import Backend


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The application's own data, elsewhere."""
    return str(tmp_path / "application.db")


def test_a_connection_to_another_database_is_accepted(t: Rehearsal, tasks: Tasks, database: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE orders (n)")
        with connection:
            connection.execute("INSERT INTO orders VALUES (1)")
            job = tasks.mail.using(tx=connection).enqueue("ada@x.y")
            t.assert_enqueued(tasks.mail, "ada@x.y")
    assert t.drain().succeeded == 1
    assert job.refresh().state == "succeeded"


def test_sessions_of_sqlalchemy(t: Rehearsal, tasks: Tasks, app: Holdfast, database: str) -> None:
    engine = create_engine(f"sqlite:///{database}")
    with Session(engine) as session:
        tasks.mail.using(tx=session).enqueue("1@x.y")
        app.enqueue_many([tasks.mail.new("2@x.y")], tx=session)
        job = tasks.mail.enqueue("3@x.y")
        assert app.jobs.cancel(job.id, tx=session) is True
        session.rollback()
    engine.dispose()
    # Collected all the same: the two databases know nothing of each other.
    assert [job.state for job in t.enqueued(tasks.mail)] == ["pending", "pending", "cancelled"]


def test_connections_of_psycopg(t: Rehearsal, tasks: Tasks, backend: Backend) -> None:
    url: str = backend.url  # type: ignore[attr-defined]
    if not url.startswith("postgres"):
        pytest.skip("of PostgreSQL only")
    import psycopg

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        tasks.mail.using(tx=connection).enqueue("1@x.y")
        tasks.mail.using(tx=cursor).enqueue("2@x.y")
    t.assert_enqueued_times(2, tasks.mail)


def test_async_connections(t: Rehearsal, tasks: Tasks, database: str) -> None:
    async def main() -> None:
        async with aiosqlite.connect(database) as connection:
            await tasks.mail.using(tx=connection).aenqueue("ada@x.y")
            with pytest.raises(InvalidTransaction, match="async"):
                tasks.mail.using(tx=connection).enqueue("ada@x.y")
        with (
            closing(sqlite3.connect(database)) as blocking,
            pytest.raises(InvalidTransaction, match="blocks"),
        ):
            await tasks.mail.using(tx=blocking).aenqueue("ada@x.y")

    asyncio.run(main())
    t.assert_enqueued_times(1, tasks.mail)


def test_what_is_no_transaction_is_refused_as_in_production(
    t: Rehearsal, tasks: Tasks, database: str
) -> None:
    engine = create_engine(f"sqlite:///{database}")
    for wrong in (engine, "a connection", object()):
        with pytest.raises(InvalidTransaction):
            tasks.mail.using(tx=wrong).enqueue("ada@x.y")
    assert t.jobs == []


def test_a_connection_to_the_temporary_file_is_a_real_transaction(t: Rehearsal, tasks: Tasks) -> None:
    with closing(sqlite3.connect(t.url.removeprefix("sqlite:///"))) as connection:
        job = tasks.mail.using(tx=connection).enqueue("ada@x.y")
        connection.rollback()
        assert job.id not in {one.id for one in t.jobs if one.state != "not found"}
        kept = tasks.mail.using(tx=connection).enqueue("bob@x.y")
        connection.commit()
    assert t.drain().succeeded == 1
    assert kept.refresh().state == "succeeded"


def test_a_handler_settles_in_its_own_transaction(app: Holdfast, t: Rehearsal, database: str) -> None:
    @app.task(name="charge", takes_context=True, transactional=True)
    def charge(ctx: JobContext, cents: int) -> None:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("CREATE TABLE charges (cents)")
            connection.execute("INSERT INTO charges VALUES (?)", (cents,))
            with ctx.settle_in(connection):
                pass

    job: Any = charge.enqueue(5)
    assert t.drain().succeeded == 1
    assert job.refresh().state == "succeeded"
