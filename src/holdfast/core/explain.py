"""From what is known of a job to why it is not running."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from holdfast.core import causes as c
from holdfast.core.facts import Facts, Seat, Server
from holdfast.core.job import is_suspect
from holdfast.core.lines import is_ordered, share_of
from holdfast.core.slots import KEY_MARK, Rule, parts_of, rule_of
from holdfast.core.states import JobState
from holdfast.core.times import SECOND, to_datetime

UNKNOWN_TASK_GRACE = 3600 * SECOND
"""For so long workers wait, if nothing else was asked for, for one that knows a task."""
VERBS = {
    JobState.SUCCEEDED: "has succeeded",
    JobState.FAILED: "has failed",
    JobState.CANCELLED: "was cancelled",
    JobState.RUNNING: "is running",
}


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job is not running, or that it is, or has. As text: its sentence."""

    job_id: UUID
    task: str
    queue: str
    state: JobState
    at: datetime
    """The moment of which it speaks; in UTC."""
    reasons: tuple[c.Cause, ...]
    """All that apply, the most decisive first. Never empty."""
    sentence: str
    """The same for people."""

    def __str__(self) -> str:
        return self.sentence


def explain(facts: Facts) -> Explanation:
    """Say why a job is not running."""
    reasons = causes_of(facts)
    state = VERBS.get(facts.state, "waits")
    said = [f"Job {facts.job_id} of task {facts.task} {state}", *(one.sentence for one in reasons)]
    return Explanation(
        job_id=UUID(facts.job_id),
        task=facts.task,
        queue=facts.queue,
        state=facts.state,
        at=to_datetime(facts.now),
        reasons=reasons,
        sentence=" ".join(f"{text[0].upper()}{text[1:]}." for text in said),
    )


def causes_of(facts: Facts) -> tuple[c.Cause, ...]:
    """All that apply, the most decisive first, each with its sentence."""
    now = to_datetime(facts.now)
    found: list[c.Cause] = []
    if facts.state is JobState.RUNNING:
        found.append(_running(facts))
    elif facts.state.terminal:
        found.append(_ended(facts))
    else:
        found += [*_stopped(facts), *_waiting(facts)]
        if not found:
            found.append(c.Claimable(due_since=to_datetime(facts.run_at)))
        if facts.expires_at is not None and facts.expires_at > facts.now:
            found.append(c.Expires(at=to_datetime(facts.expires_at)))
    return tuple(msgspec.structs.replace(one, sentence=one.words(now)) for one in found)


def _running(facts: Facts) -> c.Cause:
    return c.Running(
        worker=facts.worker,
        alive=facts.worker_alive,
        since=to_datetime(facts.claimed_at or facts.now),
        cancel_requested=facts.cancel_requested,
    )


def _ended(facts: Facts) -> c.Cause:
    return c.Ended(
        state=facts.state,
        reason=facts.reason,
        error=_error(facts) if facts.state is JobState.FAILED else None,
        at=to_datetime(facts.ended_at or facts.now),
        kept_until=None if facts.kept_until is None else to_datetime(facts.kept_until),
    )


def _stopped(facts: Facts) -> Iterator[c.Cause]:
    """What holds whether it is due or not."""
    if facts.expires_at is not None and facts.expires_at <= facts.now:
        yield c.Expired(at=to_datetime(facts.expires_at))
    for halt in facts.pauses:
        yield c.Paused(
            what=halt.kind, name=halt.name, by=halt.who, reason=halt.why, since=to_datetime(halt.since)
        )


def _waiting(facts: Facts) -> Iterator[c.Cause]:
    due = facts.run_at <= facts.now
    if not due:
        yield _later(facts)
    behind = list(_behind(facts))
    yield from behind
    if due:
        yield from _out_of_room(facts)
    yield from _unserved(facts)
    # Who isn't the next of its line isn't waiting for its place among the others yet.
    if due and not behind:
        yield from _among_others(facts)


def _later(facts: Facts) -> c.Cause:
    until = to_datetime(facts.run_at)
    # A job that was snoozed or rescheduled waits for no retry, though an earlier run may have failed.
    if facts.error is None or facts.error.run != facts.run:
        return c.NotDue(until=until)
    return c.Retrying(
        until=until, attempt=facts.error.attempt, max_attempts=facts.max_attempts, error=_error(facts) or ""
    )


def _behind(facts: Facts) -> Iterator[c.Cause]:
    stand, leader = facts.stand, facts.leader
    if stand is not None and leader is not None and is_ordered(stand.key):
        yield c.Behind(
            queue=facts.queue,
            ordering_key=stand.key or None,
            job=UUID(leader.job_id),
            has_turn=leader.job_id == stand.turn,
            ahead=stand.ahead,
            causes=causes_of(leader),
        )


# --- limits and rates ---------------------------------------------------------------------------------------------


def _out_of_room(facts: Facts) -> Iterator[c.Cause]:
    for seat in facts.seats:
        rule = seat.rule
        if rule is None:
            continue
        scope, name, _ = parts_of(rule_of(seat.name))
        _, mark, counted_by = seat.name.partition(KEY_MARK)
        key = counted_by if mark else None
        if rule.most is not None and seat.used >= rule.most:
            yield c.LimitReached(
                scope=scope, name=name, key=key, most=rule.most, running=seat.used,
                holders=tuple(UUID(job_id) for job_id in seat.holders),
            )  # fmt: skip
        elif rule.count and rule.per:
            turn_at = _turn_at(facts, seat, rule)
            if turn_at > facts.now:
                yield c.RateReached(
                    scope=scope, name=name, key=key, count=rule.count, per=timedelta(microseconds=rule.per),
                    turn_at=to_datetime(turn_at),
                )  # fmt: skip


def _turn_at(facts: Facts, seat: Seat, rule: Rule) -> int:
    """When a rate will let it through, if those before it take all that it gives, and lines take turns."""
    stand = facts.stand
    place = 0 if stand is None else stand.ahead
    if stand is not None and stand.slot == seat.name:
        place = stand.ahead * (stand.lines_beside + 1) + stand.lines_ahead
    first = max(facts.now, seat.next_free or 0)
    return first + (place - (rule.burst or 1) + 1) * rule.spacing


# --- workers ------------------------------------------------------------------------------------------------------


def _unserved(facts: Facts) -> Iterator[c.Cause]:
    if not facts.servers:
        yield c.NoWorker(queue=facts.queue)
        return
    able = _able(facts)
    if not able:
        since = facts.unknown_since if any(not one.restricted for one in facts.servers) else None
        yield c.UnknownTask(
            queue=facts.queue,
            task=facts.task,
            workers=len(facts.servers),
            since=None if since is None else to_datetime(since),
            given_up_at=None if since is None else to_datetime(since + UNKNOWN_TASK_GRACE),
        )
    elif all(one.restricted for one in able):
        yield c.Restricted(task=facts.task, workers=len(able))


def _able(facts: Facts) -> list[Server]:
    return [one for one in facts.servers if one.knows]


def _among_others(facts: Facts) -> Iterator[c.Cause]:
    stand = facts.stand
    if stand is not None and not is_ordered(stand.key) and (stand.ahead or stand.lines_beside):
        yield c.LineAhead(share=share_of(stand.key) or None, ahead=stand.ahead, others=stand.lines_beside)
    if is_suspect(facts.lane):
        yield c.Suspect(crashes=facts.crashes)
    else:
        yield from _busy(facts)
    if facts.higher or facts.before:
        yield c.Before(higher=facts.higher, same=facts.before)


def _busy(facts: Facts) -> Iterator[c.Cause]:
    able = _able(facts)
    idle = [one for one in able if one.in_hand < one.concurrency]
    most = facts.concurrency
    if able and not idle:
        yield c.Busy(
            workers=len(able),
            in_hand=sum(one.in_hand for one in able),
            slots=sum(one.concurrency for one in able),
            queue=None,
        )
    elif idle and most is not None and all(one.of_queue >= most for one in idle):
        yield c.Busy(
            workers=len(able),
            in_hand=sum(one.of_queue for one in able),
            slots=sum(min(most, one.concurrency) for one in able),
            queue=facts.queue,
        )


def _error(facts: Facts) -> str | None:
    return None if facts.error is None else f"{facts.error.type}: {facts.error.message}"
