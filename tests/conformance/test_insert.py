"""New jobs."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.core.errors import JobExists
from holdfast.core.job import PRIORITIES
from holdfast.core.outcomes import Succeeded
from holdfast.core.overrides import Overrides, decode
from holdfast.core.retries import Constant
from holdfast.core.states import JobState
from holdfast.store.statement import Wake
from holdfast.store.verbs import claim, jobs
from holdfast.store.verbs.insert import insert
from tests.conformance.scene import HOUR, QUEUE, SECOND, TASK, Scene


def test_a_new_job_is_pending_with_all_that_was_said_of_it(scene: Scene) -> None:
    before = scene.store.now()
    job_id = scene.enqueue_one(
        queue="slow",
        task="reports.make",
        priority=-7,
        args='{"b": 1,  "a":[true,null,"x"]}',
        meta={"tenant": "x", "n": [1, {"ü": None}]},
        overrides=Overrides(max_attempts=3, retry=Constant(base=timedelta(seconds=7)), timeout=5 * SECOND),
    )
    record = scene.get(job_id)
    assert (record.job_id, record.queue, record.task) == (job_id, "slow", "reports.make")
    assert (record.priority, record.state, record.reason) == (-7, JobState.PENDING, None)
    assert (record.run, record.attempt, record.crashes) == (0, 0, 0)
    assert record.args == '{"b": 1,  "a":[true,null,"x"]}', "the text is kept as it was written"
    assert json.loads(record.meta or "") == {"tenant": "x", "n": [1, {"ü": None}]}
    kept = decode(record.overrides)
    assert kept is not None
    assert (kept.max_attempts, kept.retry, kept.timeout) == (
        3,
        Constant(base=timedelta(seconds=7)),
        5 * SECOND,
    )
    assert scene.is_now(record.created_at, before)
    assert scene.is_now(record.run_at, before)
    assert (record.started_at, record.finished_at, record.worker, record.result) == (None, None, None, None)
    assert (record.progress, record.progress_message, record.cancel_requested) == (None, None, False)


def test_what_was_not_said_is_not_kept(scene: Scene) -> None:
    record = scene.get(scene.enqueue_one(meta={}, overrides=Overrides()))
    assert (record.meta, record.overrides) == (None, None)
    assert scene.get(scene.enqueue_one(overrides=Overrides(max_attempts=None))).overrides is not None


def test_a_batch_keeps_its_order_and_comes_after_the_batch_before(scene: Scene) -> None:
    first, second = scene.enqueue(40), scene.enqueue(40)
    claimed = scene.claim(scene.worker())
    assert [job.job_id for job in claimed] == first + second


def test_equal_run_times_go_by_id(scene: Scene) -> None:
    made = scene.new(30, run_at=1)
    scene.store.write(insert, made[::-1])
    assert [job.job_id for job in scene.claim(scene.worker())] == sorted(job.job_id for job in made)


@pytest.mark.parametrize("run_at", [None, 1, 0, -5 * HOUR])
def test_a_run_time_that_is_missing_or_past_means_now(scene: Scene, run_at: int | None) -> None:
    before = scene.store.now()
    job_id = scene.enqueue_one(run_at=run_at)
    assert scene.is_now(scene.get(job_id).run_at, before)
    assert [job.job_id for job in scene.claim(scene.worker())] == [job_id]


def test_a_past_run_time_gains_nothing_over_jobs_that_are_due_already(scene: Scene) -> None:
    earlier = scene.enqueue_one()
    later = scene.enqueue_one(run_at=1)
    assert [job.job_id for job in scene.claim(scene.worker())] == [earlier, later]


def test_a_future_run_time_is_kept_and_waited_for(scene: Scene) -> None:
    at = scene.store.now() + HOUR
    job_id = scene.enqueue_one(run_at=at)
    assert scene.get(job_id).run_at == at
    assert scene.claim(scene.worker()) == []


def test_a_delay_counts_from_the_stores_clock(scene: Scene) -> None:
    before = scene.store.now()
    job_id = scene.enqueue_one(delay=HOUR)
    assert scene.is_now(scene.get(job_id).run_at - HOUR, before)
    assert scene.claim(scene.worker()) == []
    now = scene.enqueue_one(delay=0)
    assert [job.job_id for job in scene.claim(scene.worker())] == [now]


def test_an_id_that_exists_fails_the_whole_batch(scene: Scene) -> None:
    kept = scene.enqueue_one(args='{"first": 1}')
    made = scene.new(3)
    again = made[1].replace(job_id=kept, args='{"second": 2}', queue="other")
    with pytest.raises(JobExists, match=kept):
        scene.store.write(insert, [made[0], again, made[2]])
    assert scene.backend.tables().jobs == [kept]
    assert (scene.get(kept).args, scene.get(kept).queue) == ('{"first": 1}', QUEUE)
    scene.store.write(insert, [made[0], made[2]])


@pytest.mark.parametrize("ended", [False, True])
def test_an_id_exists_whatever_became_of_its_job(scene: Scene, ended: bool) -> None:
    worker = scene.worker()
    claimed = scene.run(worker=worker)
    if ended:
        scene.finish(worker, claimed)
    again = scene.new()[0].replace(job_id=claimed[0].job_id)
    with pytest.raises(JobExists):
        scene.store.write(insert, [again])
    assert scene.get(again.job_id).state is (JobState.SUCCEEDED if ended else JobState.RUNNING)


@pytest.mark.parametrize("resent", [False, True])
def test_an_id_twice_in_one_batch_is_refused(scene: Scene, resent: bool) -> None:
    made = scene.new(2)
    with pytest.raises(JobExists, match=f"{made[0].job_id} is twice"):
        scene.store.write(insert, [*made, made[0]], resent=resent)
    assert scene.backend.tables().jobs == []


def test_the_verb_of_a_deleted_job_gives_its_id_free(scene: Scene) -> None:
    job_id = scene.enqueue_one()
    assert scene.store.write(jobs.delete, job_id)
    scene.store.write(insert, [scene.new()[0].replace(job_id=job_id, args='{"again": 1}')])
    assert scene.get(job_id).args == '{"again": 1}'


def test_a_batch_sent_again_is_inserted_once(scene: Scene) -> None:
    made = scene.new(5)
    scene.store.write(insert, made, resent=True)
    scene.store.write(insert, made, resent=True)
    assert sorted(scene.backend.tables().pending) == [job.job_id for job in made]


def test_a_batch_sent_again_disturbs_no_job_that_went_on(scene: Scene) -> None:
    made = scene.new(3)
    scene.store.write(insert, made)
    worker = scene.worker()
    running, done = scene.claim(worker, limit=1), scene.claim(worker, limit=1)
    scene.finish(worker, done, Succeeded("1"))
    scene.store.write(insert, made, resent=True)
    states = [scene.get(job.job_id).state for job in made]
    assert states == [JobState.RUNNING, JobState.SUCCEEDED, JobState.PENDING]
    scene.finish(worker, running)


def test_a_batch_sent_again_in_part_is_refused(scene: Scene) -> None:
    made = scene.new(3)
    scene.store.write(insert, made[:1])
    with pytest.raises(JobExists, match=made[0].job_id):
        scene.store.write(insert, made, resent=True)
    assert scene.backend.tables().jobs == [made[0].job_id]


def test_an_empty_batch_asks_nothing_of_the_database(scene: Scene) -> None:
    assert list(insert([])) == []
    news = scene.news()
    scene.store.write(insert, [])
    assert news == []


def test_a_large_batch(scene: Scene) -> None:
    ids = scene.enqueue(5000)
    assert sorted(scene.backend.tables().pending) == ids
    claimed = scene.claim(scene.worker(), limit=5000)
    assert [job.job_id for job in claimed] == ids


def test_a_large_payload_comes_back_byte_by_byte(scene: Scene) -> None:
    args = json.dumps({"text": 'añ😀\\"\n' * 60_000, "n": list(range(5000))}, ensure_ascii=False)
    job_id = scene.enqueue_one(args=args, meta={"large": "x" * 100_000})
    assert scene.get(job_id).args == args
    assert scene.claim(scene.worker())[0].args == args


def test_names_may_be_written_in_any_script(scene: Scene) -> None:
    queue, task = "очередь 'mail'; -- \"x\"", "задача.отправить😀%s:name"
    job_id = scene.enqueue_one(queue=queue, task=task, args='{"имя": "Ада"}')
    record = scene.get(job_id)
    assert (record.queue, record.task, record.args) == (queue, task, '{"имя": "Ада"}')
    claimed = scene.claim(scene.worker(), (queue, 0), tasks=[task, TASK])
    assert [(job.job_id, job.queue, job.task) for job in claimed] == [(job_id, queue, task)]


def test_each_priority_is_a_lane(scene: Scene) -> None:
    made = [scene.new(priority=priority)[0] for priority in (0, PRIORITIES[0], PRIORITIES[-1])]
    scene.store.write(insert, made)
    found = scene.store.read(claim.lanes)
    assert {(lane.queue, lane.lane) for lane in found} == {(QUEUE, 0), (QUEUE, -100), (QUEUE, 100)}


def test_news_of_a_batch_names_each_lane_once_with_its_earliest_time(scene: Scene) -> None:
    news = scene.news()
    soon, late = scene.store.now() + HOUR, scene.store.now() + 2 * HOUR
    batch = [
        *scene.new(queue="a", run_at=late),
        *scene.new(queue="a", run_at=soon),
        *scene.new(queue="a", priority=5, run_at=late),
        *scene.new(queue="a", priority=5),
        *scene.new(queue="b", priority=5, delay=HOUR),
    ]
    scene.store.write(insert, batch)
    (wake,) = news
    assert set(wake.due) == {("a", 0, soon), ("a", 5, None), ("b", 5, None)}
    assert wake == Wake(due=wake.due), "and nothing else"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    # NUL and halves of surrogate pairs are refused at the enqueue.
    | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON)
def test_whatever_json_can_say_comes_back(scene: Scene, value: object) -> None:
    args = json.dumps({"value": value}, ensure_ascii=False)
    job_id = scene.enqueue_one(args=args)
    assert scene.get(job_id).args == args
