"""Fixtures of the tests of `tx=`: a database with jobs and with a table of the application's own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from holdfast.store.base import Store
from tests.conformance import invariant
from tests.conformance.backends import Backend, PostgresBackend, SqliteBackend, prepare_postgres
from tests.conformance.scene import Scene
from tests.transactions import django_way, ways
from tests.transactions.ways import Holder, Way

WAYS: dict[str, Way] = {**ways.BLOCKING, **ways.ASYNC, **django_way.WAYS}
DRIVERS = [
    "sqlite3", "aiosqlite", "psycopg", "psycopg2", "psycopg-async", "asyncpg", "django-sqlite", "django-postgres",
    "sqlalchemy-session-pysqlite", "sqlalchemy-session-psycopg", "sqlalchemy-async-session-asyncpg",
]  # fmt: skip
"""One way for each driver and wrapper, for tests that take their time."""
POSTGRES = "18"
"""The drivers are what differs here, so one server will do."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Async tests run in a loop of their own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


def prepare(url: str) -> None:
    """A database with Holdfast's tables and one of the application's."""
    prepare_postgres(url)
    PostgresBackend(url).execute("CREATE TABLE ledger (note text NOT NULL)")


@pytest.fixture(params=[pytest.param(name, id=name) for name in WAYS])
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[request.param]


@pytest.fixture
def backend(request: pytest.FixtureRequest, way: Way, tmp_path: Path) -> Iterator[Backend]:
    """A fresh database of the kind that the way leads to."""
    if way.dialect == "sqlite":
        backend = SqliteBackend(str(tmp_path / "jobs.db"))
        backend.open().close()
        backend.execute("CREATE TABLE ledger (note text NOT NULL)")
        yield backend
        return
    yield request.getfixturevalue("postgres")


@pytest.fixture
def postgres(request: pytest.FixtureRequest) -> Iterator[PostgresBackend]:
    from tests.servers.shared import versions

    if POSTGRES not in versions():
        pytest.skip(f"no PostgreSQL {POSTGRES} here")
    with request.getfixturevalue("servers").databases(POSTGRES).fresh(prepare) as database:
        yield PostgresBackend(database.url)


@pytest.fixture
def sqlite(tmp_path: Path) -> SqliteBackend:
    backend = SqliteBackend(str(tmp_path / "jobs.db"))
    backend.open().close()
    backend.execute("CREATE TABLE ledger (note text NOT NULL)")
    return backend


@pytest.fixture
def store(backend: Backend) -> Iterator[Store]:
    store = backend.open()
    yield store
    store.close()
    invariant.check(backend)


@pytest.fixture
def scene(store: Store, backend: Backend) -> Scene:
    return Scene(store, backend)


class Bench:
    """A way, a database and a store together: what most tests need."""

    def __init__(self, way: Way, backend: Backend, scene: Scene) -> None:
        self.way = way
        self.backend = backend
        self.scene = scene
        self.store = scene.store

    @asynccontextmanager
    async def open(self, *, autocommit: bool = False) -> AsyncIterator[Holder]:
        async with self.way.open(self.backend.url, autocommit=autocommit) as holder:
            yield holder

    def ledger(self) -> list[str]:
        """What is committed in the application's table."""
        return [note for (note,) in self.backend.execute("SELECT note FROM ledger ORDER BY note")]

    def jobs(self) -> list[str]:
        """The ids of all jobs that are committed."""
        return sorted(self.backend.tables().jobs)


@pytest.fixture
def bench(way: Way, backend: Backend, scene: Scene) -> Bench:
    return Bench(way, backend, scene)
