"""The roles of docs/postgres.md: its SQL is run as it stands there, and every statement with each role."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast import Holdfast
from holdfast.client.clock import ids
from holdfast.core.errors import JobExists, StoreError
from holdfast.core.job import NewJob
from holdfast.core.unique import Unique, key_for
from holdfast.store.doctor import privileges
from holdfast.store.doctor.examine import examine
from holdfast.store.open import open_store
from holdfast.store.postgres.text import prepared
from holdfast.store.text import names
from holdfast.store.verbs import jobs
from holdfast.store.verbs.insert_unique import insert_unique
from tests.conformance.backends import PostgresBackend
from tests.conformance.scene import QUEUE, Scene
from tests.servers.databases import Database
from tests.servers.fixtures import VERSIONS
from tests.servers.shared import GIVEN, Servers

PAGE = Path(__file__).parents[2] / "docs" / "postgres.md"
ROLES = ("owner", "worker", "enqueuer", "reader")
MAY: Mapping[str, Mapping[str, frozenset[str]]] = {
    "worker": privileges.WORKER,
    "enqueuer": privileges.ENQUEUER,
    "reader": privileges.READER,
}
ENQUEUE = {
    "insert_job", "insert_jobs", "insert_lined", "add_notes", "add_expiries", "existing_jobs", "forgotten_runs",
    "server_time", "job_ids", "wait", "block", "put_notes_back",
}  # fmt: skip
"""The last four follow from the others: ids and names of jobs can be read, rows of pending, blocked, notes inserted."""


@dataclass
class Roles:
    """A database set up as the page says, with role names of its own: roles belong to the whole server."""

    database: Database
    suffix: str

    def name(self, role: str) -> str:
        return f"holdfast_{role}_{self.suffix}"

    def url(self, role: str) -> str:
        return self.database.url.replace("postgres@", f"{self.name(role)}@")

    def connect(self, role: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(role), autocommit=True)

    def sql(self, heading: str) -> str:
        """The block below a heading of the page."""
        section = PAGE.read_text().partition(f"### {heading}\n")[2].partition("\n#")[0]
        (block,) = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
        return re.sub(r"\bholdfast_(owner|worker|enqueuer|reader)\b", lambda role: self.name(role[1]), block)


@pytest.fixture(params=VERSIONS)
def roles(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Roles]:
    if request.param == GIVEN:
        pytest.skip("roles without passwords are let in by servers of ours")
    with servers.databases(request.param).fresh() as database:
        roles = Roles(database, database.name.rpartition("_")[2])
        with database.server.connect(database.name) as admin:
            admin.execute(roles.sql("The owner").encode())
            for role in ROLES[1:]:
                admin.execute(f"CREATE ROLE {roles.name(role)} LOGIN".encode())
        try:
            store = open_store(roles.url("owner"))
            assert store.migrate(), "the owner of the schema needs no rights on the database"
            store.close()
            with roles.connect("owner") as owner:
                for heading in ("Workers", "Enqueuers", "Readers"):
                    owner.execute(roles.sql(heading).encode())
            yield roles
        finally:
            with database.server.connect(database.name) as admin:
                for role in reversed(ROLES):
                    admin.execute(
                        f"DROP OWNED BY {roles.name(role)} CASCADE; DROP ROLE {roles.name(role)}".encode()
                    )


def statements() -> dict[str, bytes]:
    """Every statement of the store, with nothing for its parameters: planning it asks for the rights."""
    found: dict[str, bytes] = {}
    for name in [*sorted(names("postgres")), "move/marks"]:
        sql = prepared(name, "holdfast", "NULL").sql
        if sql:
            found[name] = f"EXPLAIN {sql}".encode()
    return found


def allowed(connection: psycopg.Connection[Any]) -> set[str]:
    """The statements that a role may run."""
    found: set[str] = set()
    for name, sql in statements().items():
        try:
            connection.execute(sql)
        except psycopg.errors.InsufficientPrivilege:
            continue
        found.add(name)
    return found


def test_every_statement_is_allowed_to_workers_and_few_to_enqueuers(roles: Roles) -> None:
    with roles.connect("worker") as worker:
        assert allowed(worker) == {*statements()}
    with roles.connect("enqueuer") as enqueuer:
        assert allowed(enqueuer) == ENQUEUE
    with roles.connect("reader") as reader:
        changing = {name for name in allowed(reader) if b"INSERT INTO" in statements()[name]}
        changing |= {
            name
            for name in allowed(reader)
            if re.search(rb"\bUPDATE holdfast|DELETE FROM", statements()[name])
        }
        assert changing == {"listen", "stop_listening"}


def test_nothing_can_be_left_out(roles: Roles) -> None:
    """Each privilege of a worker is one that some statement needs."""
    beside = {("moves", "SELECT"), ("schema_version", "SELECT")}
    with roles.connect("owner") as owner, roles.connect("worker") as worker:
        for table, wanted in privileges.WORKER.items():
            for privilege in wanted:
                place = f"{privilege} ON holdfast.{table}"
                owner.execute(f"REVOKE {place} FROM {roles.name('worker')}".encode())
                missing = {*statements()} - allowed(worker)
                owner.execute(f"GRANT {place} TO {roles.name('worker')}".encode())
                assert missing or (table, privilege) in beside, f"nobody needs {place}"


@pytest.mark.parametrize("role", MAY)
def test_the_page_says_what_the_doctor_says(roles: Roles, role: str) -> None:
    store = open_store(roles.url(role))
    rights = store.read(privileges.look, "holdfast")
    store.close()
    assert privileges.lacking(rights, MAY[role]) == []
    for one in rights:
        wanted = MAY[role].get(one.table, frozenset[str]())
        may = one.may - {privileges.SOME} if "SELECT" in one.may else one.may
        assert may == wanted, one.table
    (found,) = privileges.check(rights, roles.name(role))
    assert found.level == {"worker": "ok", "enqueuer": "warning", "reader": "error"}[role]


def test_an_application_with_these_roles(roles: Roles) -> None:
    """A worker runs what an enqueuer enqueues, and a reader waits for the result."""
    working, enqueuing = Holdfast(roles.url("worker")), Holdfast(roles.url("enqueuer"))

    def declare(app: Holdfast) -> Any:
        @app.task(name="add", max_attempts=2)
        def add(a: int, b: int) -> int:
            if a < 0:
                raise ValueError("negative")
            return a + b

        return add

    add = declare(enqueuing)
    declare(working)
    job = add.enqueue(1, 2)
    bad = add.using(max_attempts=1).enqueue(-1, 2)
    with closing(enqueuing), closing(working):
        with pytest.raises(JobExists):
            add.using(id=job.id).enqueue(1, 2)
        with pytest.raises(StoreError, match=r"permission denied .*docs/postgres.md"):
            job.cancel()
        with pytest.raises(StoreError, match="permission denied"):
            job.result(timeout=1)
        with pytest.raises(StoreError, match="permission denied"):
            enqueuing.run_worker(burst=True)
        working.run_worker(burst=True)
    with closing(Holdfast(roles.url("reader"))) as reading:
        found = reading.jobs.get(job.id)
        assert found.result(timeout=10) == 3
        assert reading.jobs.get(bad.id).errors[0].message == "negative"
        with pytest.raises(StoreError, match="permission denied"):
            found.retry()


@pytest.mark.parametrize("role", ["worker", "reader"])
def test_the_doctor_as_these_roles(roles: Roles, role: str) -> None:
    findings = examine(roles.url(role))
    assert [finding for finding in findings if "could not be checked" in finding.what] == []
    assert json.loads(json.dumps([finding.data for finding in findings]))


def test_all_verbs_of_a_worker(roles: Roles) -> None:
    """Beside the rights on tables: locks, notifications and settings ask for none."""
    backend = PostgresBackend(roles.url("worker"))
    store = backend.open()
    scene = Scene(store, backend)
    worker = scene.worker()
    first, *rest = scene.run(5, worker=worker)
    assert store.write(jobs.cancel, first.job_id, store.now(), None, True) == "cancelled"
    assert store.write(jobs.retry, first.job_id)
    assert store.write(jobs.delete, first.job_id)
    scene.finish(worker, rest)
    assert scene.claim(worker, (QUEUE, 0)) == []
    store.close()


@pytest.mark.parametrize("role", ["worker", "enqueuer", "reader"])
def test_only_the_owner_changes_the_schema(roles: Roles, role: str) -> None:
    store = open_store(roles.url(role))
    assert store.migrate() == [], "there is nothing to do"
    store.check_schema()
    store.close()
    with roles.connect(role) as connection:
        for statement in (
            "DROP TABLE holdfast.jobs",
            "CREATE TABLE holdfast.mine ()",
            "TRUNCATE holdfast.pending",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_whoever_enqueues_unique_jobs_needs_the_keys_and_what_readers_have(roles: Roles) -> None:
    """And no more than that; without it nothing is stored."""
    made = NewJob(job_id=ids.next(), task="t", queue=QUEUE, args="{}")
    made = made.replace(unique_key=key_for(Unique(key="k"), made.task, made.queue, ""))
    with closing(open_store(roles.url("enqueuer"))) as store:
        with pytest.raises(StoreError, match="permission denied for table unique_keys"):
            store.write(insert_unique, [made])
        with roles.connect("owner") as owner:
            owner.execute(roles.sql("Enqueuers of unique jobs").encode())
            for_both = roles.sql("Readers").replace(roles.name("reader"), roles.name("enqueuer"))
            owner.execute(for_both.encode())
        assert store.write(insert_unique, [made]) == [None]
        [met] = store.write(insert_unique, [made.replace(job_id=ids.next())])
        assert met is not None
        assert met.job_id == made.job_id
