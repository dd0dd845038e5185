"""The servers that the other tests stand on do what is said of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.servers.databases import Database
from tests.servers.installation import installations, unprivileged
from tests.servers.local import REPOSITORY, LocalServer
from tests.servers.server import Server
from tests.servers.shared import GIVEN, Servers

only_newest = pytest.mark.parametrize("postgres_version", list(installations())[:1], indirect=True)


def test_the_wheel_brings_version_18() -> None:
    assert "18" in installations()


def test_version_is_the_one_asked_for(postgres_server: Server, postgres_version: str) -> None:
    assert postgres_version in (str(postgres_server.version), GIVEN)


def test_all_processes_of_a_session_share_a_server(
    servers: Servers, postgres_server: Server, postgres_version: str
) -> None:
    if postgres_version == GIVEN:
        pytest.skip("a given server is the same for everyone")
    another_process = Servers(servers._folder, servers._owner)
    assert another_process.shared(postgres_version).url() == postgres_server.url()


def test_a_stop_loses_no_commit(own_postgres_server: LocalServer) -> None:
    server = own_postgres_server
    with server.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop("immediate")
    with pytest.raises(psycopg.OperationalError):
        server.connect()
    server.start()
    for url in (server.url(), server.socket_url()):
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


@only_newest
def test_a_server_does_not_run_as_root(own_postgres_server: LocalServer) -> None:
    process = Path("/proc") / str(own_postgres_server.pid)
    if not process.exists():
        pytest.skip("no /proc here")
    account = unprivileged()
    assert process.stat().st_uid == (account.pw_uid if account else os.geteuid())


@only_newest
def test_settings_may_be_chosen(servers: Servers, postgres_version: str) -> None:
    with (
        servers.own(postgres_version, fsync="off", timezone="Asia/Tokyo") as server,
        server.connect() as connection,
    ):
        assert connection.execute("SHOW fsync").fetchone() == ("off",)
        assert connection.execute("SHOW timezone").fetchone() == ("Asia/Tokyo",)
    assert not server.folder.exists()


def test_each_database_is_fresh(postgres_database: Database, servers: Servers, postgres_version: str) -> None:
    prepared = []

    def prepare(url: str) -> None:
        prepared.append(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE mark (number int)")

    databases = servers.databases(postgres_version)
    for _ in range(2):
        with databases.fresh(prepare) as database, psycopg.connect(database.url) as connection:
            assert connection.execute("SELECT * FROM mark").fetchall() == []
            connection.execute("INSERT INTO mark VALUES (1)")
            connection.commit()
    assert len(prepared) == 1
    with psycopg.connect(postgres_database.url) as connection:
        assert connection.execute("SELECT to_regclass('mark')").fetchone() == (None,)


@only_newest
def test_a_server_ends_with_the_process_it_was_made_for(postgres_version: str) -> None:
    program = f"""
import os, sys, time
from tests.servers.installation import installations
from tests.servers.local import LocalServer
server = LocalServer.create(installations()[{postgres_version!r}], owner=os.getpid())
print(server.folder, flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        server = LocalServer.load(Path(process.stdout.readline().strip()))
        assert server.version == int(postgres_version)
        process.kill()
    until = time.monotonic() + 30
    while server.folder.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not server.folder.exists()
    with (
        pytest.raises(ConnectionRefusedError),
        socket.create_connection(("127.0.0.1", server.port), timeout=5),
    ):
        pass
