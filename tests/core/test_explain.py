"""Why a job is not running: from facts to reasons, and every sentence there is."""

# ruff: noqa: ISC004 - a sentence of several lines stands beside its facts

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from holdfast.core import causes as c
from holdfast.core.explain import causes_of, explain
from holdfast.core.facts import MOST, Facts, Halt, LastError, Seat, Server, Stand
from holdfast.core.lines import line_of
from holdfast.core.slots import Rule, rule_name, slot_name
from holdfast.core.states import JobState, Reason
from holdfast.core.times import SECOND, from_datetime

AT = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
NOW = from_datetime(AT)
MINUTE = 60 * SECOND
JOB, OTHER, THIRD = (f"01890a5d-ac96-774b-bcce-b302099a805{n}" for n in (7, 8, 9))
SERVER = Server(id="w1", host="h", pid=1, concurrency=2, knows=True, restricted=False)
FACTS = Facts(
    now=NOW, job_id=JOB, task="mail.send", queue="mail", state=JobState.PENDING, run_at=NOW - SECOND, servers=(SERVER,)
)  # fmt: skip
KEYED = line_of("ada", 0, None) or ""
FIFO = ""
SHARED = line_of(None, 0, "acme", ()) or ""
LIMIT = slot_name(rule_name("task", "mail.send"), "acme")
RATE = slot_name(rule_name("queue", "mail", "rate"))
LIMITED = line_of(None, 0, None, [LIMIT]) or ""


def facts(**changes: Any) -> Facts:
    return msgspec.structs.replace(FACTS, **changes)


def other(**changes: Any) -> Facts:
    return facts(job_id=OTHER, **changes)


RUNS = other(state=JobState.RUNNING, worker="w1", claimed_at=NOW - MINUTE)
RETRIES = LastError(run=2, attempt=2, type="ValueError", message="no")
SENTENCES = [
    # --- begun
    (
        facts(state=JobState.RUNNING, worker="w1", claimed_at=NOW - MINUTE),
        "Job {job} of task mail.send is running. It has been running on worker w1 since "
        "2026-01-31T08:59:00.000+00:00 (1 min ago).",
    ),
    (
        facts(state=JobState.RUNNING, worker="w1", worker_alive=False, claimed_at=NOW, cancel_requested=True),
        "Job {job} of task mail.send is running. It has been running on worker w1 since 2026-01-31T09:00:00.000+00:00 "
        "(now), which seems to be dead: living workers will take the job back, and was asked to cancel.",
    ),
    (
        facts(state=JobState.SUCCEEDED, ended_at=NOW - MINUTE, kept_until=NOW + MINUTE, error=RETRIES),
        "Job {job} of task mail.send has succeeded. It succeeded at 2026-01-31T08:59:00.000+00:00 (1 min ago) and is "
        "kept until 2026-01-31T09:01:00.000+00:00 (in 1 min).",
    ),
    (
        facts(state=JobState.FAILED, reason=Reason.EXHAUSTED, ended_at=NOW, error=RETRIES),
        "Job {job} of task mail.send has failed. It failed with reason exhausted at 2026-01-31T09:00:00.000+00:00 "
        "(now) and is kept for ever: ValueError: no.",
    ),
    (
        facts(state=JobState.CANCELLED, ended_at=NOW),
        "Job {job} of task mail.send was cancelled. It was cancelled at 2026-01-31T09:00:00.000+00:00 (now) and is "
        "kept for ever.",
    ),
    # --- stopped, or not due
    (
        facts(pauses=(Halt(kind="all", name="", who=None, why=None, since=NOW),)),
        "Everything has been paused since 2026-01-31T09:00:00.000+00:00 (now).",
    ),
    (
        facts(pauses=(Halt(kind="queue", name="mail", who="ada", why="full", since=NOW - 2 * MINUTE),)),
        "Queue mail has been paused by ada since 2026-01-31T08:58:00.000+00:00 (2 min ago): full.",
    ),
    (
        facts(pauses=(Halt(kind="task", name="mail.send", who="ada", why=None, since=NOW),)),
        "Task mail.send has been paused by ada since 2026-01-31T09:00:00.000+00:00 (now).",
    ),
    (
        facts(run_at=NOW + 3 * MINUTE),
        "It is not due until 2026-01-31T09:03:00.000+00:00 (in 3 min).",
    ),
    (
        facts(run_at=NOW + 5 * SECOND, run=2, error=RETRIES, max_attempts=5),
        "It waits until 2026-01-31T09:00:05.000+00:00 (in 5 s) for its retry: attempt 2 of 5 failed with "
        "ValueError: no.",
    ),
    (
        facts(run_at=NOW + 5 * SECOND, run=2, error=RETRIES),
        "It waits until 2026-01-31T09:00:05.000+00:00 (in 5 s) for its retry: attempt 2 failed with ValueError: no.",
    ),
    (
        # It was snoozed: its last run has not failed.
        facts(run_at=NOW + 5 * SECOND, run=3, error=RETRIES),
        "It is not due until 2026-01-31T09:00:05.000+00:00 (in 5 s).",
    ),
    (
        facts(expires_at=NOW - SECOND),
        "It expired at 2026-01-31T08:59:59.000+00:00 (1 s ago): the next worker that sees it fails it.",
    ),
    (
        facts(run_at=NOW + SECOND, expires_at=NOW + MINUTE),
        "It is not due until 2026-01-31T09:00:01.000+00:00 (in 1 s). It expires at 2026-01-31T09:01:00.000+00:00 "
        "(in 1 min), unless it has begun by then.",
    ),
    # --- in a line
    (
        facts(stand=Stand(key=KEYED, ahead=0, turn=OTHER), leader=RUNS),
        "Job {other} of ordering key ada has the turn: it has been running on worker w1 since "
        "2026-01-31T08:59:00.000+00:00 (1 min ago).",
    ),
    (
        facts(
            stand=Stand(key=KEYED, ahead=3, turn=OTHER),
            leader=other(run_at=NOW + SECOND, run=2, error=RETRIES, max_attempts=3),
        ),
        "Job {other} of ordering key ada has the turn: it waits until 2026-01-31T09:00:01.000+00:00 (in 1 s) for its "
        "retry: attempt 2 of 3 failed with ValueError: no; 3 more jobs stand in between.",
    ),
    (
        facts(stand=Stand(key=KEYED, ahead=1, turn=OTHER), leader=RUNS),
        "Job {other} of ordering key ada has the turn: it has been running on worker w1 since "
        "2026-01-31T08:59:00.000+00:00 (1 min ago); 1 more job stands in between.",
    ),
    (
        facts(stand=Stand(key=FIFO, ahead=2, first=OTHER), leader=other()),
        "2 jobs of FIFO queue mail stand before it, the first being {other}: nothing speaks against it: it is about to "
        "be claimed.",
    ),
    (
        facts(stand=Stand(key=FIFO, ahead=MOST + 1, first=OTHER), leader=other(servers=()), servers=()),
        "More than 1,000 jobs of FIFO queue mail stand before it, the first being {other}. No living worker serves "
        "queue mail.",
    ),
    (
        facts(
            stand=Stand(key=LIMITED, ahead=0, slot=LIMIT),
            seats=(Seat(name=LIMIT, rule=Rule(most=2), used=2, holders=(OTHER, THIRD)),),
        ),
        "Task mail.send runs at most 2 jobs at a time for key acme: 2 run ({other}, {third}).",
    ),
    (
        facts(
            stand=Stand(key=LIMITED, ahead=0),
            seats=(Seat(name=rule_name("queue", "a/b|c"), rule=Rule(most=1), used=1, holders=()),),
        ),
        "Queue a/b|c runs at most 1 job at a time: 1 runs.",
    ),
    (
        facts(
            stand=Stand(key=LIMITED, ahead=0),
            seats=(Seat(name=RATE, rule=Rule(count=10, per=MINUTE), next_free=NOW + 4 * SECOND),),
        ),
        "Queue mail begins at most 10 jobs in 1 min: by an estimate its turn comes at 2026-01-31T09:00:04.000+00:00 "
        "(in 4 s).",
    ),
    (
        facts(stand=Stand(key=SHARED, ahead=12)),
        "12 jobs of the same share (acme) stand before it.",
    ),
    (
        facts(stand=Stand(key=SHARED, ahead=1, lines_beside=3)),
        "1 job of the same share (acme) stands before it, and 3 other lines take turns with them.",
    ),
    (
        facts(stand=Stand(key=LIMITED, ahead=2)),
        "2 jobs with the same limits stand before it.",
    ),
    (
        facts(stand=Stand(key=SHARED, ahead=0, lines_beside=1)),
        "1 other line takes turns with its own.",
    ),
    # --- workers
    (facts(servers=()), "No living worker serves queue mail."),
    (
        facts(servers=(msgspec.structs.replace(SERVER, knows=False),) * 2, unknown_since=NOW - 10 * MINUTE),
        "2 living workers serve queue mail, and none has known task mail.send since 2026-01-31T08:50:00.000+00:00 "
        "(10 min ago): if that stays so, it fails as unknown_task at 2026-01-31T09:50:00.000+00:00 (in 50 min).",
    ),
    (
        facts(servers=(msgspec.structs.replace(SERVER, knows=False),)),
        "1 living worker serves queue mail, and none knows task mail.send.",
    ),
    (
        # Workers that serve some of their tasks only start no clock for the others.
        facts(servers=(msgspec.structs.replace(SERVER, knows=False, restricted=True),), unknown_since=NOW),
        "1 living worker serves queue mail, and none knows task mail.send.",
    ),
    (
        facts(servers=(msgspec.structs.replace(SERVER, restricted=True),)),
        "The one living worker that knows task mail.send serves only some of their tasks, and perhaps not this one.",
    ),
    (
        facts(servers=(msgspec.structs.replace(SERVER, restricted=True),) * 2),
        "All 2 living workers that know task mail.send serve only some of their tasks, and perhaps not this one.",
    ),
    (
        facts(lane=-1000, crashes=2),
        "Its worker died while it ran, 2 times: it is suspected of that, comes after all others, and waits for a "
        "worker that has nothing else in hand.",
    ),
    (
        facts(servers=(msgspec.structs.replace(SERVER, in_hand=2),)),
        "The worker that serves it has 2 jobs in hand, and 2 slots for them.",
    ),
    (
        facts(servers=(msgspec.structs.replace(SERVER, in_hand=2),) * 2),
        "The 2 workers that serve it have 4 jobs in hand, and 4 slots for them.",
    ),
    (
        facts(servers=(msgspec.structs.replace(SERVER, in_hand=1, of_queue=1),), concurrency=1),
        "The worker that serves it has 1 job of queue mail in hand, and 1 slot for them.",
    ),
    (facts(higher=1), "1 due job at higher priority comes before it."),
    (
        facts(higher=MOST + 1, before=2),
        "More than 1,000 due jobs at higher priority and 2 due jobs at the same priority come before it.",
    ),
    (facts(), "Nothing speaks against it: it is about to be claimed."),
    (
        facts(run_at=NOW - MINUTE),
        "Nothing that the database knows of speaks against it, although it has been due since "
        "2026-01-31T08:59:00.000+00:00 (1 min ago): see the logs and the health of the workers that serve it, whose "
        "threads or processes may all be in use.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("known", "sentence"), SENTENCES)
def test_every_sentence(known: Facts, sentence: str) -> None:
    found = explain(known)
    wanted = sentence.format(job=JOB, other=OTHER, third=THIRD)
    if not wanted.startswith("Job 01890a5d-ac96-774b-bcce-b302099a8057 "):
        wanted = f"Job {JOB} of task mail.send waits. {wanted}"
    assert str(found) == found.sentence == wanted
    assert (found.job_id, found.task, found.queue, found.state) == (
        UUID(JOB),
        "mail.send",
        "mail",
        known.state,
    )
    assert found.at == AT
    assert all(one.sentence for one in found.reasons)


def kinds(known: Facts) -> list[str]:
    return [one.kind for one in causes_of(known)]


def subclasses(base: type[c.Cause]) -> list[type[c.Cause]]:
    return base.__subclasses__()


def test_no_kind_is_without_a_sentence_here() -> None:
    told = {type(one) for known, _ in SENTENCES for one in explain(known).reasons}
    assert told == set(subclasses(c.Cause))


def test_the_page_names_every_kind() -> None:
    page = (Path(__file__).parents[2] / "docs" / "explain.md").read_text("utf-8")
    named = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert named == {str(one.__struct_config__.tag) for one in subclasses(c.Cause)}


def test_all_that_apply_are_told_the_most_decisive_first() -> None:
    paused = Halt(kind="queue", name="mail", who=None, why=None, since=NOW)
    known = facts(run_at=NOW + SECOND, pauses=(paused,), servers=(), expires_at=NOW + MINUTE)
    assert kinds(known) == ["paused", "not_due", "no_worker", "expires"]
    seats = (
        Seat(name=LIMIT, rule=Rule(most=1), used=1),
        Seat(name=RATE, rule=Rule(count=1, per=MINUTE), next_free=NOW + 1),
    )
    busy = (msgspec.structs.replace(SERVER, in_hand=2),)
    known = facts(stand=Stand(key=LIMITED, ahead=1, slot=LIMIT), seats=seats, servers=busy, higher=1)
    assert kinds(known) == ["limit", "rate", "line", "busy", "before"]


def test_what_passes_within_moments_is_not_told_of_a_job_that_is_not_due() -> None:
    seats = (Seat(name=LIMIT, rule=Rule(most=1), used=1),)
    busy = (msgspec.structs.replace(SERVER, in_hand=2),)
    assert kinds(facts(run_at=NOW + SECOND, seats=seats, servers=busy, higher=1)) == ["not_due"]


def test_who_is_behind_another_is_not_compared_with_the_rest() -> None:
    busy = (msgspec.structs.replace(SERVER, in_hand=2),)
    assert kinds(
        facts(stand=Stand(key=KEYED, ahead=1, first=OTHER), leader=other(), servers=busy, higher=3)
    ) == ["behind"]


def test_whoever_has_the_turn_is_behind_nobody() -> None:
    waits = facts(stand=Stand(key=KEYED, ahead=0, turn=JOB), run_at=NOW + SECOND, run=2, error=RETRIES)
    assert kinds(waits) == ["retrying"]


def test_a_slot_with_room_and_a_rule_that_was_taken_back_keep_nobody() -> None:
    for seat in (
        Seat(name=LIMIT, rule=Rule(most=2), used=1),
        Seat(name=LIMIT, rule=None, used=9),
        Seat(name=LIMIT, rule=Rule(), used=9),
        Seat(name=RATE, rule=Rule(count=1, per=SECOND), next_free=NOW),
        Seat(name=RATE, rule=Rule(count=1, per=SECOND, burst=3), next_free=NOW + 2 * SECOND),
    ):
        assert kinds(facts(stand=Stand(key=LIMITED, ahead=0), seats=(seat,))) == ["claimable"], seat


@pytest.mark.parametrize(
    ("stand", "burst", "next_free", "seconds"),
    [
        (Stand(key=LIMITED, ahead=0), 1, 4, 4),
        (Stand(key=LIMITED, ahead=0), 3, 4, 2),
        (Stand(key=LIMITED, ahead=5), 1, 0, 5),  # there is room now, but for those before it
        (Stand(key=LIMITED, ahead=5), 2, -100, 4),
        (Stand(key=LIMITED, ahead=2, slot=RATE, lines_beside=3, lines_ahead=1), 1, 1, 1 + 2 * 4 + 1),
        (Stand(key=LIMITED, ahead=2, slot=LIMIT, lines_beside=3, lines_ahead=1), 1, 1, 1 + 2),
    ],
)  # fmt: skip
def test_when_a_rate_lets_it_through(stand: Stand, burst: int, next_free: int, seconds: int) -> None:
    rule = Rule(count=60, per=MINUTE, burst=burst)
    seat = Seat(name=RATE, rule=rule, next_free=NOW + next_free * SECOND)
    (found,) = (one for one in causes_of(facts(stand=stand, seats=(seat,))) if isinstance(one, c.RateReached))
    assert found.turn_at == AT + timedelta(seconds=seconds)
    assert (found.count, found.per, found.key) == (60, timedelta(minutes=1), None)


def test_one_free_worker_is_enough() -> None:
    busy = msgspec.structs.replace(SERVER, in_hand=2)
    assert kinds(facts(servers=(busy, SERVER))) == ["claimable"]
    full = msgspec.structs.replace(SERVER, in_hand=1, of_queue=1)
    assert kinds(facts(servers=(full, busy), concurrency=1)) == ["busy"]
    assert kinds(facts(servers=(full, SERVER), concurrency=1)) == ["claimable"]
    # Those that don't know the task are no help.
    assert kinds(facts(servers=(busy, msgspec.structs.replace(SERVER, knows=False)))) == ["busy"]


def test_it_can_be_written_as_json() -> None:
    found = explain(facts(stand=Stand(key=KEYED, ahead=0, turn=OTHER), leader=RUNS))
    document = msgspec.json.decode(msgspec.json.encode(found))
    (reason,) = document["reasons"]
    assert (reason["kind"], reason["job"], reason["has_turn"]) == ("behind", OTHER, True)
    assert reason["causes"][0]["kind"] == "running"
    assert document["sentence"] == str(found)
