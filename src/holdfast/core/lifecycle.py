"""What happens to a job when a run of it ends, and which changes of state there are. Nothing else decides a state.

`settle` is the heart: from a claimed job, the outcome of its run and the time it makes one `Settlement`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from holdfast.core import outcomes as o
from holdfast.core.errors import HoldfastError
from holdfast.core.job import Claimed, DeadLetter, Ending, Failure, Settlement, lane_of
from holdfast.core.lines import is_ordered
from holdfast.core.policy import Policy
from holdfast.core.retention import Keep
from holdfast.core.retries import DEFAULT as DEFAULT_RETRY
from holdfast.core.retries import delay_of
from holdfast.core.states import Again, JobState, Reason
from holdfast.core.times import from_timedelta, planned, to_datetime

S = JobState

TRANSITIONS: dict[str, tuple[frozenset[JobState], frozenset[JobState]]] = {
    # verb: (states it starts from, states it may lead to)
    "claim": (frozenset({S.PENDING, S.BLOCKED}), frozenset({S.RUNNING})),
    "succeed": (frozenset({S.RUNNING}), frozenset({S.SUCCEEDED})),
    "fail": (frozenset({S.RUNNING}), frozenset({S.PENDING, S.BLOCKED, S.FAILED})),
    "retry later": (frozenset({S.RUNNING}), frozenset({S.PENDING, S.BLOCKED, S.FAILED})),
    "snooze": (frozenset({S.RUNNING}), frozenset({S.PENDING, S.BLOCKED})),
    "reschedule": (frozenset({S.RUNNING}), frozenset({S.PENDING, S.BLOCKED, S.FAILED})),
    "give back": (frozenset({S.RUNNING}), frozenset({S.PENDING, S.BLOCKED})),
    "rescue": (frozenset({S.RUNNING}), frozenset({S.PENDING, S.BLOCKED, S.FAILED})),
    "give up unknown": (frozenset({S.PENDING, S.BLOCKED}), frozenset({S.FAILED})),
    "expire": (frozenset({S.PENDING, S.BLOCKED, S.RUNNING}), frozenset({S.FAILED})),
    "cancel": (frozenset({S.PENDING, S.BLOCKED, S.RUNNING}), frozenset({S.CANCELLED})),
    "retry": (frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED}), frozenset({S.PENDING, S.BLOCKED})),
}
"""Every change of state there is. `delete` ends a job in any state but `RUNNING`."""

DELETABLE = frozenset(S) - {S.RUNNING, S.NOT_FOUND}

_AT_ONCE = {
    o.Panicked: Reason.PANIC,
    o.InvalidArgs: Reason.INVALID_ARGS,
    o.BadResult: Reason.INVALID_RESULT,
}

Describe = Callable[[BaseException], Failure]
"""Makes what is kept of an exception; given from outside, since a traceback is read from source files."""


class ScheduleFailed(HoldfastError):
    """The schedule of a `Reschedule` could not be computed."""


def settle(
    job: Claimed, outcome: o.Outcome, policy: Policy, now: int, *, describe: Describe, jitter: float = 0.0
) -> Settlement:
    """What the outcome of one run changes.

    Args:
        job: the run that ended.
        outcome: what it decided, or what was found of it.
        policy: the job's policy, resolved.
        now: microseconds since 1970.
        describe: makes the kept form of an exception.
        jitter: a random number in [0, 1), used where the retry policy asks for jitter.
    """
    match outcome:
        case o.Succeeded():
            return _end(job, S.SUCCEEDED, None, policy, now, result=outcome.result)
        case o.Retry():
            return _retry(job, outcome, policy, now, jitter, describe)
        case o.Snooze():
            run_at = now + max(0, from_timedelta(outcome.for_))
            return _again(job, policy, now, run_at, why=Again.SNOOZE, attempt=job.attempt - 1)
        case o.Interrupted():
            # A job that was never started keeps its place in the queue.
            run_at = now if outcome.started else job.run_at
            return _again(job, policy, now, run_at, why=Again.GIVEN_BACK, attempt=job.attempt - 1)
        case o.Reschedule():
            return _reschedule(job, outcome, policy, now, describe)
        case o.MoveToDlq():
            failure = _failure(outcome.cause, outcome, describe, message=outcome.reason)
            return _end(job, S.FAILED, Reason.ERROR, policy, now, failure=failure)
        case o.Cancel():
            # What the handler says of it is kept where errors are: people look for it there.
            said = describe(outcome) if outcome.reason else None
            return _end(job, S.CANCELLED, None, policy, now, failure=said)
        case o.Panicked() | o.InvalidArgs() | o.BadResult():
            return _end(job, S.FAILED, _AT_ONCE[type(outcome)], policy, now, failure=describe(outcome.error))
        case o.TimedOut():
            return _raised(job, outcome.error, policy, now, jitter, describe, Reason.TIMEOUT)
        case o.Raised():
            return _raised(job, outcome.error, policy, now, jitter, describe)
        case o.Crashed():
            return _crashed(job, outcome, policy, now, jitter, describe)
        case o.NotKnown():
            message = f"no live worker of queue {job.queue!r} has known the task {job.task!r}"
            failure = Failure("holdfast.UnknownTask", message)
            return _end(job, S.FAILED, Reason.UNKNOWN_TASK, policy, now, failure=failure)
        case o.Expired():
            failure = Failure("holdfast.Expired", str(outcome))
            # It never ran: not charged.
            return _end(job, S.FAILED, Reason.EXPIRED, policy, now, failure=failure, attempt=job.attempt - 1)
        case _:
            raise TypeError(f"{outcome!r} is not an outcome that can be settled")


def _end(
    job: Claimed,
    state: JobState,
    reason: Reason | None,
    policy: Policy,
    now: int,
    *,
    result: str | None = None,
    failure: Failure | None = None,
    crashes: int | None = None,
    attempt: int | None = None,
) -> Settlement:
    return Settlement(
        job=job,
        state=state,
        reason=reason,
        attempt=job.attempt if attempt is None else attempt,
        crashes=job.crashes if crashes is None else crashes,
        at=now,
        result=result,
        failure=failure,
        expires_at=policy.retention.expires_at(state, now),
        ending=ending_of(state, policy.retention, policy.dead_letter if state is S.FAILED else None),
    )


def ending_of(state: JobState, keep: Keep, letter: DeadLetter | None = None) -> Ending | None:
    """What an end in `state` is to do beside being noted; None for most."""
    kept = keep.of(state) != 0
    payload = keep.keeps_payload(state)
    if kept and payload and letter is None:
        return None
    return Ending(kept=kept, payload=payload, dead_letter=letter)


def with_letter_id(settlement: Settlement, new_id: Callable[[], str]) -> Settlement:
    """The same with an id for the job that it makes in a dead-letter queue, if it makes one."""
    end = settlement.ending
    if end is None or end.dead_letter is None:
        return settlement
    letter = msgspec.structs.replace(end.dead_letter, job_id=new_id())
    return msgspec.structs.replace(settlement, ending=msgspec.structs.replace(end, dead_letter=letter))


def _again(
    job: Claimed,
    policy: Policy,
    now: int,
    run_at: int,
    *,
    why: Again = Again.RETRY,
    attempt: int,
    crashes: int | None = None,
    failure: Failure | None = None,
    args: str | None = None,
) -> Settlement:
    crashes = job.crashes if crashes is None else crashes
    return Settlement(
        job=job,
        state=_waiting(job, args),
        attempt=attempt,
        crashes=crashes,
        at=now,
        run_at=run_at,
        lane=lane_of(job.priority, crashes, policy.max_crashes),
        failure=failure,
        args=args,
        again=why,
    )


def _waiting(job: Claimed, args: str | None) -> JobState:
    """Who stood in a line stands in it again; but what limits a job may be another with other arguments."""
    if job.line is None or (args is not None and not is_ordered(job.line)):
        return S.PENDING
    return S.BLOCKED


def _exhausted(job: Claimed, policy: Policy) -> bool:
    return policy.max_attempts is not None and job.attempt >= policy.max_attempts


def _charged(
    job: Claimed,
    policy: Policy,
    now: int,
    jitter: float,
    error: BaseException,
    describe: Describe,
    *,
    last: Reason = Reason.EXHAUSTED,
    crashes: int | None = None,
) -> Settlement:
    """A charged failure: pending again after the policy's delay, or failed when no attempts remain."""
    failure = describe(error)
    if _exhausted(job, policy):
        return _end(job, S.FAILED, last, policy, now, failure=failure, crashes=crashes)
    delay = max(_delay(policy, job.attempt, error, jitter), policy.min_retry_delay)
    return _again(job, policy, now, now + delay, attempt=job.attempt, crashes=crashes, failure=failure)


def _delay(policy: Policy, failures: int, error: BaseException, jitter: float) -> int:
    """Microseconds to the next run. A policy that is a function and fails must not keep the job from being settled."""
    try:
        return from_timedelta(delay_of(policy.retry, failures, error, jitter))
    except HoldfastError:
        return from_timedelta(delay_of(DEFAULT_RETRY, failures, error, jitter))


def _raised(
    job: Claimed,
    error: BaseException,
    policy: Policy,
    now: int,
    jitter: float,
    describe: Describe,
    reason: Reason | None = None,
) -> Settlement:
    """An exception: retried, unless its type says otherwise. A timeout is one as well, with a reason of its own."""
    if isinstance(error, policy.fail_on) or not isinstance(error, policy.retry_on):
        return _end(job, S.FAILED, reason or Reason.ERROR, policy, now, failure=describe(error))
    return _charged(job, policy, now, jitter, error, describe, last=reason or Reason.EXHAUSTED)


def _retry(
    job: Claimed, outcome: o.Retry, policy: Policy, now: int, jitter: float, describe: Describe
) -> Settlement:
    # Not `or`: an exception may have a length, and be false.
    error = outcome.cause if outcome.cause is not None else outcome
    if outcome.after is None:
        return _charged(job, policy, now, jitter, error, describe)
    failure = describe(error)
    if _exhausted(job, policy):
        return _end(job, S.FAILED, Reason.EXHAUSTED, policy, now, failure=failure)
    delay = max(from_timedelta(outcome.after), policy.min_retry_delay, 0)
    return _again(job, policy, now, now + delay, attempt=job.attempt, failure=failure)


def _reschedule(
    job: Claimed, outcome: o.Reschedule, policy: Policy, now: int, describe: Describe
) -> Settlement:
    try:
        due = outcome.by.next_run(to_datetime(now))
        if not isinstance(due, datetime):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"next_run returned {due!r}, not a datetime")
        run_at = planned(due, what="the next run")
    except Exception as error:
        failed = ScheduleFailed(f"{outcome.by!r} gave no next run: {error}")
        failed.__cause__ = error
        return _end(job, S.FAILED, Reason.ERROR, policy, now, failure=describe(failed))
    return _again(
        job, policy, now, max(now, run_at),
        why=Again.RESCHEDULE, attempt=0, crashes=0, args=outcome.encoded_args,
    )  # fmt: skip


def _crashed(
    job: Claimed, outcome: o.Crashed, policy: Policy, now: int, jitter: float, describe: Describe
) -> Settlement:
    crashes = job.crashes + 1
    if crashes >= policy.max_crashes:
        failure = describe(outcome)
        return _end(job, S.FAILED, Reason.CRASHED, policy, now, failure=failure, crashes=crashes)
    return _charged(job, policy, now, jitter, outcome, describe, crashes=crashes)


def _failure(cause: BaseException | None, outcome: o.Outcome, describe: Describe, message: str) -> Failure:
    if cause is None:
        return describe(outcome)
    found = describe(cause)
    return Failure(found.type, f"{message}: {found.message}" if message else found.message, found.traceback)
