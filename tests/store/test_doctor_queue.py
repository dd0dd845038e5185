"""The doctor's findings about the queue, each provoked for real, on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.job import Claimed
from holdfast.store.doctor import places, queue
from holdfast.store.doctor.examine import examine
from holdfast.store.doctor.finding import Finding
from holdfast.store.move.marks import close_source, hold_target
from holdfast.store.records import RunningNote
from holdfast.store.verbs import pauses, workers
from tests.conformance.backends import Backend, PostgresBackend, SqliteBackend, prepare_postgres
from tests.conformance.scene import HOUR, QUEUE, SECOND, TASK, Scene, new_ids
from tests.servers.shared import Servers
from tests.store.moving import NEWEST

GONE = new_ids().next()


@pytest.fixture(params=["sqlite", pytest.param(f"postgres{NEWEST}", marks=pytest.mark.postgres)])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    if request.param == "sqlite":
        yield from _opened(SqliteBackend(str(tmp_path / "jobs.db")))
        return
    if NEWEST == "none":
        pytest.skip("no PostgreSQL here")
    servers: Servers = request.getfixturevalue("servers")
    with servers.databases(NEWEST).fresh(prepare_postgres) as database:
        yield from _opened(PostgresBackend(database.url))


def _opened(backend: Backend) -> Iterator[Scene]:
    store = backend.open()
    yield Scene(store, backend)
    store.close()


def look(scene: Scene, check: str, declared: list[str] | None = None) -> list[Finding]:
    """What the doctor finds of one kind; every finding that is not fine must say what helps."""
    findings = examine(scene.backend.url, declared=declared)  # type: ignore[attr-defined]
    for finding in findings:
        assert bool(finding.remedy) == (finding.level != "ok"), finding
    found = [finding for finding in findings if finding.check == check]
    assert found, findings
    return found


def the(scene: Scene, check: str, declared: list[str] | None = None) -> Finding:
    (found,) = look(scene, check, declared)
    return found


def ago(scene: Scene, seconds: float) -> str:
    """A time in the past, as SQL."""
    if scene.store.dialect == "sqlite":
        return str(scene.store.now() - int(seconds * SECOND))
    return f"now() - interval '{seconds} s'"


def age(scene: Scene, table: str, column: str, seconds: float, id: str) -> None:
    scene.backend.execute(f"UPDATE {{}}{table} SET {column} = {ago(scene, seconds)} WHERE id = ?", id)


def test_all_is_well(scene: Scene) -> None:
    worker = scene.worker()
    scene.finish(worker, scene.run(3, worker=worker))
    scene.run(2, worker=worker)
    scene.enqueue(3)
    scene.enqueue(3, run_at=scene.store.now() + HOUR, queue="later")
    findings = examine(scene.backend.url, declared=[TASK])  # type: ignore[attr-defined]
    bad = [finding for finding in findings if finding.level != "ok" and finding.check != "folder"]
    assert bad == []
    checks = ["workers", "leases", "queues", "tasks", "overdue", "long runs", "move", "places", "declared"]
    assert {finding.check for finding in findings} >= {*checks, "schema"}


def test_looking_changes_nothing(scene: Scene) -> None:
    scene.run(3)
    before = scene.backend.tables()
    examine(scene.backend.url)  # type: ignore[attr-defined]
    assert scene.backend.tables() == before


# --- workers and leases ---


def test_a_silent_worker_and_nobody_else(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    age(scene, "workers", "beat_at", 45, worker)
    found = the(scene, "workers")
    assert (found.level, found.data["worker"]) == ("warning", worker)
    assert "no worker is alive" in found.what
    age(scene, "leases", "created_at", 45, job.lease)
    found = the(scene, "leases")
    assert (found.level, found.data["jobs"], found.data["leases"]) == ("error", 1, [job.lease])
    assert "Start a worker" in found.remedy


def test_a_silent_worker_among_the_living(scene: Scene) -> None:
    worker = scene.worker()
    jobs = scene.run(3, worker=worker)
    scene.worker()
    age(scene, "workers", "beat_at", 45, worker)
    age(scene, "leases", "created_at", 45, jobs[0].lease)
    assert the(scene, "workers").level == "ok", "the others have half a minute to rescue it"
    age(scene, "workers", "beat_at", 90, worker)
    age(scene, "leases", "created_at", 90, jobs[0].lease)
    assert (the(scene, "workers").level, the(scene, "leases").level) == ("warning", "warning")


def test_a_lease_of_nobody(scene: Scene) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    scene.store.write(workers.unregister, worker)
    age(scene, "leases", "created_at", 100, job.lease)
    found = the(scene, "leases")
    assert (found.level, found.data["workers"]) == ("error", [worker])


# --- jobs that don't run ---


def test_a_queue_that_nobody_serves(scene: Scene) -> None:
    job = scene.enqueue_one()
    assert the(scene, "queues").level == "ok", "a moment ago"
    age(scene, "pending", "run_at", 60, job)
    assert the(scene, "queues").level == "warning"
    age(scene, "pending", "run_at", 600, job)
    scene.worker(queues=["other"])
    found = the(scene, "queues")
    assert (found.level, found.data["queue"]) == ("error", QUEUE)
    assert 590 < found.data["due_seconds"] < 700
    assert f"-q {QUEUE}" in found.remedy
    scene.worker(queues=["other", QUEUE])
    assert the(scene, "queues").level == "ok"


def test_pauses_that_may_be_forgotten(scene: Scene) -> None:
    assert the(scene, "pauses").what == "nothing is paused"
    scene.store.write(pauses.pause, "queue", QUEUE, "ada", "provider is down")
    scene.store.write(pauses.pause, "task", "mail.new", None, None)
    assert (the(scene, "pauses").level, "task 'mail.new'" in the(scene, "pauses").what) == ("ok", True)
    # That paused jobs don't run is meant so.
    job = scene.enqueue_one()
    age(scene, "pending", "run_at", 4000, job)
    other = scene.enqueue_one(task="mail.new", queue="served")
    age(scene, "pending", "run_at", 4000, other)
    scene.worker(queues=["served"], tasks=["mail.new"])
    assert {the(scene, check).level for check in ("queues", "tasks", "overdue")} == {"ok"}
    scene.backend.execute(f"UPDATE {{}}pauses SET since = {ago(scene, 90_000)} WHERE kind = 'queue'")
    found = the(scene, "pauses")
    assert (found.level, found.data["name"], found.data["by"]) == ("warning", QUEUE, "ada")
    assert "provider is down" in found.what
    assert f"queues resume {QUEUE}" in found.remedy
    scene.store.write(pauses.resume, "queue", QUEUE)
    assert the(scene, "pauses").level == "ok"
    assert the(scene, "queues").level == "error"


def test_a_task_that_nobody_knows(scene: Scene) -> None:
    scene.worker(queues=["other"], tasks=["mail.new"])
    worker = scene.worker()
    scene.enqueue(2, task="mail.new")
    found = the(scene, "tasks")
    assert (found.level, found.data["task"], found.data["noted_seconds"]) == ("error", "mail.new", None)
    noted = f"INSERT INTO {{}}unknown_tasks VALUES (?, 'mail.new', {ago(scene, 1200)})"
    scene.backend.execute(noted, QUEUE)
    assert "20 min ago" in the(scene, "tasks").what
    scene.store.write(workers.unregister, worker)
    scene.worker(tasks=["mail.new"])
    assert the(scene, "tasks").level == "ok"


def test_due_for_long_although_it_is_served(scene: Scene) -> None:
    worker = scene.worker(concurrency=2)
    unknown, job = scene.enqueue_one(task="gone"), scene.enqueue_one()
    age(scene, "pending", "run_at", 4000, unknown)
    assert the(scene, "overdue").level == "ok", "that one has a finding of its own"
    age(scene, "pending", "run_at", 3000, job)
    scene.store.write(workers.beat, worker, [RunningNote(GONE, TASK, scene.store.now() - 5 * SECOND)], None)
    found = the(scene, "overdue")
    assert (found.level, found.data["job"]) == ("warning", job)
    assert (found.data["workers"], found.data["running"], found.data["slots"]) == (1, 1, 2)


def test_a_run_without_end(scene: Scene) -> None:
    worker = scene.worker()
    notes = [RunningNote(GONE, TASK, scene.store.now() - 2 * HOUR)]
    scene.store.write(workers.beat, worker, notes, None)
    found = the(scene, "long runs")
    assert (found.level, found.data["job"], found.data["worker"]) == ("warning", GONE, worker)
    age(scene, "workers", "beat_at", 100, worker)
    assert the(scene, "long runs").level == "ok", "it is dead"


def test_many_lanes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "LANES", 3)
    for n in range(5):
        scene.enqueue(1, priority=n)
    scene.worker()
    assert "2 lanes were not looked at" in the(scene, "queues").what


# --- an application ---


def test_tasks_that_are_declared(scene: Scene) -> None:
    assert the(scene, "declared", ["a"]).level == "ok", "nobody is alive to know them"
    scene.worker(tasks=["a", TASK])
    scene.enqueue(1)
    missing, strange = look(scene, "declared", ["a", "b"])
    assert (missing.level, missing.data["tasks"]) == ("warning", ["b"])
    assert (strange.level, strange.data["tasks"]) == ("warning", [TASK])
    assert the(scene, "declared", ["a", TASK]).level == "ok"


# --- a move ---


def test_moves(scene: Scene) -> None:
    move = new_ids().next()
    scene.store.write(hold_target, move, "elsewhere", ())
    found = the(scene, "move")
    assert (found.level, found.data["role"]) == ("error", "to")
    assert "elsewhere" in found.what
    scene.backend.execute("DELETE FROM {}moves")
    scene.store.write(close_source, move, "elsewhere")
    assert the(scene, "move").data["role"] == "from"
    scene.backend.execute("UPDATE {}moves SET state = 'moved'")
    found = the(scene, "move")
    assert (found.level, found.data["to"]) == ("error", "elsewhere")


# --- the invariant ---


def _finish_by_hand(scene: Scene, job: str) -> None:
    scene.backend.execute(
        "INSERT INTO {}finished (id, state, run, attempt, crashes, finished_at) "
        f"VALUES (?, 'succeeded', 1, 1, 0, {ago(scene, 0)})", job
    )  # fmt: skip


def _steal(scene: Scene, job: Claimed) -> None:
    columns = (
        "jobs, released" if scene.store.dialect == "sqlite" else "ids, runs, attempts, crashes, released"
    )
    scene.backend.execute(
        f"INSERT INTO {{}}leases (id, worker, created_at, {columns}) "
        f"SELECT ?, worker, created_at, {columns} FROM {{}}leases WHERE id = ?", GONE, job.lease
    )  # fmt: skip


def test_jobs_out_of_place(scene: Scene) -> None:
    worker = scene.worker()
    nowhere, twice = scene.enqueue(2)
    running, done = scene.run(2, worker=worker, queue="run")
    scene.settle(worker, [scene.decide(done, _succeeded())])
    assert the(scene, "places").level == "ok", "a lease may still name what has finished"
    scene.backend.execute("DELETE FROM {}pending WHERE id = ?", nowhere)
    _finish_by_hand(scene, twice)
    _steal(scene, running)
    found = {finding.data["job"]: finding for finding in look(scene, "places")}
    assert found.keys() == {nowhere, twice, running.job_id}
    assert all(finding.level == "error" for finding in found.values())
    assert "never run" in found[nowhere].what
    assert found[twice].data["places"] == ["finished", "pending"]
    assert found[running.job_id].data["places"] == ["2 leases"]


def _succeeded() -> Any:
    from holdfast.core.outcomes import Succeeded

    return Succeeded()


def test_rows_of_no_job(scene: Scene) -> None:
    scene.enqueue(3)
    _finish_by_hand(scene, GONE)
    scene.backend.execute(f"INSERT INTO {{}}job_progress VALUES (?, 1, 5, NULL, {ago(scene, 0)})", GONE)
    found = the(scene, "places")
    assert (found.level, found.data["rows"]) == ("warning", [["finished", GONE], ["job_progress", GONE]])


def test_only_a_sample_is_looked_at(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "HALF", 5)
    ids = scene.enqueue(30)
    assert the(scene, "places").data["looked_at"] == 10
    assert "the newest and the oldest 5" in the(scene, "places").what
    scene.backend.execute("DELETE FROM {}pending WHERE id = ?", ids[15])
    assert the(scene, "places").level == "ok"
    scene.backend.execute("DELETE FROM {}pending WHERE id = ?", ids[-1])
    assert the(scene, "places").data["job"] == ids[-1]
