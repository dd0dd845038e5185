"""Dead letters through the public API, blocking and async, on both stores: listed, counted, redriven, purged."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from holdfast import (
    ConfigurationError,
    Holdfast,
    InvalidOption,
    Job,
    JobContext,
    JobFailed,
    JobNotFound,
    Retention,
    WrongState,
)
from holdfast.store.verbs.insert import insert
from tests.conformance.backends import Backend
from tests.worker.conftest import MakeApp, StartWorker
from tests.worker.program import fails, quick
from tests.worker.programs import Programs

Drain = Callable[..., Any]


class Unreachable(ConnectionError):
    pass


@pytest.fixture
def letters(app: Holdfast, drain: Drain) -> list[Job[None]]:
    """Failed jobs: a's first and last in queue mail, b's in queue other; and one that has succeeded."""

    @app.task(name="a", queue="mail", max_attempts=1, sensitive=("token",))
    def a(token: str) -> None:
        raise ValueError(token)

    @app.task(name="b", queue="other", max_attempts=1)
    def b() -> None:
        raise Unreachable

    @app.task(name="c")
    def c() -> None:
        pass

    jobs: list[Job[None]] = [a.enqueue("x"), b.enqueue(), c.enqueue(), a.enqueue("y")]
    drain()
    return jobs


@pytest.mark.parity("S0.10")
def test_they_are_listed_and_counted(app: Holdfast, letters: list[Job[None]]) -> None:
    first, other, _, last = letters
    found = app.dead_letters.list
    assert found() == [last, other, first]
    assert found(limit=2) == [last, other]
    assert found(after=other) == [first]
    assert found(queue="mail") == found(task="a") == [last, first]
    assert found(reason="exhausted") == [last, other, first]
    assert found(reason="timeout") == []
    assert found(error=ValueError) == found(error="ValueError") == [last, first]
    assert found(error=Unreachable) == found(error="Unreachable") == [other]
    assert found(error="reachable") == found(error=ConnectionError) == []
    failed_at = other.refresh().finished_at
    assert failed_at is not None
    assert other in found(since=failed_at)
    assert other not in found(until=failed_at)
    assert found(until=datetime(2020, 1, 1, tzinfo=UTC)) == []
    assert app.dead_letters.count() == 3
    assert app.dead_letters.count(queue="mail", error=ValueError) == 2
    assert found()[0].masked_args == {"token": "•••"}
    (record,) = found(queue="other")
    assert record.last_error is not None
    assert record.attempt == 1


def test_a_filter_that_makes_no_sense(app: Holdfast) -> None:
    letters = app.dead_letters
    for wrong in (
        {"reason": "bad luck"},
        {"limit": 0},
        {"since": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is what is wrong
        {"queue": ""},
    ):
        with pytest.raises(InvalidOption):
            letters.list(**wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="colour"):
        letters.list(colour="red")  # type: ignore[call-arg]
    for verb in (letters.redrive, letters.purge):
        with pytest.raises(InvalidOption, match="all=True"):
            verb()
        with pytest.raises(InvalidOption, match="alone"):
            verb(queue="mail", all=True)
        with pytest.raises(InvalidOption):
            verb(uuid4(), queue="mail")  # type: ignore[call-overload]


@pytest.mark.parity("S0.10")
def test_redrive_one(app: Holdfast, letters: list[Job[None]], drain: Drain) -> None:
    job = letters[0]
    assert app.dead_letters.redrive(job.id) is True
    job.refresh()
    assert (job.state, job.attempt, job.run, len(job.errors)) == ("pending", 0, 1, 1)
    assert app.dead_letters.redrive(job.id) is False
    assert app.dead_letters.redrive(letters[2].id) is False
    with pytest.raises(JobNotFound):
        app.dead_letters.redrive(uuid4())
    drain()
    job.refresh()
    assert (job.state, job.attempt, job.run, len(job.errors)) == ("failed", 1, 2, 2)


@pytest.mark.parity("S0.10")
def test_purge_one(app: Holdfast, letters: list[Job[None]]) -> None:
    assert app.dead_letters.purge(letters[0].id) is True
    assert app.dead_letters.purge(letters[0].id) is False
    assert app.dead_letters.purge(letters[2].id) is False
    with pytest.raises(JobNotFound):
        letters[0].refresh()
    assert letters[2].refresh().state == "succeeded"


def test_many_by_filter_and_all(app: Holdfast, letters: list[Job[None]]) -> None:
    assert app.dead_letters.redrive(error=ValueError) == 2
    assert [job.refresh().state for job in letters] == ["pending", "failed", "succeeded", "pending"]
    assert app.dead_letters.redrive(all=True) == 1
    assert app.dead_letters.count() == 0
    assert app.dead_letters.redrive(all=True) == app.dead_letters.purge(all=True) == 0


def test_all_are_purged(app: Holdfast, letters: list[Job[None]]) -> None:
    assert app.dead_letters.purge(queue="mail") == 2
    assert app.dead_letters.purge(all=True) == 1
    assert app.jobs.list() == [letters[2]]


def test_the_same_for_async_code(app: Holdfast, letters: list[Job[None]]) -> None:
    first, other, _, last = letters

    async def everything() -> None:
        found = app.dead_letters
        assert await found.alist(queue="mail") == [last, first]
        assert await found.acount() == 3
        assert await found.aredrive(other.id) is True
        assert await found.aredrive(queue="mail", reason="exhausted") == 2
        assert await found.apurge(first.id) is False
        assert await found.apurge(all=True) == 0

    asyncio.run(everything())
    assert app.jobs.list(state="pending") == [last, other, first]


def test_in_the_callers_transaction(app: Holdfast, letters: list[Job[None]], backend: Backend) -> None:
    """Nothing of it before the commit, nothing after a rollback."""
    connection = _connect(backend)
    try:
        for commit in (False, True):
            connection.execute("BEGIN")
            assert app.dead_letters.redrive(letters[0].id, tx=connection) is True
            assert app.dead_letters.purge(queue="other", tx=connection) == 1
            assert app.dead_letters.count(tx=connection) == 1
            connection.execute("COMMIT" if commit else "ROLLBACK")
            assert app.dead_letters.count() == (1 if commit else 3)
    finally:
        connection.close()
    assert letters[0].refresh().state == "pending"


def _connect(backend: Backend) -> Any:
    if backend.dialect == "sqlite":
        import sqlite3

        return sqlite3.connect(backend.path, isolation_level=None)  # type: ignore[attr-defined]
    import psycopg

    return psycopg.connect(backend.url, autocommit=True)  # type: ignore[attr-defined]


def test_without_arguments_there_is_no_way_back(app: Holdfast, drain: Drain) -> None:
    @app.task(name="a", max_attempts=1, retention=Retention(payload="never"))
    def a(n: int) -> None:
        raise ValueError

    @app.task(name="b", max_attempts=1, retention=Retention(payload="failed"))
    def b(n: int) -> None:
        raise ValueError

    gone, kept = a.enqueue(1), b.enqueue(2)
    drain()
    for verb in (app.dead_letters.redrive, app.jobs.retry):
        with pytest.raises(WrongState, match="arguments"):
            verb(gone.id)
    assert (gone.refresh().args, gone.has_args) == ({}, False)
    assert (kept.refresh().args, kept.has_args) == ({"n": 2}, True)
    assert app.dead_letters.redrive(all=True) == 1
    assert kept.refresh().state == "pending"
    assert app.jobs.retry(state="failed") == 0


@pytest.mark.slow
def test_many_are_redriven_and_purged_in_steps(app: Holdfast, backend: Backend) -> None:
    from tests.conformance.scene import Scene

    scene = Scene(app.client.store, backend)
    made = scene.new(20_000)
    for start in range(0, len(made), 2000):
        app.client.store.write(insert, made[start : start + 2000])
    _fail_all(backend)
    assert app.dead_letters.count() == 20_000
    assert app.dead_letters.redrive(all=True) == 20_000
    scene.check()
    _fail_all(backend)
    assert app.dead_letters.purge(task="mail.send") == 20_000
    assert app.jobs.list() == []


def _fail_all(backend: Backend) -> None:
    now = "0" if backend.dialect == "sqlite" else "now()"
    backend.execute(
        "INSERT INTO {}finished (id, state, reason, run, attempt, crashes, finished_at) "
        f"SELECT id, 'failed', 'error', 1, 1, 0, {now} FROM {{}}pending"
    )
    backend.execute("DELETE FROM {}pending")


# --- dead-letter queues ---


@pytest.mark.parity("S2.6")
def test_a_dead_letter_queue_is_consumed_like_any_other(make_app: MakeApp, drain: Drain) -> None:
    app = make_app()
    seen: list[Any] = []
    app.queue("mail", dead_letter="mail-dead")

    @app.task(name="on_dead", takes_context=True)
    def on_dead(ctx: JobContext, to: str) -> str:
        seen.append((to, ctx.meta, ctx.job.dead_letter_of))
        return "buried"

    app.queue("mail-dead", task=on_dead, priority=5)

    @app.task(name="send", queue="mail", max_attempts=2, retry=lambda *_: timedelta(0))
    def send(to: str) -> None:
        raise ValueError(to)

    job = send.using(meta={"tenant": "x"}, max_attempts=1).enqueue("ada")
    drain(app=app)
    job.refresh()
    assert (job.state, job.reason, job.dead_letter_of) == ("failed", "exhausted", None)
    (letter,) = app.jobs.list(queue="mail-dead")
    assert letter.dead_letter_of == job.id
    assert (letter.task, letter.priority, letter.args) == ("on_dead", 5, {"to": "ada"})
    assert letter.state == "succeeded"
    assert seen == [("ada", {"tenant": "x"}, job.id)]
    assert letter.to_dict()["dead_letter_of"] == str(job.id)
    # A redriven job that fails once more leaves another one.
    assert app.dead_letters.redrive(job.id)
    drain(app=app)
    assert len(app.jobs.list(queue="mail-dead")) == 2


def test_it_keeps_its_task_where_the_queue_names_none(make_app: MakeApp, drain: Drain) -> None:
    app = make_app()
    app.queue("mail", dead_letter="mail-dead")
    runs: list[str] = []

    @app.task(name="send", queue="mail", max_attempts=1, takes_context=True)
    def send(ctx: JobContext) -> None:
        runs.append(ctx.job.queue)
        raise ValueError

    send.enqueue()
    drain(app=app)
    assert runs == ["mail", "mail-dead"]
    assert app.dead_letters.count() == 2
    assert app.jobs.list(state="pending") == [], "the dead letters of a dead-letter queue stay where they are"


def test_dead_letters_that_go_in_a_circle_are_refused(make_app: MakeApp) -> None:
    app = make_app()
    with pytest.raises(ConfigurationError, match="a → a"):
        app.queue("a", dead_letter="a")
    app.queue("a", dead_letter="b")
    app.queue("b", dead_letter="c")
    with pytest.raises(ConfigurationError, match="c → a → b → c"):
        app.queue("c", dead_letter="a")
    app.queue("c")
    for wrong in ("", 3):
        with pytest.raises(InvalidOption):
            app.queue(f"x{wrong}", dead_letter=wrong)  # type: ignore[arg-type]


@pytest.mark.parity("S2.6")
def test_whoever_lacks_the_code_knows_it_too(
    make_app: MakeApp, start_worker: StartWorker, drain: Drain
) -> None:
    """A job of a task that nobody knows any more: its failure comes from a worker without its queue's code."""
    owner = make_app()
    owner.queue("mail", dead_letter="mail-dead", retention=Retention.nothing())
    owner.queue("mail-dead", task="bury", priority=-3)

    @owner.task(name="send", queue="mail")
    def send(n: int) -> None: ...

    drain(app=owner)
    job = send.enqueue(7)
    other = make_app()

    @other.task(name="bury")
    def bury(n: int) -> int:
        return n

    start_worker(app=other, unknown_task_grace=0.01)
    with pytest.raises(JobFailed):
        job.result(timeout=20)
    (letter,) = other.jobs.list(queue="mail-dead")
    assert letter.result(timeout=20) == 7
    assert (letter.dead_letter_of, letter.priority) == (job.id, -3)
    with pytest.raises(JobNotFound):
        job.refresh()


# --- killed in the middle ---


@pytest.mark.parity("S2.6")
def test_kill_9_among_failures_leaves_one_letter_each(client_app: Holdfast, programs: Programs) -> None:
    """Failed with its letter, or not at all: whatever the moment in which the worker dies."""
    jobs = client_app.enqueue_many(fails.using(queue="doomed").new(n) for n in range(1500))
    first = programs.start(queues=["doomed"])
    programs.until(lambda lines: len(lines) > 300)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert programs.start(queues=["doomed"], burst=True).wait(60) == 0, programs.logs()
    assert client_app.dead_letters.count(queue="doomed") == len(jobs)
    letters = client_app.jobs.list(queue="dead", state="pending", limit=10_000)
    assert sorted(letter.dead_letter_of for letter in letters if letter.dead_letter_of) == [
        job.id for job in jobs
    ]
    assert len(letters) == len(jobs)


@pytest.mark.parity("S4.7")
def test_kill_9_among_jobs_of_which_nothing_is_kept(client_app: Holdfast, programs: Programs) -> None:
    jobs = client_app.enqueue_many(quick.using(queue="brief").new(n) for n in range(1500))
    first = programs.start()
    programs.until(lambda lines: len(lines) > 600)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert programs.start(burst=True).wait(60) == 0, programs.logs()
    assert client_app.jobs.list() == []
    assert {line.job_id for line in programs.lines() if line.what == "end"} == {str(job.id) for job in jobs}
    assert programs.overlaps() == []
