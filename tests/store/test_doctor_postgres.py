"""The doctor's findings about PostgreSQL servers, each provoked for real."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from holdfast.core.errors import StoreError
from holdfast.store.doctor import examine as examining
from holdfast.store.doctor import server
from holdfast.store.doctor.examine import examine
from holdfast.store.doctor.finding import Finding
from holdfast.store.postgres.schema import newest
from tests.conformance.backends import PostgresBackend, prepare_postgres
from tests.conformance.scene import Scene
from tests.servers.databases import Database
from tests.servers.fixtures import VERSIONS
from tests.servers.shared import GIVEN, Servers
from tests.store.moving import NEWEST

Look = Any


@pytest.fixture(params=VERSIONS)
def database(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Database]:
    with servers.databases(request.param).fresh(prepare_postgres) as database:
        yield database


def look(url: str, check: str) -> list[Finding]:
    found = examine(url)
    for finding in found:
        assert bool(finding.remedy) == (finding.level != "ok"), finding
    return [finding for finding in found if finding.check == check]


def the(url: str, check: str) -> Finding:
    (found,) = look(url, check)
    return found


@contextmanager
def session(url: str, *statements: str, name: str = "a shell") -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's connection, with a transaction open in which these have run."""
    with closing(psycopg.connect(url, application_name=name)) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        yield connection


# --- reaching it ---


def test_all_is_well(database: Database) -> None:
    findings = examine(database.url)
    assert [finding for finding in findings if finding.level != "ok"] == []
    checks = [
        "reachable",
        "server",
        "role",
        "clock",
        "sessions",
        "settings",
        "transactions",
        "holders",
        "tables",
    ]
    assert {finding.check for finding in findings} >= {*checks, "locks", "places"}


def test_it_cannot_be_reached(database: Database) -> None:
    gone = the(database.url.replace(database.name, "nowhere"), "reachable")
    assert gone.level == "error"
    assert "createdb" in gone.what
    closed = the("postgresql://postgres@127.0.0.1:1/x", "reachable")
    assert closed.level == "error"
    assert "can't be reached" in closed.what
    assert the("mysql://x/y", "reachable").level == "error"


def test_schemas_of_other_releases(database: Database) -> None:
    with database.server.connect(database.name) as admin:
        admin.execute(f"INSERT INTO holdfast.schema_version VALUES ({newest() + 1}, 'next')".encode())
        assert "newer release" in the(database.url, "schema").what
        admin.execute(b"DROP SCHEMA holdfast CASCADE")
    found = the(database.url, "schema")
    assert (found.level, "holdfast migrate" in found.remedy) == ("error", True)
    findings = {finding.check for finding in examine(database.url)}
    assert "settings" in findings, "the server is looked at all the same"
    assert "places" not in findings


def test_a_role_without_rights(database: Database) -> None:
    if "postgres@" not in database.url:
        pytest.skip("roles without passwords are let in by servers of ours")
    role = f"{database.name}_role"
    url = database.url.replace("postgres@", f"{role}@")
    with database.server.connect(database.name) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN".encode())
        try:
            found = the(url, "role")
            assert (found.level, "USAGE on the schema" in found.what) == ("error", True)
            admin.execute(f"GRANT USAGE ON SCHEMA holdfast TO {role}".encode())
            admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA holdfast TO {role}".encode())
            assert "INSERT on jobs" in the(url, "role").data["enqueuer_lacks"]
            admin.execute(
                "GRANT INSERT ON holdfast.jobs, holdfast.pending, holdfast.blocked, holdfast.notes, "
                f"holdfast.expiries TO {role}".encode()
            )
            found = the(url, "role")
            assert (found.level, found.data["enqueuer_lacks"]) == ("warning", [])
            assert "DELETE on pending" in found.data["worker_lacks"]
            admin.execute(f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA holdfast TO {role}".encode())
            assert the(url, "role").level == "ok"
            admin.execute(f"REVOKE SELECT ON holdfast.leases FROM {role}".encode())
            found = the(url, "queue")
            assert (found.level, "could not be checked" in found.what) == ("warning", True)
        finally:
            admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def test_clocks_that_differ(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ahead:
        perf_counter = staticmethod(time.perf_counter)

        @staticmethod
        def time() -> float:
            return time.time() + 3600

    monkeypatch.setattr(examining, "time", Ahead)
    found = the(database.url, "clock")
    assert (found.level, "behind" in found.what) == ("warning", True)
    assert -3601 < found.data["seconds"] < -3599


# --- what others do ---


def test_an_open_transaction(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with session(database.url, "SELECT 1"):
        assert the(database.url, "transactions").level == "ok", "for a minute"
    monkeypatch.setattr(server, "LONG_TRANSACTION", 0)
    for statements, holds in (
        (("SELECT 1",), False),
        (("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 1"), True),
        (("INSERT INTO holdfast.queues VALUES ('x')",), True),
    ):
        with session(database.url, *statements) as other:
            (found,) = [
                f for f in look(database.url, "transactions") if f.data.get("pid") == other.info.backend_pid
            ]
            assert (found.level, found.data["holds_vacuum"]) == ("warning", holds)
            assert ("vacuum can't remove" in found.what) == holds
            assert f"pg_terminate_backend({other.info.backend_pid})" in found.remedy
            assert "a shell" in found.what


def test_somebody_holds_a_lock(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LONG_WAIT", 0.2)
    scene = Scene(PostgresBackend(database.url).open(), PostgresBackend(database.url))
    job = scene.enqueue_one()
    with session(database.url, f"SELECT FROM holdfast.pending WHERE id = '{job}' FOR UPDATE") as other:
        waiting = threading.Thread(target=lambda: scene.store.write(_delete, job))
        waiting.start()
        found = _until(lambda: the(database.url, "locks"))
        assert found.data["blockers"] == [other.info.backend_pid]
        assert "a row's lock" in found.what
        assert "a shell" in found.what
        other.rollback()
        waiting.join()
    scene.store.close()


def _delete(job: str):  # type: ignore[no-untyped-def]
    from holdfast.store.verbs.jobs import delete

    return (yield from delete(job))


def _until(find: Any, level: str = "warning") -> Finding:
    end = time.monotonic() + 15
    while True:
        found: Finding = find()
        if found.level == level:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.1)


def test_a_locked_table_is_told_and_waited_for_no_longer_than_a_moment(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LONG_WAIT", 0.2)
    lock = session(database.url, "LOCK TABLE holdfast.pending IN ACCESS EXCLUSIVE MODE")
    with lock as other, closing(psycopg.connect(database.url)) as victim:
        waiting = threading.Thread(target=_run, args=(victim, "SELECT count(*) FROM holdfast.pending"))
        waiting.start()
        time.sleep(0.5)
        began = time.monotonic()
        findings = examine(database.url)
        assert time.monotonic() - began < 20
        found = next(finding for finding in findings if finding.check == "locks")
        assert (found.level, found.data["table"]) == ("warning", "pending")
        assert found.data["blockers"] == [other.info.backend_pid]
        unchecked = [finding.check for finding in findings if "could not be checked" in finding.what]
        assert {"queue", "places"} <= set(unchecked)
        other.rollback()
        waiting.join()


def _run(connection: psycopg.Connection[Any], statement: str) -> None:
    connection.execute(statement.encode())


# --- tables ---


def vacuumed(scene: Scene, database: Database) -> Finding:
    """The finding after a vacuum: another session's statistics may arrive after those of an earlier one."""
    scene.backend.execute("VACUUM {}pending")
    found: Finding = look(database.url, "tables")[0]
    return found


def test_dead_rows(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(server.DEAD, "pending", 500)  # type: ignore[index]
    scene = Scene(PostgresBackend(database.url).open(), PostgresBackend(database.url))
    scene.enqueue(1000)
    scene.store.close()
    assert the(database.url, "tables").level == "ok"
    with session(database.url, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 1"):
        scene.backend.execute("DELETE FROM {}pending")
        found = _until(lambda: look(database.url, "tables")[0])
        assert (found.data["table"], found.data["dead"], found.data["live"]) == ("pending", 1000, 0)
        assert "VACUUM holdfast.pending" in found.remedy
    _until(lambda: vacuumed(scene, database), "ok")


def test_bloat(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BLOATED", 300_000)
    scene = Scene(PostgresBackend(database.url).open(), PostgresBackend(database.url))
    for _ in range(5):
        scene.enqueue(1000)
    scene.store.close()  # its statistics arrive now, not after those of the vacuum
    scene.backend.execute("DELETE FROM {}pending WHERE id <> (SELECT max(id::text)::uuid FROM {}pending)")
    end = time.monotonic() + 15
    while (found := vacuumed(scene, database)).data.get("live") != 1 and time.monotonic() < end:
        time.sleep(0.1)
    assert (found.data["table"], found.data["live"]) == ("pending", 1)
    assert "REINDEX TABLE CONCURRENTLY holdfast.pending" in found.remedy
    with database.server.connect(database.name) as admin:
        admin.execute(b"REINDEX TABLE CONCURRENTLY holdfast.pending")
        admin.execute(b"VACUUM FULL holdfast.pending")
    assert the(database.url, "tables").level == "ok"


def test_autovacuum_off_for_a_table(database: Database) -> None:
    with database.server.connect(database.name) as admin:
        admin.execute(b"ALTER TABLE holdfast.pending SET (autovacuum_enabled = false)")
        found = the(database.url, "tables")
        assert (found.level, found.data["table"]) == ("error", "pending")
        admin.execute(found.remedy.encode())
    assert the(database.url, "tables").level == "ok"


def test_rows_that_must_be_frozen(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(database.url, "freezing") == []
    monkeypatch.setattr(server, "FROZEN_SOON", 1)
    assert the(database.url, "freezing").level == "error"


# --- the server ---


def test_commits_that_may_be_lost(database: Database) -> None:
    with database.server.connect(database.name) as admin:
        admin.execute(f"ALTER DATABASE {database.name} SET synchronous_commit = off".encode())
    found = the(database.url, "settings")
    assert (found.level, found.data["setting"]) == ("warning", "synchronous_commit")


OFF = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "track_counts": "off"}


def test_a_server_set_up_badly(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """One server for all that can only be seen on one of its own; in the end it is a standby."""
    if NEWEST in (GIVEN, "none"):
        pytest.skip("no PostgreSQL here that may be set up badly")
    monkeypatch.setattr(server, "LONG_TRANSACTION", 0)
    monkeypatch.setattr(server, "KEPT_WAL", 0)
    settings = {**OFF, "max_connections": "12", "max_prepared_transactions": "2"}
    with servers.own(NEWEST, **settings) as own:
        url = own.url()
        prepare_postgres(url)
        found = {finding.data["setting"]: finding for finding in look(url, "settings")}
        assert found.keys() == {*OFF}
        assert all(finding.level == "error" for finding in found.values())
        with own.connect() as admin:
            _prepared(url, admin)
            _slot(url, admin)
            for finding in found.values():
                for statement in finding.remedy.split("; "):
                    admin.execute(statement.encode())
        _crowd(url)
        own.stop("fast")
        (own.folder / "data" / "standby.signal").touch()
        own.start()
        assert the(url, "settings").level == "ok", "the remedies have helped"
        found_standby = the(url, "server")
        assert (found_standby.level, found_standby.data["in_recovery"]) == ("error", True)


def _prepared(url: str, admin: psycopg.Connection[Any]) -> None:
    with session(url, "INSERT INTO holdfast.queues VALUES ('x')", "PREPARE TRANSACTION 'left'"):
        found = the(url, "holders")
        assert (found.level, found.data["name"], found.data["kind"]) == (
            "warning",
            "left",
            "prepared transaction",
        )
        admin.execute(found.remedy.partition(" or ")[2].partition(";")[0].encode())
    assert the(url, "holders").level == "ok"


def _slot(url: str, admin: psycopg.Connection[Any]) -> None:
    admin.execute(b"SELECT pg_create_physical_replication_slot('nobody', true)")
    admin.execute(b"INSERT INTO holdfast.queues VALUES ('more')")
    found = the(url, "holders")
    assert (found.level, found.data["kind"]) == ("warning", "inactive replication slot")
    assert found.data["wal_bytes"] > 0
    admin.execute(b"SELECT pg_drop_replication_slot('nobody')")


def _crowd(url: str) -> None:
    assert the(url, "sessions").level == "ok"
    crowd = [psycopg.connect(url) for _ in range(8)]
    found = the(url, "sessions")
    assert (found.level, found.data["most"]) == ("warning", 9)
    for one in crowd:
        one.close()


def test_limits_hold(database: Database) -> None:
    """A check that writes, or goes on for long, is ended."""
    from holdfast.store.open import open_store
    from holdfast.store.statement import Statement

    def writes():  # type: ignore[no-untyped-def]
        yield Statement("doctor/limits")
        yield Statement("declare_queues", {"name": ["x"], "settings": ["{}"]})

    store = open_store(database.url)
    with pytest.raises(StoreError, match="takes no writes"):
        store.write(writes)
    store.close()
