"""What can't carry a job is refused with what to do, and nothing is written."""

from __future__ import annotations

import contextlib
import gc
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from holdfast.core.errors import InvalidTransaction, SchemaMismatch, StoreError, StoreLocked, StoreUnavailable
from holdfast.core.job import NewJob
from holdfast.store.base import Store
from holdfast.store.verbs import jobs
from holdfast.store.verbs.insert import insert
from tests.conformance.backends import PostgresBackend, SqliteBackend
from tests.conformance.scene import new_ids
from tests.transactions import ways
from tests.transactions.conftest import prepare
from tests.transactions.django_way import Django
from tests.transactions.ways import Way, engine_url


def job() -> list[NewJob]:
    return [NewJob(job_id=new_ids().next(), task="mail.send", queue="mail", args="{}")]


@pytest.fixture
def sqlite_store(sqlite: SqliteBackend) -> Iterator[Store]:
    store = sqlite.open()
    yield store
    store.close()
    assert sqlite.tables().jobs == []


@pytest.fixture
def postgres_store(postgres: PostgresBackend) -> Iterator[Store]:
    store = postgres.open()
    yield store
    store.close()
    assert postgres.tables().jobs == []


def refused(store: Store, tx: Any, words: str, kind: type[StoreError] = InvalidTransaction) -> None:
    with pytest.raises(kind, match=words):
        store.within(tx, insert, job())


async def arefused(store: Store, tx: Any, words: str, kind: type[StoreError] = InvalidTransaction) -> None:
    with pytest.raises(kind, match=words):
        await store.awithin(tx, insert, job())


# --- things that are no connection ----------------------------------------------------------------------------


@pytest.mark.parametrize("thing", ["sqlite:///jobs.db", 7, object(), "default"])
async def test_what_is_no_connection(sqlite_store: Store, postgres_store: Store, thing: Any) -> None:
    for store in (sqlite_store, postgres_store):
        refused(store, thing, "no connection that Holdfast knows. Give a connection of")
        await arefused(store, thing, "no connection that Holdfast knows")


async def test_makers_of_connections(postgres: PostgresBackend, postgres_store: Store) -> None:
    import asyncpg
    from sqlalchemy import create_engine
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
    from sqlalchemy.orm import sessionmaker

    engine = create_engine(engine_url(postgres.url, "psycopg"))
    async_engine = create_async_engine(engine_url(postgres.url, "asyncpg"))
    pool = await asyncpg.create_pool(postgres.url, min_size=0)
    from tests.transactions.django_way import set_up

    set_up()
    from django.db import connections

    makers = (engine, async_engine, sessionmaker(engine), async_sessionmaker(async_engine), pool, connections)
    for thing in makers:
        refused(postgres_store, thing, "makes connections and is none: give the connection or session")
        await arefused(postgres_store, thing, "makes connections and is none")
    await pool.close()


# --- the other kind of call -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in ways.ASYNC if "run-sync" not in name])
async def test_an_async_connection_given_to_a_blocking_call(
    sqlite: SqliteBackend, postgres: PostgresBackend, sqlite_store: Store, postgres_store: Store, name: str
) -> None:
    way = ways.ASYNC[name]
    url = (sqlite if way.dialect == "sqlite" else postgres).url
    async with way.open(url) as holder:
        for store in (sqlite_store, postgres_store):
            refused(store, holder.tx, "is async, and this call blocks: await the async form instead")


@pytest.mark.parametrize("name", [*ways.BLOCKING, "django"])
async def test_a_blocking_connection_given_to_an_awaited_call(
    sqlite: SqliteBackend, postgres: PostgresBackend, sqlite_store: Store, postgres_store: Store, name: str
) -> None:
    way: Way = ways.BLOCKING.get(name) or Django("postgres")
    url = (sqlite if way.dialect == "sqlite" else postgres).url
    async with way.open(url) as holder:
        for store in (sqlite_store, postgres_store):
            await arefused(store, holder.tx, "blocks, and this call is awaited: use the blocking form")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::RuntimeWarning")
async def test_a_blocking_session_of_an_async_engine(
    postgres: PostgresBackend, postgres_store: Store
) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.orm import Session

    engine = create_async_engine(engine_url(postgres.url, "asyncpg"))
    session = Session(engine.sync_engine)
    refused(postgres_store, session, "is on an async engine: give the AsyncSession")
    await engine.dispose()
    gc.collect()  # what SQLAlchemy leaves behind is not the next test's


async def test_a_django_connection_on_an_event_loop(postgres: PostgresBackend, postgres_store: Store) -> None:
    async with Django("postgres").open(postgres.url) as holder:
        refused(postgres_store, holder.tx, "can't be used on an event loop: enqueue inside `sync_to_async`")


# --- another database -----------------------------------------------------------------------------------------


async def test_a_connection_of_the_other_kind_of_database(
    sqlite: SqliteBackend, postgres: PostgresBackend, sqlite_store: Store, postgres_store: Store
) -> None:
    for name, way in {**ways.BLOCKING, **ways.ASYNC}.items():
        if not name.endswith(
            ("sqlite3", "session-pysqlite", "aiosqlite", "psycopg", "psycopg2", "async", "asyncpg")
        ):
            continue
        mine, other, url = (
            ("an SQLite", postgres_store, sqlite.url)
            if way.dialect == "sqlite"
            else ("a PostgreSQL", sqlite_store, postgres.url)
        )
        async with way.open(url) as holder:
            with pytest.raises(
                InvalidTransaction, match=f"is a connection to {mine} database, but the jobs are in"
            ):
                await holder.run(other, insert, job())


def test_another_file(sqlite_store: Store, tmp_path: Any) -> None:
    for place in (str(tmp_path / "other.db"), ":memory:"):
        with contextlib.closing(sqlite3.connect(place)) as connection:
            refused(sqlite_store, connection, "but the jobs are in .*jobs.db; a job can only be enqueued")


def test_the_same_file_by_another_name(
    sqlite: SqliteBackend, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link.db").symlink_to(sqlite.path)
    monkeypatch.chdir(tmp_path)
    store = sqlite.open()
    for name in ("jobs.db", "./jobs.db", "link.db", "file:jobs.db?cache=private"):
        with contextlib.closing(sqlite3.connect(name, uri=name.startswith("file"))) as connection:
            store.within(connection, insert, job())
            connection.commit()
    assert len(sqlite.tables().jobs) == 4
    store.close()


@pytest.mark.parametrize(
    "name", ["psycopg", "psycopg2", "psycopg-async", "asyncpg", "sqlalchemy-session-psycopg"]
)
async def test_another_postgres_database(
    request: pytest.FixtureRequest, postgres_store: Store, postgres: PostgresBackend, name: str
) -> None:
    way = {**ways.BLOCKING, **ways.ASYNC}[name]
    databases = request.getfixturevalue("servers").databases("18")
    with databases.fresh() as empty, databases.fresh(prepare) as copy:
        for url, kind, words in (
            (
                empty.url,
                SchemaMismatch,
                f"the database '{empty.name}' .* has no Holdfast tables in a schema holdfast",
            ),
            (
                copy.url,
                InvalidTransaction,
                f"is to the database '{copy.name}' of another server or to a copy, but",
            ),
        ):
            async with way.open(url) as holder:
                await holder.begin()
                for _ in range(2):
                    with pytest.raises(kind, match=words):
                        await holder.run(postgres_store, insert, job())
                # The transaction is as it was.
                await holder.execute("SELECT 1")
                await holder.rollback()
        assert PostgresBackend(copy.url).tables().jobs == []


def test_the_same_database_by_another_name(postgres: PostgresBackend, postgres_store: Store) -> None:
    """A pooler gives it any name and address; here the socket."""
    from urllib.parse import urlsplit

    parts = urlsplit(postgres.url)
    with psycopg.connect(
        f"postgresql://postgres@localhost:{parts.port}{parts.path}?application_name=x"
    ) as connection:
        postgres_store.within(connection, insert, job())
        connection.rollback()


# --- states in which it can't be used -------------------------------------------------------------------------

POSTGRES = [name for name, way in {**ways.BLOCKING, **ways.ASYNC}.items() if way.dialect == "postgres"]


@pytest.mark.parametrize("name", [*POSTGRES, "django"])
async def test_an_aborted_transaction(postgres: PostgresBackend, postgres_store: Store, name: str) -> None:
    way: Way = {**ways.BLOCKING, **ways.ASYNC}.get(name) or Django("postgres")
    async with way.open(postgres.url) as holder:
        await holder.begin()
        with pytest.raises(Exception, match="nowhere"):
            await holder.execute("SELECT * FROM nowhere")
        with pytest.raises(
            InvalidTransaction, match=r"aborted by an earlier error|ended by an earlier error"
        ):
            await holder.run(postgres_store, insert, job())
        await holder.rollback()
        await holder.begin()
        await holder.run(postgres_store, insert, job())
        await holder.rollback()


@pytest.mark.parametrize("name", ["psycopg", "psycopg2", "asyncpg", "sqlalchemy-session-psycopg"])
async def test_a_read_only_transaction(postgres: PostgresBackend, postgres_store: Store, name: str) -> None:
    way = {**ways.BLOCKING, **ways.ASYNC}[name]
    async with way.open(postgres.url) as holder:
        await holder.begin()
        await holder.execute("SET TRANSACTION READ ONLY")
        with pytest.raises(InvalidTransaction, match="is read-only"):
            await holder.run(postgres_store, insert, job())
        assert await holder.run(postgres_store, jobs.get, job()[0].job_id) is None, "looking is no writing"
        await holder.rollback()


def test_a_connection_that_only_reads(sqlite: SqliteBackend, sqlite_store: Store) -> None:
    with contextlib.closing(sqlite3.connect(f"file:{sqlite.path}?mode=ro", uri=True)) as connection:
        refused(sqlite_store, connection, "can only read")


def test_pipeline_mode(postgres: PostgresBackend, postgres_store: Store) -> None:
    with psycopg.connect(postgres.url) as connection:
        with connection.pipeline():
            refused(postgres_store, connection, "is in pipeline mode")
        connection.rollback()


def test_a_connection_in_the_middle_of_a_copy(postgres: PostgresBackend, postgres_store: Store) -> None:
    with psycopg.connect(postgres.url) as connection:
        with connection.cursor().copy("COPY ledger FROM STDIN") as copy:
            copy.write_row(["x"])
            refused(postgres_store, connection, "is busy with another statement")
        connection.rollback()


async def test_a_connection_that_another_task_uses(postgres: PostgresBackend, postgres_store: Store) -> None:
    import asyncio

    import asyncpg

    connection = await asyncpg.connect(postgres.url)
    other = asyncio.create_task(connection.execute("SELECT pg_sleep(0.3)"))
    await asyncio.sleep(0.05)
    await arefused(postgres_store, connection, "another operation is in progress")
    await other
    await connection.close()


async def test_a_connection_given_back_to_its_pool(postgres: PostgresBackend, postgres_store: Store) -> None:
    import asyncpg

    async with asyncpg.create_pool(postgres.url, min_size=1) as pool:
        async with pool.acquire() as connection:
            pass
        await arefused(postgres_store, connection, "was given back to its pool")


async def test_a_connection_that_the_server_has_ended(
    postgres: PostgresBackend, postgres_store: Store
) -> None:
    for way in (ways.Psycopg(), ways.AsyncPsycopg(), ways.Asyncpg(), ways.Psycopg2()):
        async with way.open(postgres.url) as holder:
            await holder.begin()
            [(pid,)] = await holder.execute("SELECT pg_backend_pid()")
            postgres.execute("SELECT pg_terminate_backend(?)", pid)
            with pytest.raises(
                (StoreUnavailable, InvalidTransaction), match=r"can't be reached|was lost|is closed"
            ):
                await holder.run(postgres_store, insert, job())
            with contextlib.suppress(Exception):
                await holder.rollback()


def test_a_session_that_has_to_be_rolled_back(postgres: PostgresBackend, postgres_store: Store) -> None:
    from sqlalchemy import Text, create_engine, text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

    class Base(DeclarativeBase): ...

    class Ledger(Base):
        __tablename__ = "ledger"
        note = mapped_column(Text, primary_key=True)
        gone = mapped_column(Text)

    engine = create_engine(engine_url(postgres.url, "psycopg"))
    with Session(engine) as session:
        session.execute(text("SELECT 1"))
        session.add(Ledger(note="x", gone="there is no such column"))
        with pytest.raises(SQLAlchemyError):
            session.flush()
        refused(postgres_store, session, "ended by an earlier error: roll it back and begin again")
        session.rollback()
    engine.dispose()


def test_a_session_without_a_database(postgres_store: Store) -> None:
    from sqlalchemy.orm import Session

    with Session() as session:
        refused(postgres_store, session, "has several databases or none: give the connection")


def test_a_session_that_can_t_connect(postgres_store: Store) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    with Session(create_engine("postgresql+psycopg://postgres@127.0.0.1:1/x")) as session:
        refused(postgres_store, session, "can't connect", StoreUnavailable)


async def test_a_broken_atomic_block(sqlite: SqliteBackend, sqlite_store: Store) -> None:
    from django.db import transaction

    async with Django("sqlite").open(sqlite.url) as holder:

        def use() -> None:
            with contextlib.suppress(RuntimeError), transaction.atomic(using=holder._alias):  # type: ignore[attr-defined]
                with (
                    contextlib.suppress(ZeroDivisionError),
                    transaction.atomic(using=holder._alias, savepoint=False),  # type: ignore[attr-defined]
                ):
                    raise ZeroDivisionError
                refused(sqlite_store, holder.tx, "an error has broken the atomic block")
                raise RuntimeError

        await holder.call(use)  # type: ignore[attr-defined]


def test_the_wrong_thread(sqlite: SqliteBackend, sqlite_store: Store) -> None:
    connection = sqlite3.connect(sqlite.path)
    thread = threading.Thread(
        target=refused, args=(sqlite_store, connection, "can only be used in that same thread")
    )
    thread.start()
    thread.join()
    connection.close()


def test_a_transaction_that_read_before_another_wrote(sqlite: SqliteBackend, sqlite_store: Store) -> None:
    with contextlib.closing(sqlite3.connect(sqlite.path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM ledger").fetchall()
        sqlite.execute("INSERT INTO ledger VALUES ('other')")
        refused(
            sqlite_store,
            connection,
            "has read before another connection wrote.* BEGIN IMMEDIATE",
            StoreLocked,
        )
        connection.execute("ROLLBACK")


def test_a_file_that_another_writes_to(sqlite: SqliteBackend, sqlite_store: Store) -> None:
    with (
        contextlib.closing(sqlite3.connect(sqlite.path, isolation_level=None)) as other,
        contextlib.closing(sqlite3.connect(sqlite.path, timeout=0.05)) as connection,
    ):
        other.execute("BEGIN IMMEDIATE")
        refused(sqlite_store, connection, "another connection is writing to", StoreLocked)
        other.execute("ROLLBACK")


def test_a_role_without_rights(postgres: PostgresBackend, postgres_store: Store) -> None:
    role = "nobody_" + postgres.url.rpartition("/")[2]
    postgres.execute(f"CREATE ROLE {role} LOGIN")
    try:
        url = postgres.url.replace("postgres@", f"{role}@")
        with psycopg.connect(url) as connection:
            refused(postgres_store, connection, "permission denied.* Grant the role", StoreError)
            assert connection.execute("SELECT 1").fetchone() == (1,)
            connection.rollback()
    finally:
        postgres.execute(f"DROP ROLE {role}")


def test_an_encoding_that_lacks_the_characters(postgres: PostgresBackend, postgres_store: Store) -> None:
    made = [one.replace(args='{"text": "漢"}') for one in job()]
    with psycopg.connect(postgres.url, client_encoding="latin1") as connection:
        with pytest.raises(InvalidTransaction, match="client_encoding"):
            postgres_store.within(connection, insert, made)
        connection.rollback()
