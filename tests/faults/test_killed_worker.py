"""A worker killed in the middle of its work, and another that takes over."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast import Holdfast
from holdfast.store.records import JobFilter
from holdfast.store.verbs.queues import list_queues
from holdfast.store.verbs.search import list_jobs
from holdfast.store.verbs.workers import list_workers
from tests.faults.test_postgres_restart import alive
from tests.faults.workload import Fleet, eventually
from tests.servers.shared import Servers, versions

JOBS = 10_000


@pytest.fixture(params=["sqlite", *versions()[:1]])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    servers: Servers = request.getfixturevalue("servers")
    with servers.databases(request.param).fresh() as database:
        yield database.url


def overlaps(log: Path) -> list[str]:
    """Begins of runs while another run of the same job had begun, was not over, and has ended later."""
    running: dict[str, set[str]] = defaultdict(set)
    suspicious: list[tuple[str, str]] = []
    wrong: list[str] = []
    for line in log.read_text().splitlines():
        what, number, pid = line.split()
        if what == "begin":
            suspicious += [(number, other) for other in running[number]]
            running[number].add(pid)
        else:
            running[number].discard(pid)
            if (number, pid) in suspicious:
                wrong.append(line)
    return wrong


def test_another_worker_ends_every_job(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_TEST_LEASE", "2")
    log = tmp_path / "runs"
    app = Holdfast(url)
    app.migrate()

    @app.task(name="slow_note")
    def slow_note(number: int) -> int: ...

    app.enqueue_many(slow_note.new(number) for number in range(JOBS))
    with Fleet(url, log) as fleet:
        first = fleet.start("--threads", "40")
        eventually(lambda: log.exists() and log.read_text().count("end") > JOBS // 10, "jobs run")
        first.kill()
        first.wait()
        fleet.workers.clear()
        assert alive(app) > JOBS // 10, "it was killed in the middle"
        fleet.start("--threads", "40")
        eventually(lambda: not alive(app), "every job ends", 100)
        assert fleet.stop() == [0]
    ended = {int(line.split()[1]) for line in log.read_text().splitlines() if line.startswith("end")}
    assert ended == set(range(JOBS))
    states = app.client.store.read(list_queues)
    assert sum(queue.succeeded for queue in states) == JOBS
    assert overlaps(log) == []
    app.close()


def test_only_what_had_begun_is_charged(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On one host it is known which of the claimed jobs had not been begun: they are no suspects."""
    monkeypatch.setenv("HOLDFAST_TEST_LEASE", "2")
    threads, number = 4, 2000
    log = tmp_path / "runs"
    app = Holdfast(url)
    app.migrate()

    @app.task(name="slow_note")
    def slow_note(number: int) -> int: ...

    app.enqueue_many(slow_note.new(n) for n in range(number))
    with Fleet(url, log) as fleet:
        first = fleet.start("--threads", str(threads))
        eventually(lambda: log.exists() and log.read_text().count("end") > number // 10, "jobs run")
        (dead,) = app.client.store.read(list_workers)
        first.kill()
        first.wait()
        journal = Path(tempfile.gettempdir()) / f"holdfast-{dead.id}.begun"
        assert journal.exists()
        fleet.workers.clear()
        lines = log.read_text().splitlines()
        begun = {line.split()[1] for line in lines if line.startswith("begin")}
        fleet.start("--threads", "40")
        eventually(lambda: not alive(app), "every job ends", 60)
        assert fleet.stop() == [0]
    records = app.client.store.read(list_jobs, JobFilter(limit=number))
    charged = {json.loads(record.args)["number"] for record in records if record.crashes}
    assert {str(number) for number in charged} <= begun
    assert not journal.exists(), "the rescuer removes it"
    app.close()
