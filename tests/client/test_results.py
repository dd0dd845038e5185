"""Waiting for results: what comes back, what is raised, and that waiting costs nobody anything."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    Cancel,
    Fail,
    Holdfast,
    InvalidOption,
    Job,
    JobCancelled,
    JobFailed,
    JobNotFound,
    JobState,
    Outcome,
    Reason,
    ResultNotKept,
    ResultTimeout,
    Retry,
    StoreClosed,
    Succeeded,
    SyncTask,
)
from tests.client.conftest import Hands


@dataclass
class Receipt:
    number: int


Pay = SyncTask[[int], Receipt]
PAID = Succeeded('{"number":7}')


@pytest.fixture
def pay(app: Holdfast) -> Any:
    @app.task(name="pay")
    def pay(amount: int) -> Receipt:
        return Receipt(amount)

    return pay


def in_a_moment(call: Any, *args: Any, after: float = 0.05) -> threading.Thread:
    def run() -> None:
        time.sleep(after)
        call(*args)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def waiting_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "holdfast-results"]


# --- what comes back -----------------------------------------------------------------------------------------


def test_a_result_that_is_there_already(app: Holdfast, pay: Pay, hands: Hands) -> None:
    job = pay.enqueue(3)
    hands.end(job, PAID)
    assert job.result() == Receipt(7)
    assert job.state is JobState.SUCCEEDED
    assert waiting_threads() == []
    assert pay.job(job.id).result(0) == Receipt(7)
    assert asyncio.run(job.aresult()) == Receipt(7)
    assert app.jobs.get(job.id).result(0) == Receipt(7)


def test_plain_json_where_the_task_is_not_known(app: Holdfast, hands: Hands) -> None:
    job = app.enqueue("elsewhere", declare=True)
    hands.end(job, PAID)
    assert job.result(0) == {"number": 7}


def test_none_is_a_result_too(app: Holdfast, pay: Pay, hands: Hands) -> None:
    job = pay.enqueue(3)
    hands.end(job, Succeeded("null"))
    assert job.result(0) is None


@pytest.mark.parametrize("timeout", [None, 10, 10.0, timedelta(seconds=10)])
def test_waiting_for_a_result(pay: Pay, hands: Hands, timeout: Any) -> None:
    job = pay.enqueue(3)
    thread = in_a_moment(hands.end, job, PAID)
    assert job.result(timeout) == Receipt(7)
    thread.join()

    async def main() -> Receipt:
        job = await pay.aenqueue(3)
        thread = in_a_moment(hands.end, job, PAID)
        found = await job.aresult(timeout)
        thread.join()
        return found

    assert asyncio.run(main()) == Receipt(7)


def test_a_result_is_there_within_milliseconds(pay: Pay, hands: Hands) -> None:
    # The polls come further and further apart, so after this long only news can be so quick.
    delays: list[float] = []
    for _ in range(5):
        job = pay.enqueue(3)
        ended: list[float] = []

        def end(job: Job[Any] = job, ended: list[float] = ended) -> None:
            hands.end(job, PAID)
            ended.append(time.monotonic())

        thread = in_a_moment(end, after=0.3)
        job.result(10)
        thread.join()
        delays.append(time.monotonic() - ended[0])
    assert sorted(delays)[2] < 0.1


# --- what is raised ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "error", "message"),
    [
        (Fail("no such customer"), JobFailed, r"of pay has failed \(error\): \S*Fail: no such customer"),
        (Cancel("withdrawn"), JobCancelled, "was cancelled"),
        (Succeeded(None), ResultNotKept, "has succeeded, and its result was not kept"),
    ],
)
def test_other_ends(pay: Pay, hands: Hands, outcome: Outcome, error: type[Exception], message: str) -> None:
    job = pay.enqueue(3)
    hands.end(job, outcome)
    with pytest.raises(error, match=message) as raised:
        job.result()
    with pytest.raises(error, match=message):
        asyncio.run(job.aresult())
    if isinstance(raised.value, JobFailed):
        assert raised.value.reason == Reason.ERROR
        assert job.reason is Reason.ERROR
        assert job.last_error is not None
        assert job.last_error.message == "no such customer"


def test_a_failure_while_waiting(pay: Pay, hands: Hands) -> None:
    job = pay.enqueue(3)
    thread = in_a_moment(hands.end, job, Fail("no"))
    with pytest.raises(JobFailed, match=r"Fail: no$"):
        job.result(10)
    thread.join()


def test_a_retry_is_no_end(pay: Pay, hands: Hands) -> None:
    job = pay.enqueue(3)
    hands.end(job, Retry(timedelta()))
    thread = in_a_moment(hands.end, job, PAID)
    assert job.result(10) == Receipt(7)
    thread.join()
    assert job.attempt == 2


def test_too_late(pay: Pay) -> None:
    job = pay.enqueue(3)
    for timeout in (0, 0.05, timedelta(milliseconds=50)):
        with pytest.raises(
            ResultTimeout,
            match=r"job \S+ of pay had not ended after 0\S* s; .* Is a worker of its queue running",
        ):
            job.result(timeout)
        with pytest.raises(ResultTimeout, match="holdfast doctor"):
            asyncio.run(job.aresult(timeout))
    with pytest.raises(TimeoutError):
        job.result(0)
    for wrong in (-1, "1", float("nan")):
        with pytest.raises(InvalidOption, match="timeout"):
            job.result(wrong)  # type: ignore[arg-type]


def test_a_job_that_does_not_exist(app: Holdfast, pay: Pay) -> None:
    job = pay.enqueue(3)
    job.delete()
    with pytest.raises(JobNotFound):
        job.result()
    job = pay.enqueue(3)
    thread = in_a_moment(app.jobs.delete, job.id)
    with pytest.raises(JobNotFound, match="was deleted while it was waited for"):
        job.result(20)
    thread.join()


def test_closing_ends_the_waits(app: Holdfast, pay: Pay) -> None:
    job = pay.enqueue(3)
    thread = in_a_moment(app.close)
    with pytest.raises(StoreClosed):
        job.result(10)
    thread.join()
    assert waiting_threads() == []


# --- at no cost ----------------------------------------------------------------------------------------------


def test_one_thread_for_all_who_wait_and_none_afterwards(app: Holdfast, pay: Pay, hands: Hands) -> None:
    jobs = app.enqueue_many(pay.new(number) for number in range(60))
    results: list[Receipt] = []

    async def main() -> list[Receipt]:
        return await asyncio.gather(*(job.aresult(20) for job in jobs[30:]))

    blocking = [threading.Thread(target=lambda job=job: results.append(job.result(20))) for job in jobs[:30]]
    looping = threading.Thread(target=lambda: results.extend(asyncio.run(main())))
    for thread in (*blocking, looping):
        thread.start()
    time.sleep(0.1)
    assert waiting_threads() == ["holdfast-results"]
    for job in jobs:
        hands.end(job, PAID)
    for thread in (*blocking, looping):
        thread.join()
    assert results == [Receipt(7)] * 60
    deadline = time.monotonic() + 10
    while waiting_threads() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert waiting_threads() == []
    # And it comes back when it is needed again.
    job = pay.enqueue(1)
    with pytest.raises(ResultTimeout):
        job.result(0.01)


def test_two_wait_for_one_job(pay: Pay, hands: Hands) -> None:
    job = pay.enqueue(3)
    found: list[Receipt] = []
    threads = [threading.Thread(target=lambda: found.append(pay.job(job.id).result(20))) for _ in range(3)]
    for thread in threads:
        thread.start()
    with pytest.raises(ResultTimeout):
        job.result(0.05)
    hands.end(job, PAID)
    for thread in threads:
        thread.join()
    assert found == [Receipt(7)] * 3


def test_news_of_another_process(app: Holdfast, pay: Pay, tmp_path: Path) -> None:
    with Holdfast(f"sqlite:///{tmp_path / 'jobs.db'}") as other:
        job = pay.enqueue(3)
        thread = in_a_moment(lambda: other.jobs.cancel(job.id), after=0.4)
        begun = time.monotonic()
        with pytest.raises(JobCancelled):
            job.result(10)
        thread.join()
        assert time.monotonic() - begun < 2
