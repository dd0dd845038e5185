"""Schedules in the store: declared, changed by hand, fired exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.core.errors import InvalidOption, JobExists
from holdfast.core.job import NewJob
from holdfast.core.schedules import Cron, Every
from holdfast.store.records import ScheduleRecord, ScheduleRow
from holdfast.store.statement import Statement, Verb, Wake
from holdfast.store.verbs import schedules
from tests.conformance.scene import HOUR, QUEUE, SECOND, TASK, Scene

MINUTE = 60 * SECOND


def row(name: str = "tick", when: Cron | Every = Every(60), **fields: Any) -> ScheduleRow:  # noqa: B008
    given = {"task": TASK, "queue": QUEUE, "args": '{"n": 1}', "declared": True} | fields
    return ScheduleRow(name=name, spec=when.encode(), **given)


def declare(scene: Scene, *rows: ScheduleRow) -> None:
    scene.store.write(schedules.declare_schedules, list(rows or (row(),)))


def the(scene: Scene, name: str = "tick") -> ScheduleRecord:
    (found,) = scene.store.read(schedules.list_schedules, name)
    return found


def all_of(scene: Scene) -> dict[str, ScheduleRecord]:
    return {record.name: record for record in scene.store.read(schedules.list_schedules)}


def back(scene: Scene, micros: int, name: str = "tick") -> int:
    """Have the next fire of a schedule lie so far back; returns when it is then."""
    record = the(scene, name)
    at = scene.store.now() // SECOND * SECOND - micros
    scene.store.write(write, replace(record, next_at=at))
    return at


def write(record: ScheduleRecord) -> Verb[None]:
    yield Statement("lock_schedules", {"names": [record.name]})
    yield from schedules._write([record])


def fire(scene: Scene, but: Sequence[str] = (), limit: int = 20) -> schedules.Fired:
    return scene.store.write(schedules.fire, maker(scene), limit, list(but))


def maker(scene: Scene) -> schedules.Make:
    def make(record: ScheduleRecord, at: int) -> NewJob:
        return scene.new(1, task=record.task, queue=record.queue, args=record.args, meta={"at": at})[0]

    return make


def fires(scene: Scene) -> list[tuple[str, str | None]]:
    found = scene.backend.execute("SELECT schedule, job FROM {}schedule_fires ORDER BY schedule, at")
    return [(name, None if job is None else str(job)) for name, job in found]


def pending(scene: Scene) -> int:
    return len(scene.backend.tables().pending)


# --- declaring -----------------------------------------------------------------------------------------------------


def test_a_new_schedule_fires_first_after_now(scene: Scene) -> None:
    before = scene.store.now()
    declare(scene, row(), row("nightly", Cron("0 3 * * *", tz="Europe/Rome")))
    every, nightly = the(scene), the(scene, "nightly")
    assert before + MINUTE - SECOND <= (every.next_at or 0) <= scene.store.now() + MINUTE + SECOND
    assert before < (nightly.next_at or 0) <= before + 25 * HOUR
    assert (every.last_at, every.last_job, every.paused, every.removed) == (None, None, False, False)
    assert every.declared
    assert scene.store.read(schedules.next_schedule) == min(every.next_at or 0, nightly.next_at or 0)
    assert scene.store.read(schedules.next_schedule, ["tick", "nightly"]) is None


def test_everything_of_a_schedule_comes_back(scene: Scene) -> None:
    given = row(
        "ünï 'codé'", Cron("*/5 1-3 * * MON", tz="Asia/Kathmandu"), meta='{"a": "\\u0301"}', priority=-7,
        overrides='{"max_attempts":3}', ordering_key="k",
        overlap="skip", missed="all", args='{"s": "x\\"\\\\y"}', declared=False,
    )  # fmt: skip
    stored = scene.store.write(schedules.put_schedule, given)
    assert the(scene, given.name) == stored
    assert ScheduleRow(**{name: getattr(stored, name) for name in ScheduleRow.__struct_fields__}) == given


def test_declaring_the_same_again_changes_no_fire(scene: Scene) -> None:
    declare(scene)
    first = the(scene)
    news = scene.news()
    declare(scene)
    assert the(scene) == first
    assert news == []


def test_declaring_other_arguments_changes_no_fire(scene: Scene) -> None:
    declare(scene)
    first = the(scene)
    declare(scene, row(args='{"n": 2}', overlap="skip", missed="none", priority=5))
    assert the(scene) == replace(first, args='{"n": 2}', overlap="skip", missed="none", priority=5)


def test_another_timetable_counts_from_the_last_fire(scene: Scene) -> None:
    declare(scene)
    at = back(scene, 10 * SECOND)
    fire(scene)
    assert the(scene).next_at == at + MINUTE
    declare(scene, row(when=Every(90)))
    assert the(scene).next_at == at + 90 * SECOND
    assert the(scene).last_at == at


def test_another_timetable_of_what_has_never_fired_counts_from_now(scene: Scene) -> None:
    declare(scene)
    now = scene.store.now()
    declare(scene, row(when=Every(3600)))
    assert abs((the(scene).next_at or 0) - now - HOUR) < 5 * SECOND


def test_two_declare_at_once(scene: Scene) -> None:
    names = [f"s{n}" for n in range(20)]
    stores = [scene.backend.open() for _ in range(4)]
    try:
        with ThreadPoolExecutor(len(stores)) as pool:
            orders = [names, names[::-1], names[10:] + names[:10], names]
            done = [
                pool.submit(store.write, schedules.declare_schedules, [row(name) for name in order])
                for store, order in zip(stores, orders, strict=True)
            ]
            for one in done:
                one.result(30)
    finally:
        for store in stores:
            store.close()
    assert sorted(all_of(scene)) == sorted(names)


# --- firing --------------------------------------------------------------------------------------------------------


def test_a_fire_is_one_job_one_note_and_the_next_time(scene: Scene) -> None:
    declare(scene, row(args='{"n": 7}', priority=3))
    assert fire(scene).jobs == 0
    at = back(scene, 0)
    news = scene.news()
    fired = fire(scene)
    assert (fired.jobs, fired.failed, fired.next_at) == (1, {}, at + MINUTE)
    assert [wake.due for wake in news] == [((QUEUE, 0, None),)]
    record = the(scene)
    assert (record.last_at, record.next_at) == (at, at + MINUTE)
    assert fires(scene) == [("tick", record.last_job)]
    job = scene.get(record.last_job or "")
    assert (job.task, job.queue, job.args) == (TASK, QUEUE, '{"n": 7}')
    assert fire(scene).jobs == 0


@pytest.mark.parametrize(("missed", "jobs"), [("latest", 1), ("all", 11), ("none", 1)])
def test_missed_ticks(scene: Scene, missed: str, jobs: int) -> None:
    declare(scene, row(missed=missed))
    at = back(scene, 10 * MINUTE + 30 * SECOND)
    assert fire(scene).jobs == jobs
    assert the(scene).last_at == at + 10 * MINUTE
    assert the(scene).next_at == at + 11 * MINUTE
    assert pending(scene) == jobs


def test_none_of_the_missed_ones_means_none(scene: Scene) -> None:
    declare(scene, row(when=Every(timedelta(hours=1)), missed="none"))
    at = back(scene, 10 * HOUR + 2 * MINUTE)
    assert fire(scene).jobs == 0
    assert the(scene).next_at == at + 11 * HOUR
    assert fires(scene) == []


def test_all_of_the_missed_ones_come_in_steps(scene: Scene) -> None:
    declare(scene, row(when=Every(1), missed="all"))
    at = back(scene, 1200 * SECOND)
    done = [fire(scene).jobs, fire(scene).jobs, fire(scene).jobs]
    assert done[:2] == [500, 500]
    assert 200 <= done[2] <= 210
    assert pending(scene) == sum(done) == len(fires(scene))
    assert the(scene).next_at == at + sum(done) * SECOND


def test_skip_while_the_one_before_is_alive(scene: Scene) -> None:
    declare(scene, row(overlap="skip"))
    back(scene, MINUTE + 30 * SECOND)
    assert fire(scene).jobs == 1
    first = the(scene).last_job
    back(scene, 0)
    assert fire(scene).jobs == 0, "it is pending"
    worker = scene.worker()
    claimed = scene.claim(worker)
    at = back(scene, -SECOND)
    scene.store.write(write, replace(the(scene), next_at=at - 2 * SECOND))
    assert fire(scene).jobs == 0, "it is running"
    assert the(scene).last_job == first
    scene.finish(worker, claimed)
    scene.store.write(write, replace(the(scene), next_at=at))
    while not (fired := fire(scene)).jobs:
        assert not fired.failed
    assert the(scene).last_job != first
    assert [job for _, job in fires(scene)].count(None) == 2, "skipped ticks are noted"


def test_skipping_leaves_one_of_many_missed_ticks(scene: Scene) -> None:
    declare(scene, row(overlap="skip", missed="all"))
    back(scene, 10 * MINUTE + SECOND)
    assert fire(scene).jobs == 1
    assert len(fires(scene)) == 11


@pytest.mark.parametrize("how", ["spec", "make"])
def test_one_that_cannot_be_fired_blocks_no_other(scene: Scene, how: str) -> None:
    declare(scene, row("bad"), row("good"), row("next"))
    for name in ("bad", "good"):
        back(scene, 5 * SECOND, name)
    make = maker(scene)

    def refusing(record: ScheduleRecord, at: int) -> NewJob | None:
        if how == "make" and record.name == "bad":
            raise InvalidOption("not on Sundays")
        return make(record, at)

    if how == "spec":
        scene.store.write(write, replace(the(scene, "bad"), spec='{"cron": "@daily", "tz": "Mars/Olympus"}'))
    before = the(scene, "bad")
    fired = scene.store.write(schedules.fire, refusing)
    assert list(fired.failed) == ["bad"]
    assert fired.jobs == 1
    assert fired.next_at == min(the(scene, name).next_at or 0 for name in ("good", "next"))
    assert the(scene, "bad") == before, "it is left to others"
    assert fire(scene, but=["bad"]).jobs == 0


def test_jobs_that_cannot_be_stored_leave_nothing_behind(scene: Scene) -> None:
    taken = scene.enqueue_one()
    declare(scene)
    back(scene, SECOND)
    before = the(scene)
    with pytest.raises(schedules.CannotFire, match="tick") as caught:
        scene.store.write(schedules.fire, lambda record, at: replace(scene.new(1)[0], job_id=taken))
    assert isinstance(caught.value.error, JobExists)
    assert the(scene) == before
    assert fires(scene) == []


def test_a_middleware_may_store_nothing(scene: Scene) -> None:
    declare(scene)
    back(scene, SECOND)
    assert scene.store.write(schedules.fire, lambda record, at: None).jobs == 0
    assert fires(scene) == [("tick", None)]


def test_a_timetable_that_has_no_more_times_rests(scene: Scene) -> None:
    declare(scene, row(when=Every(timedelta(days=73_000 - 1))))
    back(scene, SECOND)
    scene.store.write(write, replace(the(scene), spec=Every(timedelta(days=73_000)).encode()))
    fire(scene)
    record = the(scene)
    if record.next_at is not None:
        scene.store.write(write, replace(record, next_at=None))
    assert fire(scene).next_at is None


def test_a_tick_that_has_fired_never_fires_again(scene: Scene) -> None:
    declare(scene, row(missed="all"))
    at = back(scene, 3 * MINUTE + SECOND)
    fire(scene)
    assert pending(scene) == 4
    scene.store.write(write, replace(the(scene), next_at=at))
    assert fire(scene).jobs == 0
    assert pending(scene) == 4
    assert the(scene).next_at == at + 4 * MINUTE


@pytest.mark.parametrize("at_once", [1, 20])
def test_many_fire_at_once_and_each_tick_once(scene: Scene, at_once: int) -> None:
    names = [f"s{n}" for n in range(8)]
    declare(scene, *(row(name, Every(1), missed="all") for name in names))
    stop = {name: back(scene, 50 * SECOND, name) for name in names}
    stores = [scene.backend.open() for _ in range(4)]

    def work(store: Any) -> None:
        while True:
            fired = store.write(schedules.fire, maker(scene), at_once)
            if fired.next_at is not None and fired.next_at > store.now():
                return

    try:
        with ThreadPoolExecutor(len(stores)) as pool:
            for one in [pool.submit(work, store) for store in stores]:
                one.result(60)
    finally:
        for store in stores:
            store.close()
    noted = fires(scene)
    assert len(noted) == len({job for _, job in noted}) == pending(scene)
    for name in names:
        ticks = ((the(scene, name).next_at or 0) - stop[name]) // SECOND
        assert [found for found, _ in noted].count(name) == ticks >= 50


# --- by hand -------------------------------------------------------------------------------------------------------


def test_a_pause_wins_over_code_and_its_ticks_are_not_caught_up(scene: Scene) -> None:
    declare(scene, row(missed="all"))
    news = scene.news()
    assert scene.store.write(schedules.pause_schedule, "tick")
    assert news == [Wake(control=True)]
    at = back(scene, 10 * MINUTE + SECOND)
    declare(scene, row(missed="all"))
    assert the(scene).paused
    assert fire(scene).jobs == 0
    assert scene.store.read(schedules.next_schedule) is None
    assert scene.store.write(schedules.resume_schedule, "tick")
    assert the(scene).next_at == at + 11 * MINUTE
    assert fire(scene).jobs == 0


def test_a_removal_wins_over_code_until_it_is_reset(scene: Scene) -> None:
    declare(scene)
    assert scene.store.write(schedules.remove_schedule, "tick")
    assert not scene.store.write(schedules.remove_schedule, "tick")
    assert not scene.store.write(schedules.pause_schedule, "tick")
    back(scene, MINUTE)
    declare(scene)
    assert the(scene).removed
    assert fire(scene).jobs == 0
    assert scene.store.write(schedules.reset_schedule, "tick")
    assert not the(scene).removed
    assert (the(scene).next_at or 0) > scene.store.now()


def test_what_was_put_is_removed_without_a_trace(scene: Scene) -> None:
    scene.store.write(schedules.put_schedule, row(declared=False))
    back(scene, SECOND)
    fire(scene)
    assert scene.store.write(schedules.remove_schedule, "tick")
    assert all_of(scene) == {}
    assert fires(scene) == []
    assert not scene.store.write(schedules.resume_schedule, "tick")
    assert not scene.store.write(schedules.reset_schedule, "tick")


def test_what_is_put_in_the_place_of_a_declared_one_stays(scene: Scene) -> None:
    declare(scene)
    scene.store.write(schedules.put_schedule, row(when=Every(5), declared=False))
    declare(scene)
    assert the(scene).spec == Every(5).encode()
    assert not the(scene).declared


def test_what_was_put_in_the_place_of_a_declared_one_is_removed_with_it_until_a_reset(scene: Scene) -> None:
    declare(scene)
    scene.store.write(schedules.remove_schedule, "tick")
    scene.store.write(schedules.put_schedule, row(when=Every(5), declared=False))
    assert scene.store.write(schedules.remove_schedule, "tick")
    declare(scene)
    back(scene, MINUTE)
    assert the(scene).removed
    assert fire(scene).jobs == 0
    assert scene.store.write(schedules.reset_schedule, "tick", row())
    assert (the(scene).spec, the(scene).declared, the(scene).covers) == (row().spec, True, False)
    assert (the(scene).next_at or 0) > scene.store.now()


def test_a_declared_one_whose_code_is_not_at_hand_rests_from_its_reset_to_the_next_start(
    scene: Scene,
) -> None:
    declare(scene)
    scene.store.write(schedules.put_schedule, row(declared=False))
    scene.store.write(schedules.remove_schedule, "tick")
    assert scene.store.write(schedules.reset_schedule, "tick")
    assert (the(scene).declared, the(scene).next_at) == (True, None)
    declare(scene)
    assert (the(scene).next_at or 0) > scene.store.now()
    assert not the(scene).removed


def test_one_that_code_declares_after_it_was_put_stays_removed_too(scene: Scene) -> None:
    scene.store.write(schedules.put_schedule, row(when=Every(5), declared=False))
    declare(scene)
    scene.store.write(schedules.remove_schedule, "tick")
    declare(scene)
    assert the(scene).removed


def test_putting_again_ends_a_pause(scene: Scene) -> None:
    scene.store.write(schedules.put_schedule, row(declared=False))
    scene.store.write(schedules.pause_schedule, "tick")
    back(scene, HOUR)
    scene.store.write(schedules.put_schedule, row(declared=False))
    assert not the(scene).paused
    assert (the(scene).next_at or 0) > scene.store.now()


def test_a_job_by_hand_counts_as_the_one_before(scene: Scene) -> None:
    declare(scene, row(overlap="skip"))
    job_id = scene.enqueue_one()
    scene.store.write(schedules.note_job, "tick", job_id)
    scene.store.write(schedules.note_job, "none", job_id)
    back(scene, SECOND)
    assert fire(scene).jobs == 0


def test_old_notes_are_cleaned_away(scene: Scene) -> None:
    declare(scene, row(when=Every(3600), missed="all"))
    back(scene, 30 * HOUR)
    fire(scene)
    assert len(fires(scene)) == 31
    scene.store.write(schedules.clean_fires)
    assert 23 <= len(fires(scene)) <= 25
