"""What tests ask for. A test that uses one of these by its parameter runs once per PostgreSQL version.

To narrow it: `@pytest.mark.parametrize("postgres_version", ["18"], indirect=True)`, or `-k postgres18`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.servers.databases import Database, Prepare
from tests.servers.local import LocalServer
from tests.servers.server import Server
from tests.servers.shared import GIVEN, Servers, remove_servers, versions

VERSIONS = [pytest.param(version, id=f"postgres{version}") for version in versions()] or [
    pytest.param("none", marks=pytest.mark.skip(reason="no PostgreSQL here, not even the one in a wheel"))
]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """All servers of the session, for fixtures that choose the version themselves."""
    base = tmp_path_factory.getbasetemp()
    # With xdist this is a worker: its parent leads the session, and the parent of its folder is everyone's.
    worker = "PYTEST_XDIST_WORKER" in os.environ
    servers = Servers(base.parent if worker else base, os.getppid() if worker else os.getpid())
    yield servers
    servers.close()


@pytest.fixture(scope="session", params=VERSIONS)
def postgres_version(request: pytest.FixtureRequest) -> str:
    """A major version, such as `18`, or `given` for the server of HOLDFAST_TEST_POSTGRES_URL."""
    version: str = request.param
    return version


@pytest.fixture(scope="session")
def postgres_server(servers: Servers, postgres_version: str) -> Server:
    """A running server, shared with all other tests: look and connect, but leave it running."""
    return servers.shared(postgres_version)


@pytest.fixture
def own_postgres_server(servers: Servers, postgres_version: str) -> Iterator[LocalServer]:
    """A running server of this test alone, which may stop, start and break it."""
    if postgres_version == GIVEN:
        pytest.skip("a given server isn't ours to stop")
    with servers.own(postgres_version) as server:
        yield server


@pytest.fixture
def postgres_template() -> Prepare | None:
    """What prepares the template of `postgres_database`; a folder of tests may override it."""
    return None


@pytest.fixture
def postgres_database(
    servers: Servers, postgres_version: str, postgres_template: Prepare | None
) -> Iterator[Database]:
    """A fresh database, dropped after the test."""
    with servers.databases(postgres_version).fresh(postgres_template) as database:
        yield database


def pytest_unconfigure(config: pytest.Config) -> None:
    """The leader of the session ends the servers before it ends itself, as long as it can."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        remove_servers(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who uses a server gets the mark `postgres` without having to say so."""
    for item in items:
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.postgres)
