"""The guides for those who come from another system: their code is run, and no row of theirs is left out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from operator import attrgetter
from pathlib import Path

import pytest

import holdfast
import holdfast.events
from tests.servers.shared import Servers, versions

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
ROWS = tomllib.loads((ROOT / "tests" / "parity" / "rows.toml").read_text("utf-8"))
SYSTEM_OF = {
    "from-bgjob": "S0",
    "from-job-queue-worker": "S1",
    "from-typed-job-queue": "S2",
    "from-web-framework-jobs": "S3",
    "from-embedded-queue": "S4",
}

# What each page's code is used for: the tables of the other system are made, filled and brought over.
BGJOB = """
import psycopg
app.migrate()
sent, paged = send.enqueue("ada@x.y"), report.enqueue(1)
with psycopg.connect(app.url) as connection:
    connection.execute(
        "create table bgjob_job (id text primary key, queue text, type text, arg bytea, next_run_at int8, "
        "request_id text)"
    )
    connection.cursor().executemany(
        "insert into bgjob_job values (%s, 'mail', 'mail.send', %s, 0, 'r1')",
        [(f"old {n}", b'{"to": "old@x.y"}') for n in range(600)],
    )
with psycopg.connect(app.url) as running, psycopg.connect(app.url) as connection:
    running.execute("select * from bgjob_job where id = 'old 7' for update")
    moved = []
    while not moved or moved[-1]:
        moved.append(bring_over(connection))
        connection.commit()
    left = connection.execute("select id from bgjob_job").fetchall()
print(moved, left, app.jobs.get(uuid5(NAMESPACE_OID, "old 8")).meta)
from threading import Semaphore
from holdfast import events
again = Semaphore(0)
app.on(events.Rescheduled, lambda event: again.release())
with app.worker():
    sent.result(timeout=30)
    assert all(again.acquire(timeout=30) for _ in range(3))
    for job in app.jobs.list(task="mail.send", limit=700):
        job.result(timeout=30)
print(paged.refresh().args, len(app.jobs.list(state="succeeded", limit=700)))
from prometheus_client import REGISTRY
labels = {"queue": "mail", "task": "mail.send"}
print(REGISTRY.get_sample_value("bgjob_execute_success_total", labels))
"""
WORKER = """
import psycopg
app.migrate()
wrong, busy = sync.enqueue(b"wrong"), sync.enqueue(b"busy")
with psycopg.connect(app.url) as connection:
    connection.execute("create table pgq_old (id text, kind text, status text, run_at timestamp, payload bytea)")
    connection.execute("insert into pgq_old values ('a', 'sync', 'PENDING', '2020-01-01', 'from before'), "
                       "('b', 'sync', 'DONE', '2020-01-01', 'done')")
    print(bring_over(connection, "pgq_old"), connection.execute("select id from pgq_old").fetchall())
old = app.jobs.get(uuid5(NAMESPACE_OID, "a"))
app.run_worker(burst=True)
print(old.result(timeout=0), wrong.refresh().reason, busy.refresh().state, busy.attempt)
print(busy.run_at - busy.created_at > timedelta(seconds=4))
sync.enqueue(b"now")
print(by_hand(), by_hand())
"""
TYPED = """
import psycopg
app.migrate()
fine, broken = enqueue_some()
with psycopg.connect(app.url) as connection:
    connection.execute(
        "create table goqueue_jobs (job_id serial, queue_name text, created_at timestamp, scheduled_at timestamp, "
        "status text, arguments jsonb, metadata jsonb)"
    )
    connection.execute(
        "insert into goqueue_jobs (queue_name, created_at, scheduled_at, status, arguments, metadata) values "
        "('mail', now(), '2020-01-01', 'available', '{\\"to\\": \\"old@x.y\\"}', '{\\"k\\": 1}'), "
        "('mail', now(), '2020-01-01', 'running', '{\\"to\\": \\"busy@x.y\\"}', null)"
    )
    print(bring_over(connection, "mail", send), bring_over(connection, "mail", send))
app.run_worker(burst=True)
print(fine.result(timeout=0), broken.refresh().reason)
print(sorted(job.result(timeout=0) for job in app.jobs.list(state="succeeded")))
print(theirs(1, None), theirs(2, None), Linear(base=timedelta(seconds=2))(1), theirs(99, None))
"""
FRAMEWORK = """
import asyncio
ids = publish(app, ["ada", "bob"])
failed = probe.enqueue()
async def serve():
    async with lifespan(None):
        return [await app.jobs.get(id).aresult(timeout=20) for id in ids]
print(asyncio.run(serve()))
app.run_worker(burst=True)
print(failed.refresh().kept_result, deliver.level.max_attempts)
"""
EMBEDDED = """
app.migrate()
with closing(sqlite3.connect("data.db")) as connection, connection:
    connection.execute("CREATE TABLE orders (name)")
    connection.execute(
        "CREATE TABLE backlite_tasks (id text PRIMARY KEY, queue text, task blob, wait_until integer, "
        "claimed_at integer)"
    )
    payload = b'{"OrderID": "A1", "EmailAddress": "old@x.y"}'
    connection.executemany(
        "INSERT INTO backlite_tasks VALUES (?, 'NewOrderEmail', ?, ?, ?)",
        [
            ("01a201f6-6a65-7390-bd28-2e8953a64f23", payload, None, None),
            ("01a201f6-6a65-7390-bd28-2e8953a64f24", payload, None, 1),
        ],
    )
with closing(sqlite3.connect("data.db")) as connection:
    print(bring_over(connection), connection.execute("SELECT id FROM backlite_tasks").fetchall())
print(serve(), app.run_worker(burst=True).value)
print(sorted((job.task, job.state.value, job.has_args) for job in app.jobs.list()))
"""
USES = {
    "from-bgjob": (BGJOB, ["[500, 99, 0] [('old 7',)] {'request_id': 'r1'}", "{'page': 1} 600", "600.0"]),
    "from-job-queue-worker": (
        WORKER,
        ["1 [('b',)]", "b'done on attempt 1' error pending 1", "True", "True False"],
    ),
    "from-typed-job-queue": (
        TYPED,
        [
            "1 0",
            "welcome ada@example.com from acme exhausted",
            "['nowhere: nowhere is no address', 'welcome ada@example.com from acme', 'welcome old@x.y from acme']",
            "0:00:04 0:00:08 0:00:02 1:00:00",
        ],
    ),
    "from-web-framework-jobs": (FRAMEWORK, ["['delivered to ada', 'delivered to bob']", "{'seen': 3} UNSET"]),
    "from-embedded-queue": (
        EMBEDDED,
        [
            "1 [('01a201f6-6a65-7390-bd28-2e8953a64f24',)]",
            "True 0",
            "[('NewOrderEmail', 'succeeded', False), ('NewOrderEmail', 'succeeded', False)]",
        ],
    ),
}
ON_POSTGRESQL = ("from-bgjob", "from-job-queue-worker", "from-typed-job-queue", "from-web-framework-jobs")
ON_SQLITE = ("from-web-framework-jobs", "from-embedded-queue")


def text(name: str) -> str:
    return (GUIDES / f"{name}.md").read_text("utf-8")


def run(name: str, folder: Path, **env: str) -> None:
    """Run the page's blocks as one program, and then what uses them."""
    use, expected = USES[name]
    blocks = re.findall(r"^```python\n(.*?)^```", text(name), re.MULTILINE | re.DOTALL)
    (folder / "page.py").write_text("\n\n".join([*blocks, use, "app.close()"]), "utf-8")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "error", "page.py"],
        cwd=folder, env=kept | env, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize("name", ON_SQLITE)
def test_the_code_of_a_guide_runs_on_sqlite(name: str, tmp_path: Path) -> None:
    run(name, tmp_path)


@pytest.mark.skipif("18" not in versions(), reason="no PostgreSQL 18 here")
@pytest.mark.parametrize("name", ON_POSTGRESQL)
def test_the_code_of_a_guide_runs_on_postgresql(name: str, tmp_path: Path, servers: Servers) -> None:
    with servers.databases("18").fresh() as database:
        if name == "from-web-framework-jobs":
            migrate = [sys.executable, "-m", "holdfast", "--url", database.url, "migrate"]
            subprocess.run(migrate, check=True, capture_output=True, timeout=60)
        run(name, tmp_path, HOLDFAST_URL=database.url)


@pytest.mark.parametrize(("name", "system"), SYSTEM_OF.items())
def test_a_guide_has_every_row_of_its_system(name: str, system: str) -> None:
    named = set(re.findall(r"^\| (S\d\.\d+) \|", text(name), re.MULTILINE))
    assert named == {f"{system}.{number}" for number in ROWS[system]}


def test_every_fault_that_a_guide_names_is_one() -> None:
    for name in SYSTEM_OF:
        faults = set(re.findall(r"\((F\d+)\)", text(name)))
        assert faults
        assert faults <= ROWS.keys()


def test_all_guides_are_listed_and_their_links_lead_somewhere() -> None:
    listed = (GUIDES / "README.md").read_text("utf-8")
    assert {path.stem for path in GUIDES.glob("*.md")} == {"README", *SYSTEM_OF}
    for name in ("README", *SYSTEM_OF):
        assert name == "README" or f"]({name}.md)" in listed
        for link in re.findall(r"\]\((?!https:)([^)#]+)", text(name)):
            assert (GUIDES / link).exists(), link


@pytest.mark.parametrize("name", SYSTEM_OF)
def test_the_names_in_a_guide_exist(name: str) -> None:
    """In the last column: what is called of `app.`, and what is written like a class."""
    ours = [row.split(" | ")[-1] for row in text(name).splitlines() if re.match(r"\| (S\d\.\d+)? \|", row)]
    classes = {*holdfast.__all__, *holdfast.events.__all__}
    with holdfast.Holdfast("sqlite:///never-opened.db") as app:
        for path in re.findall(r"\bapp\.([a-z_.]+)", " ".join(ours)):
            assert attrgetter(path)(app) is not None
    for word in re.findall(r"`([A-Z][A-Za-z]+)(?:\(|`)", " ".join(ours)):
        assert word in classes, word
