"""What holds for a job enqueued in the caller's transaction, whichever the driver."""

from __future__ import annotations

import json

import pytest

from holdfast.core.errors import InvalidTransaction, JobExists
from holdfast.core.outcomes import Fail
from holdfast.core.states import JobState
from holdfast.store.records import CancelAnswer
from holdfast.store.verbs import jobs
from holdfast.store.verbs.insert import insert
from tests.conformance.scene import HOUR
from tests.transactions.conftest import Bench

NOTE = "INSERT INTO ledger VALUES ('order')"


async def test_a_job_commits_with_the_callers_transaction(bench: Bench) -> None:
    async with bench.open() as holder:
        made = bench.scene.new(3)
        await holder.begin()
        await holder.execute(NOTE)
        await holder.run(bench.store, insert, made)
        assert (bench.jobs(), bench.ledger()) == ([], []), "nobody sees anything before the commit"
        await holder.commit()
    assert bench.jobs() == sorted(job.job_id for job in made)
    assert bench.ledger() == ["order"]


async def test_a_job_rolls_back_with_it(bench: Bench) -> None:
    async with bench.open() as holder:
        await holder.begin()
        await holder.execute(NOTE)
        await holder.run(bench.store, insert, bench.scene.new(3))
        await holder.rollback()
    assert (bench.jobs(), bench.ledger()) == ([], [])


async def test_a_first_statement_begins_the_transaction_as_any_other_would(bench: Bench) -> None:
    async with bench.open() as holder:
        await holder.begin()
        await holder.run(bench.store, insert, bench.scene.new())
        await holder.execute(NOTE)
        await holder.rollback()
        assert (bench.jobs(), bench.ledger()) == ([], [])
        await holder.begin()
        await holder.run(bench.store, insert, bench.scene.new())
        await holder.commit()
    assert len(bench.jobs()) == 1


async def test_a_rolled_back_savepoint_takes_its_jobs_with_it(bench: Bench) -> None:
    async with bench.open() as holder:
        first, second, third = bench.scene.new(3)
        await holder.begin()
        await holder.execute(NOTE)
        await holder.run(bench.store, insert, [first])
        await holder.execute("SAVEPOINT holdfast")
        await holder.run(bench.store, insert, [second])
        await holder.execute("ROLLBACK TO SAVEPOINT holdfast")
        await holder.run(bench.store, insert, [third])
        await holder.execute("RELEASE SAVEPOINT holdfast")
        await holder.commit()
    assert bench.jobs() == sorted([first.job_id, third.job_id])
    assert bench.ledger() == ["order"]


async def test_in_autocommit_mode_it_is_a_transaction_of_its_own(bench: Bench) -> None:
    async with bench.open(autocommit=True) as holder:
        made = bench.scene.new(2)
        await holder.run(bench.store, insert, made)
        assert bench.jobs() == sorted(job.job_id for job in made)
        again = bench.scene.new()[0]
        with pytest.raises(JobExists):
            await holder.run(bench.store, insert, [again, made[0]])
        assert bench.jobs() == sorted(job.job_id for job in made), "nothing is half written"
        await holder.execute(NOTE)
        assert bench.ledger() == ["order"], "and no transaction was left open"


async def test_an_error_leaves_the_transaction_as_it_was(bench: Bench) -> None:
    kept = bench.scene.enqueue_one()
    async with bench.open() as holder:
        before, one, two, after = bench.scene.new(4)
        await holder.begin()
        await holder.execute(NOTE)
        await holder.run(bench.store, insert, [before])
        with pytest.raises(JobExists, match=kept):
            await holder.run(bench.store, insert, [one, two.replace(job_id=kept)])
        await holder.run(bench.store, insert, [after])
        await holder.commit()
    assert bench.jobs() == sorted([kept, before.job_id, after.job_id])
    assert bench.ledger() == ["order"]


async def test_an_error_of_the_first_statement_leaves_nothing_open(bench: Bench) -> None:
    kept = bench.scene.enqueue_one()
    async with bench.open() as holder:
        await holder.begin()
        with pytest.raises(JobExists):
            await holder.run(bench.store, insert, [bench.scene.new()[0].replace(job_id=kept)])
        await holder.execute(NOTE)
        await holder.commit()
    assert (bench.jobs(), bench.ledger()) == ([kept], ["order"])


async def test_texts_arrive_as_they_were(bench: Bench) -> None:
    texts = [
        'it\'s 100% "quoted" \\ back\\slashed',
        "$1 :name ?1 %s %(name)s {braces} {{}} [brackets]",
        "line\nline\ttab\r\n",
        "ünïcödé 漢字 😀 \u2028",
        "NULL null \\N , ; --",
        "x" * 100_000,
    ]
    made = [
        job.replace(
            args=json.dumps({"text": text}),
            meta={"text": text},
            queue=f"q {n}'\"\\",
            run_at=HOUR + n,
        )
        for n, (job, text) in enumerate(zip(bench.scene.new(len(texts)), texts, strict=True))
    ]
    async with bench.open() as holder:
        await holder.begin()
        await holder.run(bench.store, insert, made)
        await holder.commit()
    for job, text in zip(made, texts, strict=True):
        record = bench.scene.get(job.job_id)
        assert json.loads(record.args) == {"text": text}
        assert json.loads(record.meta or "") == {"text": text}
        assert (record.queue, record.state) == (job.queue, JobState.PENDING)


async def test_large_batches(bench: Bench) -> None:
    async with bench.open() as holder:
        made = bench.scene.new(2000)
        await holder.begin()
        await holder.run(bench.store, insert, made)
        await holder.commit()
    worker = bench.scene.worker()
    assert [job.job_id for job in bench.scene.claim(worker, limit=2000)] == [job.job_id for job in made]


async def test_every_verb_takes_a_transaction(bench: Bench) -> None:
    scene = bench.scene
    worker = scene.worker()
    failed, deleted, running = scene.run(3, worker)
    scene.settle(worker, [scene.decide(job, Fail("no")) for job in (failed, deleted)])
    waiting, chosen = scene.enqueue(2)
    async with bench.open() as holder:
        for end in (holder.rollback, holder.commit):
            await holder.begin()
            now = scene.store.now()
            assert await holder.run(bench.store, jobs.cancel, waiting, now, None) is CancelAnswer.CANCELLED
            assert await holder.run(bench.store, jobs.cancel, failed.job_id, now, None) is CancelAnswer.ENDED
            assert (
                await holder.run(bench.store, jobs.cancel, running.job_id, now, None)
                is CancelAnswer.REQUESTED
            )
            assert await holder.run(bench.store, jobs.retry, failed.job_id) is True
            assert await holder.run(bench.store, jobs.delete, deleted.job_id) is True
            assert await holder.run(bench.store, jobs.delete, deleted.job_id) is False
            found = await holder.run(bench.store, jobs.get, waiting)
            assert found.state is JobState.CANCELLED, "it sees what it has written itself"
            assert scene.get(waiting).state is JobState.PENDING
            assert (await holder.run(bench.store, jobs.errors, failed.job_id))[0].message == "no"
            assert (await holder.run(bench.store, jobs.get, running.job_id)).cancel_requested is True
            assert (await holder.run(bench.store, jobs.get, chosen)).args == "{}"
            await end()
    assert scene.get(waiting).state is JobState.CANCELLED
    assert scene.get(failed.job_id).state is JobState.PENDING
    assert scene.get(running.job_id).cancel_requested
    assert scene.store.read(jobs.get, deleted.job_id) is None


async def test_a_look_leaves_no_transaction_open_where_the_driver_wouldnt(bench: Bench) -> None:
    job_id = bench.scene.enqueue_one()
    async with bench.open() as holder:
        assert (await holder.run(bench.store, jobs.get, job_id)).job_id == job_id
        # On SQLite it would keep all others from writing.
        bench.scene.enqueue_one()


async def test_a_closed_connection_is_refused(bench: Bench) -> None:
    if "django" in repr(bench.way).lower():
        pytest.skip("Django opens a closed connection again")
    async with bench.open() as holder:
        connection = getattr(holder, "connection", None)
        if "sqlalchemy" in type(connection).__module__ and "Connection" not in type(connection).__name__:
            pytest.skip("a closed session begins again")
        closed = connection.close()  # type: ignore[union-attr]
        if closed is not None and hasattr(closed, "__await__"):
            await closed
        with pytest.raises(InvalidTransaction):
            await holder.run(bench.store, insert, bench.scene.new())
    assert bench.jobs() == []
