"""Unique jobs: one of a key at a time, whatever else happens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from holdfast.core import outcomes as o
from holdfast.core.errors import JobExists
from holdfast.core.job import Ending, NewJob
from holdfast.core.outcomes import Outcome, Succeeded
from holdfast.core.states import JobState
from holdfast.core.unique import Unique, key_for
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs import dead_letters, jobs, retention, search, settle, settle_in, unique, unknown
from holdfast.store.verbs.insert_unique import Met, insert_unique
from tests.conformance.scene import HOUR, QUEUE, SECOND, TASK, Scene

KEEP_ALL = 10**18


def new(scene: Scene, key: str = "k", rule: Unique | None = None, **fields: Any) -> NewJob:
    """A job that is unique under a key."""
    rule = rule or Unique(key=key)
    made = scene.new(1, **fields)[0]
    return made.replace(unique=rule, unique_key=key_for(rule, made.task, made.queue, ""))


def put(scene: Scene, *jobs: NewJob) -> list[Met | None]:
    return scene.store.write(insert_unique, list(jobs))


def one(scene: Scene, key: str = "k", **fields: Any) -> str:
    """The id of the job that has a key now: a new one, or that which was there."""
    made = new(scene, key, **fields)
    met = put(scene, made)[0]
    return made.job_id if met is None else met.job_id


def start(scene: Scene, worker: str, queue: str = QUEUE) -> Any:
    [job] = scene.claim(worker, (queue, 0))
    return job


def keys(scene: Scene) -> dict[str, str]:
    return {key: str(job_id) for key, job_id in scene.backend.execute("SELECT key, id FROM {}unique_keys")}


# --- one at a time -----------------------------------------------------------------------------------------------


def test_a_second_one_meets_the_first(scene: Scene) -> None:
    first = new(scene, args='{"n": 1}')
    assert put(scene, first) == [None]
    [met] = put(scene, new(scene, args='{"n": 2}'))
    assert met is not None
    assert met.record is not None
    assert (met.job_id, met.record.job_id, met.record.args) == (first.job_id, first.job_id, '{"n": 1}')
    assert put(scene, new(scene, "another")) == [None]
    assert len(scene.backend.tables().jobs) == 2


def test_jobs_without_a_key_go_with_those_that_have_one(scene: Scene) -> None:
    plain = scene.new(2)
    a, b = new(scene, "a"), new(scene, "a")
    met = put(scene, plain[0], a, plain[1], b)
    assert met[:3] == [None, None, None]
    assert met[3] is not None
    assert met[3].job_id == a.job_id
    assert sorted(scene.backend.tables().pending) == sorted([plain[0].job_id, plain[1].job_id, a.job_id])


@pytest.mark.parametrize("state", ["pending", "blocked", "scheduled", "running"])
def test_it_keeps_others_out_until_it_has_ended(scene: Scene, state: str) -> None:
    worker = scene.worker()
    fields: dict[str, Any] = {"blocked": {"ordering_key": "o"}, "scheduled": {"delay": HOUR}}.get(state, {})
    first = one(scene, **fields)
    running = [start(scene, worker)] if state == "running" else []
    assert one(scene) == first
    if running:
        scene.finish(worker, running)
        assert one(scene) != first


OUTCOMES: dict[str, Outcome] = {
    "succeeded": Succeeded("1"),
    "failed": o.Fail("no"),
    "cancelled": o.Cancel(),
    "panic": o.Panicked(SystemExit(1)),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_end_gives_the_key_up(scene: Scene, name: str) -> None:
    worker, first = scene.worker(), one(scene)
    scene.finish(worker, [start(scene, worker)], OUTCOMES[name])
    assert keys(scene) == {}
    assert one(scene) != first


@pytest.mark.parametrize(
    "outcome",
    [
        o.Retry(),
        o.Snooze(timedelta(seconds=1)),
        o.Raised(ValueError("x")),
        o.Interrupted(),
        o.Reschedule(o.After(timedelta(seconds=1))),
    ],
    ids=repr,
)
def test_it_keeps_its_key_where_it_goes_back_to_waiting(scene: Scene, outcome: Outcome) -> None:
    worker, first = scene.worker(), one(scene)
    scene.finish(worker, [start(scene, worker)], outcome)
    assert scene.get(first).state is JobState.PENDING
    assert one(scene) == first


def test_sending_a_settlement_again_takes_nothing_from_the_next(scene: Scene) -> None:
    worker, first = scene.worker(), one(scene)
    job = start(scene, worker)
    ended = scene.decide(job, Succeeded("1"))
    assert scene.settle(worker, [ended]) == []
    second = one(scene)
    assert scene.settle(worker, [ended]) == []
    assert one(scene) == second != first


def test_a_job_that_is_not_kept_gives_its_key_up(scene: Scene) -> None:
    worker = scene.worker()
    for rule in (Unique(key="k"), Unique(key="k", while_="kept")):
        first = one(scene, rule=rule)
        job = start(scene, worker)
        gone = scene.decide(job, Succeeded("1"))
        gone = type(gone)(
            **{f: getattr(gone, f) for f in gone.__struct_fields__} | {"ending": Ending(kept=False)}
        )
        assert scene.settle(worker, [gone], [job.lease]) == []
        assert scene.store.read(jobs.get, first) is None
        assert keys(scene) == {}


@pytest.mark.parametrize("how", ["cancel", "cancel blocked", "force", "delete", "delete blocked"])
def test_a_job_that_people_end_gives_its_key_up(scene: Scene, how: str) -> None:
    worker, now = scene.worker(), scene.store.now()
    first = one(scene, **({"ordering_key": "o"} if "blocked" in how else {}))
    if how == "force":
        start(scene, worker)
        scene.store.write(jobs.cancel, first, now, None, True)
    elif how.startswith("cancel"):
        scene.store.write(jobs.cancel, first, now, None)
    else:
        scene.store.write(jobs.delete, first)
    assert keys(scene) == {}
    assert one(scene) != first


def test_a_job_that_is_asked_to_end_keeps_its_key_until_it_does(scene: Scene) -> None:
    worker, first = scene.worker(), one(scene)
    job = start(scene, worker)
    scene.store.write(jobs.cancel, first, scene.store.now(), None)
    assert one(scene) == first
    scene.finish(worker, [job], o.Cancel())
    assert one(scene) != first


def test_a_rescue_keeps_the_key_until_the_job_has_crashed_too_often(scene: Scene) -> None:
    first = one(scene)
    for crash in range(1, 4):
        worker = scene.worker()
        lane = -1000 if crash == 3 else 0
        assert scene.claim(worker, (QUEUE, lane))
        assert one(scene) == first
        [settled] = scene.rescue((worker, 0))
        if settled.state is JobState.PENDING:
            scene.backend.execute("UPDATE {}pending SET run_at = (SELECT min(created_at) FROM {}jobs)")
    assert scene.get(first).state is JobState.FAILED
    assert one(scene) != first


def test_a_job_given_up_as_unknown_gives_its_key_up(scene: Scene) -> None:
    scene.worker(tasks=["other"])
    first = one(scene)

    def decide(job: Any) -> Any:
        return scene.decide(job, o.NotKnown(), now=now)

    now = scene.store.now()
    assert scene.store.write(unknown.give_up_unknown, now + SECOND, 0, decide) == []
    [settled] = scene.store.write(unknown.give_up_unknown, now + HOUR, 0, decide)
    assert settled.job.job_id == first
    assert one(scene) != first


def test_a_run_that_settles_in_its_own_transaction_gives_the_key_up_there(scene: Scene) -> None:
    worker, first = scene.worker(), one(scene)
    job = start(scene, worker)
    scene.store.write(settle_in.settle_in, worker, scene.decide(job, Succeeded("1")))
    assert one(scene) != first


# --- for how long ------------------------------------------------------------------------------------------------


def test_one_that_keeps_others_out_while_it_waits_gives_its_key_up_when_it_is_started(scene: Scene) -> None:
    rule, worker = Unique(key="k", while_="waiting"), scene.worker()
    first = one(scene, rule=rule)
    job = start(scene, worker)
    second = one(scene, rule=rule)
    assert second != first
    scene.finish(worker, [job], o.Retry())
    assert one(scene, rule=rule) == second, "the first one's retry has no key"


def test_one_that_keeps_others_out_for_as_long_as_it_is_kept(scene: Scene) -> None:
    rule, worker = Unique(key="k", while_="kept"), scene.worker()
    first = one(scene, rule=rule)
    job = start(scene, worker)
    assert scene.settle(worker, [scene.expired(scene.decide(job, Succeeded("1")))], [job.lease]) == []
    assert one(scene, rule=rule) == first
    assert scene.store.write(jobs.retry, first), "it has its key still"
    job = start(scene, worker)
    assert scene.settle(worker, [scene.expired(scene.decide(job, Succeeded("1")))], [job.lease]) == []
    assert scene.store.write(retention.clean)[0] == 1
    assert keys(scene) == {}
    assert one(scene, rule=rule) != first


def test_some_ends_may_keep_others_out_and_others_not(scene: Scene) -> None:
    rule = Unique(key="k", while_=[*Unique().states, JobState.SUCCEEDED])
    worker, first = scene.worker(), one(scene, rule=rule)
    scene.finish(worker, [start(scene, worker)], o.Fail("no"))
    second = one(scene, rule=rule)
    assert second != first
    scene.finish(worker, [start(scene, worker)])
    assert one(scene, rule=rule) == second
    with pytest.raises(JobExists) as refused:
        scene.store.write(jobs.retry, first)
    assert refused.value.existing == second
    scene.store.write(jobs.delete, second)
    assert scene.store.write(jobs.retry, first)


def test_a_window_holds_the_key_whatever_becomes_of_the_job(scene: Scene) -> None:
    rule, worker = Unique(key="k", within=3600), scene.worker()
    first = one(scene, rule=rule)
    scene.finish(worker, [start(scene, worker)])
    assert one(scene, rule=rule) == first
    assert scene.store.write(jobs.delete, first)
    [met] = put(scene, new(scene, rule=rule))
    assert met == Met(first, None)
    assert scene.store.write(unique.clean_keys) == (0, 0)


def test_a_window_that_is_over_is_in_nobodys_way_and_is_cleaned(scene: Scene) -> None:
    rule = Unique(key="k", within=3600)
    first = one(scene, rule=rule)
    over = "1" if scene.backend.dialect == "sqlite" else "now() - interval '1 second'"
    scene.backend.execute(f"UPDATE {{}}unique_keys SET until = {over}")
    second = one(scene, rule=rule)
    assert second != first
    one(scene, "other", rule=Unique(key="other", within=3600))
    one(scene, "alive")
    scene.backend.execute(f"UPDATE {{}}unique_keys SET until = {over} WHERE until IS NOT NULL")
    count, mark = scene.store.write(unique.clean_keys, 1)
    assert count == 1
    assert scene.store.write(unique.clean_keys, 1, mark)[0] == 1
    assert scene.store.write(unique.clean_keys, 1, mark)[0] == 0
    assert len(keys(scene)) == 1


# --- what happens then ------------------------------------------------------------------------------------------------


def test_the_caller_may_want_an_error(scene: Scene) -> None:
    first = one(scene)
    with pytest.raises(JobExists, match=f"{first}, which is pending; nothing was enqueued") as refused:
        put(scene, *scene.new(1), new(scene, "fine"), new(scene, on_conflict="raise"))
    assert refused.value.existing == first
    assert scene.backend.tables().jobs == [first]
    assert len(keys(scene)) == 1
    with pytest.raises(JobExists, match="twice in one batch"):
        put(scene, new(scene, "x", on_conflict="raise"), new(scene, "x", on_conflict="raise"))


@pytest.mark.parametrize("ordering", [None, "o"])
def test_a_later_one_may_replace_the_arguments(scene: Scene, ordering: str | None) -> None:
    first = one(scene, args='{"n":1}', delay=HOUR, ordering_key=ordering)
    before = scene.get(first).run_at
    assert one(scene, args='{"n":2}', on_conflict="replace") == first
    record = scene.get(first)
    assert (record.args, record.run_at) == ('{"n":2}', before)


@pytest.mark.parametrize("ordering", [None, "o"])
def test_a_later_one_may_put_it_off(scene: Scene, ordering: str | None) -> None:
    first = one(scene, args='{"n":1}', ordering_key=ordering)
    now = scene.store.now()
    assert one(scene, args='{"n":2}', delay=HOUR, on_conflict="debounce") == first
    record = scene.get(first)
    assert record.args == '{"n":2}'
    assert now + HOUR - SECOND <= record.run_at <= now + HOUR + 5 * SECOND
    if ordering:
        assert record.state is JobState.BLOCKED
    assert one(scene, args='{"n":3}', on_conflict="debounce") == first, "and have it run sooner"
    assert scene.get(first).state is (JobState.BLOCKED if ordering else JobState.PENDING)
    assert [job.args for job in scene.claim_any(scene.worker())] == ['{"n":3}']


def between(
    verb: Callable[..., Verb[Any]], before: str, act: Callable[[], object]
) -> Callable[..., Verb[Any]]:
    """A verb during which something else happens, just before one of its statements is run for the first time."""

    def run(*args: Any) -> Verb[Any]:
        steps, answer, done = verb(*args), None, False
        while True:
            try:
                step = steps.send(answer)  # type: ignore[arg-type] - None begins it
            except StopIteration as end:
                return end.value
            if not done and isinstance(step, Statement) and step.name == before:
                done = True
                act()
            answer = yield step

    return run


def test_one_that_ends_while_it_is_to_be_changed_makes_room(scene: Scene) -> None:
    """SQLite lets nobody end it meanwhile."""
    if scene.backend.dialect == "sqlite":
        pytest.skip("one writer at a time")
    first = one(scene, args='{"n":1}')
    worker = scene.worker()
    job = start(scene, worker)
    later = new(scene, args='{"n":2}', on_conflict="debounce")
    with closing(scene.backend.open()) as other:

        def end() -> None:
            flush = [scene.decide(job, Succeeded("1"))]
            assert other.write(settle.settle, worker, flush, [job.lease]) == []

        met = scene.store.write(between(insert_unique, "get_jobs", end), [later])
    assert met == [None], "it is new"
    assert scene.get(first).state is JobState.SUCCEEDED
    assert keys(scene) == {next(iter(keys(scene))): later.job_id}


def test_a_job_that_runs_can_not_be_changed(scene: Scene) -> None:
    first = one(scene, args='{"n":1}')
    start(scene, scene.worker())
    for way in ("replace", "debounce"):
        with pytest.raises(JobExists, match=r'running.*while_="waiting"') as refused:
            put(scene, new(scene, args='{"n":2}', on_conflict=way))
        assert refused.value.existing == first
    assert scene.get(first).args == '{"n":1}'


def test_within_a_batch_it_goes_in_order(scene: Scene) -> None:
    a = new(scene, args='{"n":1}')
    b = new(scene, args='{"n":2}', on_conflict="replace")
    c = new(scene, args='{"n":3}')
    d = new(scene, args='{"n":4}', on_conflict="debounce", delay=HOUR)
    met = put(scene, a, b, c)
    assert [None if one is None else one.job_id for one in met] == [None, a.job_id, a.job_id]
    assert scene.get(a.job_id).args == '{"n":2}'
    other = new(scene, "other", args='{"n":0}')
    later = d.replace(unique_key=other.unique_key)
    put(scene, other, later)
    record = scene.get(other.job_id)
    assert record.args == '{"n":4}'
    assert record.run_at > scene.store.now() + HOUR // 2


# --- brought back ------------------------------------------------------------------------------------------------


def failed(scene: Scene, key: str = "k") -> str:
    worker, first = scene.worker(), one(scene, key)
    scene.finish(worker, [start(scene, worker)], o.Fail("no"))
    return first


Back = Callable[[Scene, str], object]


def _retry(scene: Scene, job_id: str) -> object:
    return scene.store.write(jobs.retry, job_id)


def _redrive(scene: Scene, job_id: str) -> object:
    return scene.store.write(dead_letters.redrive_one, job_id, scene.store.now())


@pytest.mark.parametrize("back", [_retry, _redrive])
def test_a_job_that_is_brought_back_takes_its_key_again_or_says_whose_it_is(scene: Scene, back: Back) -> None:
    first = failed(scene)
    second = one(scene)
    with pytest.raises(JobExists, match=second) as refused:
        back(scene, first)
    assert refused.value.existing == second
    assert scene.get(first).state is JobState.FAILED
    scene.store.write(jobs.delete, second)
    assert back(scene, first)
    assert one(scene) == first


@pytest.mark.parametrize("many", ["retry", "redrive"])
def test_among_many_those_whose_key_is_taken_are_passed_over(scene: Scene, many: str) -> None:
    first = failed(scene)
    second = failed(scene)
    taken, plain = failed(scene, "taken"), scene.enqueue_one()
    worker = scene.worker()
    scene.finish(worker, [start(scene, worker)], o.Fail("no"))
    one(scene, "taken")
    ids = [first, second, taken, plain]
    verb: Any = search.retry_some if many == "retry" else dead_letters.redrive
    args = (ids,) if many == "retry" else (ids, scene.store.now())
    assert scene.store.write(verb, *args) == 2
    states = {job_id: scene.get(job_id).state.value for job_id in ids}
    assert states == {first: "pending", second: "failed", taken: "failed", plain: "pending"}
    assert one(scene) == first


# --- sent again --------------------------------------------------------------------------------------------------


def test_an_insert_that_is_sent_again_finds_its_own_work(scene: Scene) -> None:
    there = one(scene, "there")
    batch = [*scene.new(1), new(scene, "a"), new(scene, "there"), new(scene, "a")]
    once = scene.store.write(insert_unique, batch)
    again = scene.store.write(insert_unique, batch, resent=True)
    assert [met and met.job_id for met in again] == [met and met.job_id for met in once]
    assert [met and met.job_id for met in again] == [None, None, there, batch[1].job_id]
    assert len(scene.backend.tables().jobs) == 3


def test_also_where_it_has_ended_since(scene: Scene) -> None:
    worker, made = scene.worker(), new(scene)
    put(scene, made)
    scene.finish(worker, [start(scene, worker)])
    assert scene.store.write(insert_unique, [made], resent=True) == [None]
    assert keys(scene) == {}, "it takes no key for a job that is over"


def test_what_was_not_stored_is_stored_the_second_time(scene: Scene) -> None:
    made = new(scene)
    assert scene.store.write(insert_unique, [made], resent=True) == [None]
    assert keys(scene) == {made.unique_key.text: made.job_id} if made.unique_key else False


def test_an_id_that_is_taken_leaves_no_key(scene: Scene) -> None:
    taken = scene.enqueue_one()
    with pytest.raises(JobExists, match=f"a job with id {taken} exists already"):
        put(scene, new(scene).replace(job_id=taken))
    assert keys(scene) == {}
    assert scene.get(taken).task == TASK
