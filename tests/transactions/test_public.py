"""`tx=` as applications write it."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from holdfast import Holdfast, JobContext, JobState, Middleware
from holdfast.core.errors import InvalidArguments, InvalidTransaction, JobExists
from tests.conformance.backends import Backend, PostgresBackend, SqliteBackend
from tests.transactions import ways
from tests.transactions.ways import engine_url


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> Backend:
    backend: Backend = request.getfixturevalue(request.param)
    return backend


@pytest.fixture
def app(backend: Any) -> Iterator[Holdfast]:
    with Holdfast(backend.url) as app:
        app.task(send)
        yield app


def send(to: str, subject: str = "hi") -> str:
    return f"{to}: {subject}"


def connect(backend: Any) -> Any:
    if isinstance(backend, SqliteBackend):
        return contextlib.closing(sqlite3.connect(backend.path))
    return contextlib.closing(psycopg.connect(backend.url))


def test_the_example_of_the_documentation(backend: Any, app: Holdfast) -> None:
    from sqlalchemy import create_engine, text
    from sqlalchemy.orm import Session

    send_mail = app.task(name="mail.send")(send)
    driver = "pysqlite" if backend.dialect == "sqlite" else "psycopg"
    engine = create_engine(engine_url(backend.url, driver))
    with Session(engine) as s, s.begin():
        s.execute(text("INSERT INTO ledger VALUES ('order')"))
        kept = send_mail.using(tx=s).enqueue("a@b.c", "thanks")
    with contextlib.suppress(ZeroDivisionError), Session(engine) as s, s.begin():
        s.execute(text("INSERT INTO ledger VALUES ('nothing')"))
        send_mail.using(tx=s).enqueue("a@b.c", "gone")
        raise ZeroDivisionError
    engine.dispose()
    assert backend.tables().jobs == [str(kept.id)]
    assert backend.execute("SELECT note FROM ledger") == [("order",)]
    assert app.jobs.get(kept.id).args == {"to": "a@b.c", "subject": "thanks"}


def test_batches_and_verbs(backend: Any, app: Holdfast) -> None:
    task = app.task(name="batch")(send)
    old = task.enqueue("old")
    with connect(backend) as connection:
        made = app.enqueue_many([task.new(str(n)) for n in range(5)], tx=connection)
        assert len({job.id for job in made}) == 5
        assert app.jobs.get(made[0].id, tx=connection).state is JobState.PENDING
        assert app.jobs.status(made[0].id) is JobState.NOT_FOUND
        assert app.jobs.cancel(old.id, tx=connection) is True
        assert made[1].cancel(tx=connection) is True
        assert made[1].retry(tx=connection) is True
        assert app.jobs.delete(made[2].id, tx=connection) is True
        assert app.jobs.status(old.id) is JobState.PENDING
        connection.commit()
    assert app.jobs.status(old.id) is JobState.CANCELLED
    assert [app.jobs.status(job.id) for job in made] == [
        JobState.PENDING, JobState.PENDING, JobState.NOT_FOUND, JobState.PENDING, JobState.PENDING,
    ]  # fmt: skip


def test_options_and_errors(backend: Any, app: Holdfast) -> None:
    task = app.task(name="options")(send)
    with connect(backend) as connection:
        later = task.using(tx=connection, delay=timedelta(hours=1), priority=7, meta={"a": 1})
        job = later.enqueue("x")
        with pytest.raises(InvalidArguments, match="NUL"):
            later.enqueue("a\0b")
        with pytest.raises(JobExists):
            later.using(id=job.id).enqueue("y")
        connection.commit()
    found = app.jobs.get(job.id)
    assert (found.priority, found.meta, len(app.jobs.list())) == (7, {"a": 1}, 1)
    with pytest.raises(InvalidTransaction, match="no connection that Holdfast knows"):
        task.using(tx="default").enqueue("x")


def test_middleware_is_told_of_an_error(backend: Any) -> None:
    seen: list[str] = []

    class Watching(Middleware):
        async def enqueue(self, draft: Any, call_next: Any) -> Any:
            try:
                return await call_next(draft)
            except JobExists:
                seen.append("exists")
                raise

    with Holdfast(backend.url, middleware=[Watching()]) as app, connect(backend) as connection:
        task = app.task(send)
        job = task.using(tx=connection).enqueue("x")
        with pytest.raises(JobExists):
            task.using(tx=connection, id=job.id).enqueue("x")
        task.using(tx=connection).enqueue("y")
        connection.commit()
        assert len(app.jobs.list()) == 2
    assert seen == ["exists"]


ASYNC = {
    "sqlite": ["aiosqlite", "sqlalchemy-async-session-aiosqlite"],
    "postgres": ["psycopg-async", "asyncpg", "sqlalchemy-async-session-asyncpg"],
}


async def test_the_async_form(backend: Any, app: Holdfast) -> None:
    task = app.task(name="async")(send)
    kept = []
    for name in ASYNC[backend.dialect]:
        async with ways.ASYNC[name].open(backend.url) as holder:
            for end in (holder.rollback, holder.commit):
                await holder.begin()
                job = await task.using(tx=holder.tx).aenqueue("x")
                more = await app.aenqueue_many([task.new("y"), task.new("z")], tx=holder.tx)
                assert (await app.jobs.aget(job.id, tx=holder.tx)).state is JobState.PENDING
                assert await more[0].acancel(tx=holder.tx) is True
                await end()
            kept += [str(job.id), *(str(one.id) for one in more)]
            with pytest.raises(InvalidTransaction, match="is async"):
                task.using(tx=holder.tx).enqueue("x")
    assert sorted(backend.tables().jobs) == sorted(kept)


def test_a_handler_enqueues_in_its_own_transaction(backend: Any) -> None:
    """A worker runs what was committed, and what that enqueued in turn."""
    with Holdfast(backend.url) as app:
        ran: list[str] = []

        @app.task
        def second(note: str) -> None:
            ran.append(note)

        @app.task(takes_context=True)
        def first(ctx: JobContext, note: str) -> None:
            with connect(backend) as connection:
                connection.execute(f"INSERT INTO ledger VALUES ('{note}')")
                second.using(tx=connection).enqueue(note)
                if note == "kept":
                    connection.commit()

        with connect(backend) as connection:
            for note in ("kept", "gone"):
                first.using(tx=connection).enqueue(note)
            connection.commit()
        app.run_worker(burst=True)
        assert ran == ["kept"]
        assert backend.execute("SELECT note FROM ledger") == [("kept",)]


def test_django_as_it_is_used(postgres: PostgresBackend, sqlite: SqliteBackend) -> None:
    import threading

    from tests.transactions.django_way import Django, set_up

    set_up()

    def request(url: str, backend: Backend) -> None:
        from django.db import connections, transaction

        with Holdfast(url) as app:
            task = app.task(send)
            connection = connections[alias]
            with transaction.atomic(using=alias):
                one = task.using(tx=connection).enqueue("one")
                with contextlib.suppress(ZeroDivisionError), transaction.atomic(using=alias):
                    task.using(tx=connection).enqueue("gone")
                    raise ZeroDivisionError
                with transaction.atomic(using=alias):
                    two = task.using(tx=connection).enqueue("two")
            three = task.using(tx=connection).enqueue("three")
            kept = sorted(str(job.id) for job in (one, two, three))
            assert sorted(backend.tables().jobs) == kept
            connection.close()
            done.append(url)

    import asyncio

    done: list[str] = []
    for way, backend in ((Django("postgres"), postgres), (Django("sqlite"), sqlite)):

        async def run(way: Django = way, backend: Any = backend) -> None:
            nonlocal alias
            async with way.open(backend.url) as holder:
                alias = holder._alias  # type: ignore[attr-defined]
                thread = threading.Thread(target=request, args=(backend.url, backend))
                thread.start()
                await asyncio.to_thread(thread.join)

        alias = ""
        asyncio.run(run())
    assert len(done) == 2


def test_no_package_is_imported_that_the_program_has_not_imported(sqlite: SqliteBackend) -> None:
    code = f"""
import sqlite3, sys
from holdfast import Holdfast
with Holdfast({sqlite.url!r}) as app:
    task = app.task(lambda: None, name="x")
    connection = sqlite3.connect({sqlite.path!r})
    task.using(tx=connection).enqueue()
    try:
        task.using(tx=object()).enqueue()
    except Exception as error:
        print(type(error).__name__)
    connection.commit()
print({{"sqlalchemy", "django", "psycopg", "asyncpg", "aiosqlite", "psycopg2", "asyncio"}} & set(sys.modules))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:2] == ["InvalidTransaction", "set()"]
    assert len(sqlite.tables().jobs) == 1
