"""One enqueue: arguments, options, by name, in a transaction, from async code."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from holdfast import (
    Constant,
    Enqueuer,
    Exponential,
    Holdfast,
    HoldfastError,
    InvalidArguments,
    InvalidOption,
    InvalidTransaction,
    Job,
    JobExists,
    JobNotFound,
    JobState,
    Linear,
    PayloadTooLarge,
    StoreClosed,
    SyncTask,
    UnknownTask,
)
from holdfast.core import overrides
from holdfast.core.retries import from_json
from tests.client.conftest import MakeApp

Send = SyncTask[[str, int], str]


@pytest.fixture
def send(app: Holdfast) -> Any:
    @app.task(name="mail.send", queue="mail")
    def send(to: str, times: int = 1, *, extra: dict[str, Any] | None = None) -> str:
        return to * times

    return send


# --- what is stored ------------------------------------------------------------------------------------------


def test_what_an_enqueue_shows_and_what_it_stored(app: Holdfast, send: Send) -> None:
    before = datetime.now(UTC)
    job = send.enqueue("ada", times=2)
    after = datetime.now(UTC)
    found = app.jobs.get(job.id)
    assert job == found
    assert hash(job) == hash(found)
    for one in (job, found):
        assert (one.task, one.queue, one.priority, one.state) == ("mail.send", "mail", 0, JobState.PENDING)
        assert one.args == {"to": "ada", "times": 2}
        assert (one.run, one.attempt, one.crashes, one.meta, one.errors) == (0, 0, 0, {}, [])
        assert one.reason is one.last_error is one.last_attempt_at is one.finished_at is one.worker is None
        assert before <= one.created_at <= one.run_at <= after
    assert repr(found) == f"<Job mail.send {job.id} pending>"


def test_defaults_are_left_to_the_code_that_runs_the_job(send: Send) -> None:
    assert send.enqueue("ada").args == {"to": "ada"}


def test_the_job_is_there_for_other_processes_when_the_call_returns(send: Send, tmp_path: Path) -> None:
    job = send.enqueue("ada")
    with sqlite3.connect(tmp_path / "jobs.db") as connection:
        assert connection.execute("SELECT id FROM holdfast_jobs").fetchall() == [(str(job.id),)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda send: send.enqueue(), r"mail.send\(\) missing 1 required positional argument: 'to'"),
        (lambda send: send.enqueue("a", 1, 2), r"takes from 1 to 2 positional arguments but 3 were given"),
        (lambda send: send.enqueue("a", unknown=1), r"unexpected keyword argument 'unknown'"),
        (lambda send: send.enqueue(1), r"mail.send: `to`: expected `str`"),
        (lambda send: send.enqueue("a", extra={"b": [1, object()]}), r"extra.b\[1\]"),
        (lambda send: send.enqueue("a\0"), r"`to`: .*NUL"),
        (lambda send: send.enqueue("a", extra={"b": math.nan}), r"extra.b"),
        (lambda send: send.new(1), r"`to`: expected `str`"),
        (lambda send: send.using(priority=1).enqueue("a", "b"), r"`times`: expected `int`"),
    ],
)
def test_arguments_that_do_not_fit(
    app: Holdfast, send: Send, call: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(InvalidArguments, match=message):
        call(send)
    assert app.jobs.list() == []


def test_payloads_that_are_too_large(make_app: MakeApp) -> None:
    app = make_app(payload_limit=100)
    send = app.task(name="send")(_echo)
    send.enqueue("a" * 80)
    with pytest.raises(PayloadTooLarge, match=r"arguments of send: 211 bytes of JSON.* limit is 100"):
        send.enqueue("a" * 200)
    with pytest.raises(PayloadTooLarge, match="limit is 100"):
        app.enqueue("other", {"word": "a" * 200}, declare=True)
    for wrong in (0, True, "1 MiB"):
        with pytest.raises(InvalidOption, match="payload_limit"):
            Holdfast("sqlite:///x.db", payload_limit=wrong)  # type: ignore[arg-type]


def _echo(word: str) -> str:
    return word


# --- options -------------------------------------------------------------------------------------------------


def test_all_options(app: Holdfast, send: Send) -> None:
    job_id = uuid4()
    job = send.using(
        delay=timedelta(minutes=5), priority=50, max_attempts=3, retry=Linear(timedelta(seconds=3)), queue="slow",
        timeout=2.5, id=job_id, meta={"tenant": "x"},
    ).enqueue("ada")  # fmt: skip
    found = app.jobs.get(job_id)
    for one in (job, found):
        assert (one.id, one.queue, one.priority, one.meta) == (job_id, "slow", 50, {"tenant": "x"})
        assert abs(one.run_at - one.created_at - timedelta(minutes=5)) < timedelta(seconds=1)
    kept = overrides.decode(found.record.overrides)
    assert kept == overrides.Overrides(max_attempts=3, retry=Linear(timedelta(seconds=3)), timeout=2_500_000)


def test_a_delay_counts_from_the_stores_clock_and_a_time_stands(app: Holdfast, send: Send) -> None:
    tomorrow = datetime(2100, 1, 1, 12, tzinfo=timezone(timedelta(hours=9)))
    job = send.using(at=tomorrow).enqueue("ada")
    assert job.run_at == app.jobs.get(job.id).run_at == tomorrow


@pytest.mark.parity("S1.4")
def test_a_past_time_is_now(app: Holdfast, send: Send) -> None:
    job = send.using(at=datetime(1990, 1, 1, tzinfo=UTC)).enqueue("ada")
    for one in (job, app.jobs.get(job.id)):
        assert abs(one.run_at - datetime.now(UTC)) < timedelta(seconds=10)


def test_options_are_chained_and_later_ones_win(app: Holdfast, send: Send) -> None:
    tomorrow = datetime(2100, 1, 1, tzinfo=UTC)
    first = send.using(delay=60, priority=1, meta={"a": 1, "b": 1}, max_attempts=3, timeout=1)
    second = first.using(at=tomorrow, meta={"b": 2}, max_attempts=None, retry=Constant(timedelta(seconds=1)))
    job = app.jobs.get(second.enqueue("ada").id)
    assert (job.run_at, job.priority, job.meta) == (tomorrow, 1, {"a": 1, "b": 2})
    kept = overrides.decode(job.record.overrides)
    assert kept == overrides.Overrides(
        max_attempts=None, retry=Constant(timedelta(seconds=1)), timeout=1_000_000
    )
    # The first is as it was, and so is the task.
    assert first.enqueue("ada").run_at < tomorrow
    assert send.enqueue("ada").priority == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delay": 1, "at": datetime(2100, 1, 1, tzinfo=UTC)}, "give one of them"),
        ({"delay": -1}, "delay must be zero or more"),
        ({"delay": "5 minutes"}, "delay must be a timedelta or a number of seconds"),
        ({"delay": math.inf}, "finite"),
        ({"at": datetime(2100, 1, 1)}, "has no time zone"),  # noqa: DTZ001
        ({"at": 3}, "at must be a datetime"),
        ({"priority": 101}, "from -100 to 100"),
        ({"priority": -101}, "from -100 to 100"),
        ({"priority": "high"}, "from -100 to 100"),
        ({"max_attempts": 0}, "1 or more, or None"),
        ({"timeout": 0}, "timeout must be positive"),
        ({"retry": 3}, "retry must be"),
        ({"retry": lambda failures, error: timedelta()}, "can't be kept with a single job"),
        ({"queue": ""}, "the name of a queue must not be empty"),
        ({"queue": "a\0"}, "printable"),
        ({"id": "x"}, "is not a job id"),
        ({"id": 3}, "is not a job id"),
        ({"meta": [1]}, "meta must be a mapping"),
        ({"meta": {1: 2}}, "the key 1 is not text"),
        ({"meta": {"a": object()}}, "meta"),
        ({"meta": {"a": "\0"}}, "NUL"),
    ],
)
def test_options_that_make_no_sense(app: Holdfast, send: Send, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        send.using(**options)
    with pytest.raises(InvalidOption, match=message):
        app.enqueue("mail.send", {"to": "a"}, **options)
    with pytest.raises(InvalidOption, match=message):
        app.new("mail.send", {"to": "a"}, **options)


def test_unknown_options(app: Holdfast, send: Send) -> None:
    with pytest.raises(TypeError, match="prioritee"):
        send.using(prioritee=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="prioritee"):
        app.enqueue("mail.send", {"to": "a"}, prioritee=1)  # type: ignore[call-arg]


def test_options_given_as_arguments(app: Holdfast, send: Send) -> None:
    with pytest.raises(InvalidArguments, match=r"did you mean \.using\(delay=…, priority=…\)\.enqueue"):
        send.enqueue("a", delay=3, priority=4)  # type: ignore[call-arg]

    @app.task(name="waits")
    def waits(delay: int) -> None: ...

    assert waits.enqueue(delay=3).args == {"delay": 3}, "a parameter of that name is the task's"
    with pytest.raises(InvalidArguments, match=r"unexpected keyword argument 'other'$"):
        waits.enqueue(delay=3, other=4)  # type: ignore[call-arg]


@pytest.mark.parity("S0.9")
def test_an_id_that_is_kept_is_refused(app: Holdfast, send: Send) -> None:
    job = send.enqueue("ada")
    for again in (job.id, str(job.id), str(job.id).upper()):
        with pytest.raises(JobExists, match=f"{job.id} exists already; nothing was enqueued"):
            send.using(id=again).enqueue("bob")
    assert app.jobs.get(job.id).args == {"to": "ada"}


def test_ids_grow_within_a_process(send: Send) -> None:
    ids = [send.enqueue("a").id for _ in range(20)]
    assert ids == sorted(ids)


# --- by name -------------------------------------------------------------------------------------------------


@pytest.mark.parity("S3.1")
def test_by_name(app: Holdfast, send: Send) -> None:
    job = app.enqueue("mail.send", {"to": "ada"}, priority=3)
    assert (job.args, job.queue, job.priority) == ({"to": "ada"}, "mail", 3)
    with pytest.raises(InvalidArguments, match="missing 1 required positional argument: 'to'"):
        app.enqueue("mail.send")
    with pytest.raises(InvalidArguments, match="in a mapping"):
        app.enqueue("mail.send", ["ada"])  # type: ignore[arg-type]


def test_a_name_that_is_not_known(app: Holdfast, send: Send) -> None:
    with pytest.raises(UnknownTask, match=r"no task is called 'mail.sent' here; known are: mail.send"):
        app.enqueue("mail.sent", {"to": "ada"})
    job = app.jobs.get(app.enqueue("billing.charge", {"amount": 3}, declare=True, queue="money").id)
    assert (job.task, job.args, job.queue) == ("billing.charge", {"amount": 3}, "money")
    assert app.enqueue("mail.send", {"to": "ada"}, declare=True).queue == "mail"
    for wrong, message in (({"a": object()}, "billing.charge"), ({1: 2}, "given by name, and 1 is none")):
        with pytest.raises(InvalidArguments, match=message):
            app.enqueue("billing.charge", wrong, declare=True)  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="printable"):
        app.enqueue("a\nb", declare=True)


def test_code_that_only_enqueues(app: Holdfast, send: Send) -> None:
    def sign_up(queue: Enqueuer) -> Job[Any]:
        return queue.enqueue("mail.send", {"to": "ada"})

    assert isinstance(app, Enqueuer)
    assert sign_up(app).task == "mail.send"


# --- what a queue says ---------------------------------------------------------------------------------------


@pytest.mark.parity("S3.6")
def test_priority_of_enqueue_task_and_queue(app: Holdfast, send: Send) -> None:
    app.queue("fast", priority=7)
    urgent = app.task(name="urgent", priority=9, queue="fast")(_echo)
    assert send.enqueue("a").priority == 0
    assert send.using(queue="fast").enqueue("a").priority == 7
    assert urgent.enqueue("a").priority == 9
    assert urgent.using(priority=0).enqueue("a").priority == 0
    assert app.enqueue("other", declare=True, queue="fast").priority == 7


# --- in the caller's transaction -----------------------------------------------------------------------------


def test_commit_and_rollback(app: Holdfast, send: Send, tmp_path: Path) -> None:
    send.enqueue("opens the file")
    connection = sqlite3.connect(tmp_path / "jobs.db")
    connection.execute("BEGIN IMMEDIATE")
    job = send.using(tx=connection).enqueue("ada")
    assert app.jobs.status(job.id) is JobState.NOT_FOUND
    with pytest.raises(JobNotFound, match="has not been committed"):
        job.refresh()
    connection.rollback()
    assert app.jobs.status(job.id) is JobState.NOT_FOUND
    connection.execute("BEGIN IMMEDIATE")
    job = send.using(tx=connection).enqueue("ada")
    drafts = [send.new("bob"), send.new("eve")]
    jobs = app.enqueue_many(drafts, tx=connection)
    assert app.jobs.get(job.id, tx=connection) == job
    assert app.jobs.cancel(jobs[0].id, tx=connection) is True
    connection.commit()
    connection.close()
    assert [app.jobs.status(one.id) for one in (job, *jobs)] == ["pending", "cancelled", "pending"]


def test_transactions_that_cannot_be_used(app: Holdfast, send: Send) -> None:
    with pytest.raises(InvalidTransaction):
        send.using(tx=object()).enqueue("ada")
    with pytest.raises(InvalidTransaction):
        asyncio.run(_aenqueue(send.using(tx=object())))


# --- from async code -----------------------------------------------------------------------------------------


async def _aenqueue(task: Any) -> Job[Any]:
    return await task.aenqueue("ada")  # type: ignore[no-any-return]


def test_from_async_code(app: Holdfast, send: Send) -> None:
    async def main() -> list[Job[str]]:
        first = await app.aenqueue("mail.send", {"to": "ada"}, priority=3)
        many = await asyncio.gather(*(send.using(priority=2).aenqueue(str(n)) for n in range(200)))
        assert (await app.jobs.aget(first.id)).priority == 3
        assert (await send.ajob(first.id)).args == {"to": "ada"}
        return many

    jobs = asyncio.run(main())
    assert [job.args["to"] for job in jobs] == [str(n) for n in range(200)]
    assert len(app.jobs.list(limit=1000)) == 201


def test_errors_reach_async_code(app: Holdfast, send: Send) -> None:
    async def main() -> None:
        job = await send.aenqueue("ada")
        with pytest.raises(JobExists):
            await send.using(id=job.id).aenqueue("ada")
        with pytest.raises(InvalidArguments):
            await send.aenqueue(1)  # type: ignore[arg-type]
        # The blocking form works as well, and blocks.
        assert send.enqueue("bob").state == "pending"

    asyncio.run(main())


def test_a_cancelled_wait_disturbs_nobody(app: Holdfast, send: Send) -> None:
    async def main() -> None:
        await send.aenqueue("first")
        waiting = [asyncio.ensure_future(send.aenqueue(str(n))) for n in range(20)]
        await asyncio.sleep(0)
        for one in waiting[::2]:
            one.cancel()
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(one, Job) for one in done[1::2])

    asyncio.run(main())
    assert len(app.jobs.list(limit=1000)) >= 11


def test_several_loops_and_threads_at_once(app: Holdfast, send: Send) -> None:
    def asynchronous() -> None:
        async def main() -> None:
            await asyncio.gather(*(send.aenqueue("a") for _ in range(50)))

        asyncio.run(main())

    def blocking() -> None:
        for _ in range(50):
            send.enqueue("b")

    threads = [threading.Thread(target=target) for target in (asynchronous, blocking) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(app.jobs.list(limit=1000)) == 300


# --- open and closed -----------------------------------------------------------------------------------------


def test_nothing_is_opened_before_it_is_needed(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app()
    app.task(_echo)
    assert app.enqueue_many([]) == []
    assert asyncio.run(app.aenqueue_many(iter(()))) == []
    assert not (tmp_path / "jobs.db").exists()


def test_a_closed_app(app: Holdfast, send: Send) -> None:
    with app as same:
        assert same is app
        job = send.enqueue("ada")
    app.close()
    for call in (lambda: send.enqueue("bob"), job.refresh, lambda: job.result(timeout=1), app.migrate):
        with pytest.raises(StoreClosed, match="closed"):
            call()


def test_migrate_says_what_it_did(app: Holdfast) -> None:
    assert app.migrate() == []  # an SQLite file is migrated when it is opened


def test_one_root_of_all_errors(app: Holdfast) -> None:
    with pytest.raises(HoldfastError):
        app.jobs.get(UUID(int=0))
    assert from_json({"kind": "exponential"}) == Exponential()


def test_times_that_a_store_could_not_keep_are_refused(tmp_path: Path) -> None:
    with Holdfast(f"sqlite:///{tmp_path}/jobs.db") as app:

        @app.task
        def never() -> None: ...

        for at in (datetime(2250, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
            with pytest.raises(InvalidOption, match=r"at .* is too far away"):
                never.using(at=at)
        with pytest.raises(InvalidOption, match=r"delay .* is longer than 200 years"):
            never.using(delay=timedelta(days=100_000))
        assert (
            never.using(at=datetime(2249, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)).enqueue().refresh().run_at
        )
