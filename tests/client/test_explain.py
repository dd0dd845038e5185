"""`app.jobs.explain` and `job.explain`: what the store knows, and what only code and host know."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from holdfast import Cause, Constant, Explanation, Holdfast, InvalidOption, JobNotFound, JobState
from holdfast.core.causes import Behind, NoWorker, Retrying, Running
from holdfast.core.outcomes import Raised
from tests.client.conftest import Hands, MakeApp


def test_every_way_to_ask(app: Holdfast) -> None:
    @app.task
    def greet() -> None: ...

    job = greet.enqueue()
    found = job.explain()
    assert isinstance(found, Explanation)
    assert all(isinstance(reason, Cause) for reason in found.reasons)
    assert (found.job_id, found.state) == (job.id, JobState.PENDING)
    assert [reason.kind for reason in found.reasons] == ["no_worker"]
    assert str(found) == f"Job {job.id} of task {greet.name} waits. No living worker serves queue default."
    for given in (job, job.id, str(job.id)):
        assert app.jobs.explain(given).reasons == (
            NoWorker(queue="default", sentence=found.reasons[0].sentence),
        )


async def asked(app: Holdfast) -> tuple[Explanation, Explanation]:
    @app.task
    def greet() -> None: ...

    job = await greet.aenqueue()
    with pytest.raises(JobNotFound):
        await app.jobs.aexplain(uuid4())
    return await job.aexplain(), await app.jobs.aexplain(job.id)


def test_for_async_code(app: Holdfast) -> None:
    import asyncio

    own, by_id = asyncio.run(asked(app))
    assert own.reasons == by_id.reasons


def test_no_such_job(app: Holdfast) -> None:
    with pytest.raises(JobNotFound, match="no job has the id"):
        app.jobs.explain(uuid4())
    with pytest.raises(InvalidOption):
        app.jobs.explain("what")


def test_in_the_callers_transaction(app: Holdfast, tmp_path: Path) -> None:
    @app.task
    def greet() -> None: ...

    greet.enqueue()
    with closing(sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        job = greet.using(tx=connection, delay=60).enqueue()
        found = app.jobs.explain(job, tx=connection)
        assert [reason.kind for reason in found.reasons] == ["not_due", "no_worker"]
        assert job.explain(tx=connection).sentence == app.jobs.explain(job, tx=connection).sentence
        with pytest.raises(JobNotFound, match="has not been committed"):
            job.explain()
        connection.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("own", "queue", "job", "wanted"),
    [(7, 5, None, 7), (None, 5, None, 5), (7, 5, 3, 3), (None, None, None, 20)],
)
def test_attempts_are_those_of_the_nearest_policy(
    app: Holdfast, hands: Hands, own: int | None, queue: int | None, job: int | None, wanted: int
) -> None:
    def greet() -> None: ...

    if queue is not None:
        app.queue("mail", max_attempts=queue)
    given = {} if own is None else {"max_attempts": own}
    task = app.task(queue="mail", retry=Constant(timedelta(hours=1)), **given)(greet)
    made = (task if job is None else task.using(max_attempts=job)).enqueue()
    hands.end(made, Raised(ValueError("no")))
    found = made.explain().reasons[0]
    assert isinstance(found, Retrying)
    assert (found.attempt, found.max_attempts) == (1, wanted)
    assert f"attempt 1 of {wanted} failed with ValueError: no" in found.sentence


def test_the_policy_of_whom_it_waits_for(app: Holdfast, make_app: MakeApp) -> None:
    @app.task(max_attempts=4, retry=Constant(timedelta(hours=1)))
    def greet() -> None:
        raise ValueError("no")

    first, second = (greet.using(ordering_key="ada").enqueue() for _ in range(2))
    app.run_worker(burst=True)
    (behind, *_) = second.explain().reasons
    assert isinstance(behind, Behind)
    assert (behind.job, behind.has_turn, behind.ordering_key) == (first.id, True, "ada")
    assert "attempt 1 of 4 failed with ValueError: no" in behind.sentence
    # Who doesn't have the code doesn't know.
    assert "attempt 1 failed" in make_app().jobs.explain(second).sentence


def test_a_worker_that_was_killed_on_this_host_is_known_at_once(
    app: Holdfast, hands: Hands, tmp_path: Path
) -> None:
    @app.task
    def greet() -> None: ...

    job, other = greet.enqueue(), greet.enqueue()
    hands.claim(job)
    found = job.explain().reasons[0]
    assert isinstance(found, Running)
    assert found.alive
    # What is left of one: its file, which nobody has locked.
    (tmp_path / f"jobs.db-worker-{hands.worker}").touch()
    found = job.explain().reasons[0]
    assert isinstance(found, Running)
    assert not found.alive
    assert "seems to be dead" in found.sentence
    assert other.explain().reasons[0].kind == "no_worker"
