"""The stores that tests run over. Both folders of store tests take these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from holdfast.store.base import Store
from tests.conformance import invariant
from tests.conformance.backends import Backend, PostgresBackend, SqliteBackend, prepare_postgres
from tests.conformance.scene import Scene
from tests.servers.shared import Servers, versions

STORES = ("sqlite", "postgres18", "postgres15")
"""What the tests run over: "sqlite", and "postgres18", "postgres15" … by the version of the server."""


def params(*names: str) -> list[object]:
    """The parameters of a fixture that runs over some of them."""
    return [
        pytest.param(name, id=name, marks=[pytest.mark.postgres] if name != "sqlite" else [])
        for name in names
    ]


def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """An empty database of the kind that a fixture's parameter names."""
    if request.param == "sqlite":
        return SqliteBackend(str(tmp_path / "jobs.db"))
    found: Backend = request.getfixturevalue("postgres_backends")(request.param.removeprefix("postgres"))
    return found


@pytest.fixture(params=params(*STORES))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """A fresh database of each kind."""
    return fresh(request, tmp_path)


@pytest.fixture(scope="session")
def postgres_backends(servers: Servers) -> Iterator[Callable[[str], Backend]]:
    """One database for each version, emptied for each test: making one takes longer than most tests."""
    made: dict[str, PostgresBackend] = {}
    with ExitStack() as stack:

        def emptied(version: str) -> Backend:
            if version not in made:
                if version not in versions():
                    pytest.skip(f"no PostgreSQL {version} here")
                database = stack.enter_context(servers.databases(version).fresh(prepare_postgres))
                made[version] = PostgresBackend(database.url)
            made[version].empty()
            return made[version]

        yield emptied


@pytest.fixture
def store(backend: Backend) -> Iterator[Store]:
    """An open store; every job must be in its one place when the test is over."""
    store = backend.open()
    yield store
    store.close()
    invariant.check(backend)


@pytest.fixture
def scene(store: Store, backend: Backend) -> Scene:
    return Scene(store, backend)
