"""The table of outcomes in one place: what each makes of a job, and that nothing else ever happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import outcomes as o
from holdfast.core.errors import InvalidOption
from holdfast.core.job import PRIORITIES, SUSPECT_LANE, Claimed, Failure, Settlement, is_suspect, lane_of
from holdfast.core.lifecycle import DELETABLE, TRANSITIONS, settle
from holdfast.core.policy import DAY, DEFAULT, HOUR, SECOND, Policy, Retention
from holdfast.core.retries import Constant, Exponential, Linear
from holdfast.core.states import STORED, TERMINAL, JobState, Reason

S = JobState
NOW = 1_800_000_000_000_000
LATER = NOW + 5 * HOUR


def claimed(attempt: int = 1, crashes: int = 0, *, run: int | None = None, priority: int = 0, **fields: Any) -> Claimed:
    return Claimed(
        job_id="01920000-0000-7000-8000-000000000001",
        task="mail.send",
        queue="mail",
        priority=priority,
        args="{}",
        meta=None,
        overrides=None,
        run=run if run is not None else attempt,
        attempt=attempt,
        crashes=crashes,
        run_at=fields.pop("run_at", NOW - 90 * SECOND),
        created_at=NOW - HOUR,
        lease="01920000-0000-7000-8000-000000000002",
        **fields,
    )


def describe(error: BaseException) -> Failure:
    return Failure(type(error).__name__, str(error), "traceback")


def decide(job: Claimed, outcome: o.Outcome, policy: Policy = DEFAULT, **options: Any) -> Settlement:
    return settle(job, outcome, policy, NOW, describe=describe, **options)


def delay(settlement: Settlement) -> timedelta:
    assert settlement.state is S.PENDING
    assert settlement.run_at is not None
    return timedelta(microseconds=settlement.run_at - NOW)


# --- success ---


@pytest.mark.parametrize("result", [None, "null", '{"a": 1}'])
def test_a_value_is_success(result: str | None) -> None:
    s = decide(claimed(attempt=3, crashes=1), o.Succeeded(result))
    assert (s.state, s.reason, s.result, s.failure) == (S.SUCCEEDED, None, result, None)
    assert (s.attempt, s.crashes, s.at, s.run_at, s.args) == (3, 1, NOW, None, None)


def test_the_job_is_handed_on_as_it_was() -> None:
    job = claimed(attempt=2)
    s = decide(job, o.Raised(ValueError()))
    assert s.job is job
    assert job == claimed(attempt=2), "and nothing of it was changed"


# --- exceptions ---


def test_an_exception_is_retried_while_attempts_remain() -> None:
    policy = Policy(max_attempts=3, retry=Constant(base=timedelta(seconds=7)))
    for attempt in (1, 2):
        s = decide(claimed(attempt), o.Raised(ValueError("no")), policy)
        assert (s.state, s.attempt, delay(s)) == (S.PENDING, attempt, timedelta(seconds=7))
        assert s.failure == Failure("ValueError", "no", "traceback")
        assert (s.reason, s.expires_at) == (None, None)
    s = decide(claimed(3), o.Raised(ValueError("last")), policy)
    assert (s.state, s.reason, s.attempt, s.run_at) == (S.FAILED, Reason.EXHAUSTED, 3, None)
    assert s.failure == Failure("ValueError", "last", "traceback"), "kept as the last error"


def test_max_attempts_counts_runs_not_retries() -> None:
    assert decide(claimed(1), o.Raised(ValueError()), Policy(max_attempts=1)).reason is Reason.EXHAUSTED
    assert decide(claimed(19), o.Raised(ValueError())).state is S.PENDING
    assert decide(claimed(20), o.Raised(ValueError())).reason is Reason.EXHAUSTED, "20 is the default"
    assert decide(claimed(25), o.Raised(ValueError())).reason is Reason.EXHAUSTED, "also beyond"


def test_without_a_limit_it_is_retried_for_ever() -> None:
    assert decide(claimed(10_000), o.Raised(ValueError()), Policy(max_attempts=None)).state is S.PENDING


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        (Exponential(base=timedelta(seconds=2), max_delay=timedelta(seconds=9), jitter=0.0), [2, 4, 8, 9, 9]),
        (Linear(base=timedelta(seconds=2), max_delay=timedelta(seconds=9), jitter=0.0), [2, 4, 6, 8, 9]),
        (Constant(base=timedelta(seconds=2), max_delay=timedelta(seconds=9), jitter=0.0), [2, 2, 2, 2, 2]),
    ],
)
def test_the_delay_grows_with_the_charged_failures(retry: Any, expected: list[int]) -> None:
    policy = Policy(retry=retry)
    # The run number has nothing to do with it: snoozes count as runs.
    found = [delay(decide(claimed(k, run=10 * k), o.Raised(ValueError()), policy)) for k in range(1, 6)]
    assert found == [timedelta(seconds=seconds) for seconds in expected]


def test_the_default_delay_is_two_seconds_doubled_up_to_an_hour() -> None:
    found = [delay(decide(claimed(k), o.Raised(ValueError()), Policy(max_attempts=None))) for k in (1, 2, 3, 12, 40)]
    assert found == [timedelta(seconds=s) for s in (2, 4, 8, 3600, 3600)]


def test_jitter_shortens_the_delay() -> None:
    policy = Policy(retry=Constant(base=timedelta(seconds=10), jitter=0.5))
    assert delay(decide(claimed(), o.Raised(ValueError()), policy, jitter=0.0)) == timedelta(seconds=10)
    assert delay(decide(claimed(), o.Raised(ValueError()), policy, jitter=0.5)) == timedelta(seconds=7.5)


def test_a_function_as_policy_is_given_failures_and_error() -> None:
    seen: list[tuple[int, BaseException]] = []

    def policy(failures: int, error: BaseException, /) -> timedelta:
        seen.append((failures, error))
        return timedelta(seconds=1)

    error = ValueError()
    assert delay(decide(claimed(4), o.Raised(error), Policy(retry=policy))) == timedelta(seconds=1)
    assert seen == [(4, error)]


@pytest.mark.parametrize("bad", ["raises", "returns a number", "is negative"])
def test_a_function_that_fails_as_policy_leaves_the_default_delay(bad: str) -> None:
    def policy(failures: int, error: BaseException, /) -> timedelta:
        if bad == "raises":
            raise ZeroDivisionError
        return 3 if bad == "returns a number" else timedelta(-1)  # type: ignore[return-value]

    assert delay(decide(claimed(2), o.Raised(ValueError()), Policy(retry=policy))) == timedelta(seconds=4)


def test_the_queues_least_delay_holds_for_every_charged_retry() -> None:
    policy = Policy(min_retry_delay=30 * SECOND)
    for outcome in (o.Raised(ValueError()), o.Retry(), o.Retry(timedelta(seconds=1)), o.TimedOut(TimeoutError())):
        assert delay(decide(claimed(), outcome, policy)) == timedelta(seconds=30)
    assert delay(decide(claimed(10), o.Raised(ValueError()), policy)) > timedelta(seconds=30)
    # What is not charged is not held up.
    assert delay(decide(claimed(), o.Snooze(timedelta(seconds=1)), policy)) == timedelta(seconds=1)


# --- which exceptions ---


class Mine(ValueError):
    pass


def test_fail_on_fails_at_once() -> None:
    policy = Policy(fail_on=(ValueError, KeyError))
    for error in (ValueError(), Mine(), KeyError("x")):
        s = decide(claimed(), o.Raised(error), policy)
        assert (s.state, s.reason, s.attempt) == (S.FAILED, Reason.ERROR, 1)
        assert s.failure is not None
    assert decide(claimed(), o.Raised(OSError()), policy).state is S.PENDING


def test_retry_on_chooses_what_is_retried() -> None:
    policy = Policy(retry_on=(OSError,))
    assert decide(claimed(), o.Raised(ConnectionError()), policy).state is S.PENDING
    assert decide(claimed(), o.Raised(ValueError()), policy).reason is Reason.ERROR


def test_fail_on_wins_over_retry_on() -> None:
    policy = Policy(retry_on=(Exception,), fail_on=(Mine,))
    assert decide(claimed(), o.Raised(Mine()), policy).reason is Reason.ERROR
    assert decide(claimed(), o.Raised(ValueError()), policy).state is S.PENDING


def test_the_strict_mode_retries_only_on_request() -> None:
    policy = Policy(retry_on=(o.Retry,))
    s = decide(claimed(), o.Raised(ValueError()), policy)
    assert (s.state, s.reason) == (S.FAILED, Reason.ERROR)
    assert decide(claimed(), o.Retry(), policy).state is S.PENDING
    assert decide(claimed(), o.Retry(timedelta(seconds=1), cause=ValueError()), policy).state is S.PENDING


# --- timeouts ---


def test_a_timeout_is_retried_and_at_last_a_failure_of_its_own() -> None:
    policy = Policy(max_attempts=2, retry=Constant(base=timedelta(seconds=3)))
    error = TimeoutError("longer than 30 s")
    assert delay(decide(claimed(1), o.TimedOut(error), policy)) == timedelta(seconds=3)
    s = decide(claimed(2), o.TimedOut(error), policy)
    assert (s.state, s.reason) == (S.FAILED, Reason.TIMEOUT)
    assert s.failure == Failure("TimeoutError", "longer than 30 s", "traceback")


# --- crashes ---


def test_a_crash_is_charged_and_counted() -> None:
    s = decide(claimed(2, crashes=0), o.Crashed("w1"))
    assert (s.state, s.attempt, s.crashes, delay(s)) == (S.PENDING, 2, 1, timedelta(seconds=4))
    assert s.failure == Failure("Crashed", "worker w1 died", "traceback")


def test_the_third_crash_is_the_last() -> None:
    assert decide(claimed(2, crashes=1), o.Crashed()).state is S.PENDING
    s = decide(claimed(3, crashes=2), o.Crashed("w"))
    assert (s.state, s.reason, s.attempt, s.crashes) == (S.FAILED, Reason.CRASHED, 3, 3)
    assert s.failure is not None


@pytest.mark.parametrize("max_crashes", [1, 2, 5])
def test_max_crashes_counts_crashes_in_all(max_crashes: int) -> None:
    policy = Policy(max_crashes=max_crashes)
    for crashes in range(max_crashes + 1):
        s = decide(claimed(crashes + 1, crashes), o.Crashed(), policy)
        assert (s.reason is Reason.CRASHED) == (crashes + 1 >= max_crashes)


def test_a_crash_may_use_up_the_attempts() -> None:
    s = decide(claimed(2, crashes=0), o.Crashed(), Policy(max_attempts=2))
    assert (s.state, s.reason, s.crashes) == (S.FAILED, Reason.EXHAUSTED, 1)
    # At both limits at once, the crash says more.
    assert decide(claimed(3, crashes=2), o.Crashed(), Policy(max_attempts=3)).reason is Reason.CRASHED


def test_only_a_crash_counts_as_one() -> None:
    for outcome in OUTCOMES.values():
        if not isinstance(outcome, o.Crashed | o.Reschedule):
            assert decide(claimed(4, crashes=2), outcome).crashes == 2


def test_a_job_that_one_more_crash_would_convict_is_a_suspect() -> None:
    s = decide(claimed(1, crashes=0, priority=7), o.Crashed())
    assert (s.crashes, s.lane) == (1, 7)
    s = decide(claimed(2, crashes=1, priority=7), o.Crashed())
    assert (s.crashes, s.lane) == (2, 7 + SUSPECT_LANE)
    # It stays one whatever happens to it next, and needs no second suspicion.
    for outcome in (o.Retry(), o.Snooze(timedelta(1)), o.Interrupted(), o.Raised(ValueError())):
        assert decide(claimed(3, crashes=2, priority=7), outcome).lane == 7 + SUSPECT_LANE
    # A run that succeeds clears it.
    assert decide(claimed(3, crashes=2, priority=7), o.Reschedule(o.After(timedelta(1)))).lane == 7


def test_no_job_is_a_suspect_before_it_crashed() -> None:
    assert lane_of(5, 0, 1) == 5
    assert lane_of(5, 0, 2) == 5
    assert lane_of(5, 1, 2) == 5 + SUSPECT_LANE
    assert lane_of(5, 1, 3) == 5


@given(st.sampled_from(PRIORITIES), st.integers(0, 10), st.integers(1, 10))
def test_lanes_of_suspects_are_below_all_priorities(priority: int, crashes: int, max_crashes: int) -> None:
    lane = lane_of(priority, crashes, max_crashes)
    assert is_suspect(lane) == (crashes > 0 and crashes + 1 >= max_crashes)
    assert lane == priority or lane < PRIORITIES[0]


# --- panics, bad arguments, bad results, unknown tasks ---


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (o.Panicked(SystemExit(3)), Reason.PANIC),
        (o.InvalidArgs(ValueError("to: expected str")), Reason.INVALID_ARGS),
        (o.BadResult(TypeError("not JSON")), Reason.INVALID_RESULT),
    ],
)
def test_what_fails_at_once_whatever_the_policy(outcome: o.Raised, reason: Reason) -> None:
    for policy in (DEFAULT, Policy(max_attempts=None, retry_on=(BaseException,))):
        s = decide(claimed(), outcome, policy)
        assert (s.state, s.reason, s.failure) == (S.FAILED, reason, describe(outcome.error))


def test_a_task_that_nobody_knows() -> None:
    s = decide(claimed(0, run=0), o.NotKnown())
    assert (s.state, s.reason, s.attempt) == (S.FAILED, Reason.UNKNOWN_TASK, 0)
    assert s.failure is not None
    assert "mail.send" in s.failure.message
    assert "'mail'" in s.failure.message


# --- what handlers ask for ---


def test_retry_after_a_delay_of_its_own() -> None:
    s = decide(claimed(2), o.Retry(timedelta(minutes=3)))
    assert (s.state, s.attempt, delay(s)) == (S.PENDING, 2, timedelta(minutes=3))
    assert s.failure == Failure("Retry", f"retry after {timedelta(minutes=3)}", "traceback")
    assert delay(decide(claimed(), o.Retry(timedelta(days=2)))) == timedelta(days=2), "not cut by max_delay"
    assert delay(decide(claimed(), o.Retry(timedelta(0)))) == timedelta(0)
    assert delay(decide(claimed(), o.Retry(timedelta(-5)))) == timedelta(0)


def test_retry_without_a_delay_takes_the_policys() -> None:
    assert delay(decide(claimed(3), o.Retry())) == timedelta(seconds=8)


class Falsy(Exception):
    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize("cause", [ValueError("bad gateway"), Falsy("empty")])
@pytest.mark.parametrize("after", [None, timedelta(seconds=1)])
def test_retry_keeps_its_cause(cause: Exception, after: timedelta | None) -> None:
    assert decide(claimed(), o.Retry(after, cause=cause)).failure == describe(cause)


@pytest.mark.parametrize("after", [None, timedelta(seconds=1)])
def test_retry_is_charged(after: timedelta | None) -> None:
    s = decide(claimed(20), o.Retry(after, cause=ValueError("x")))
    assert (s.state, s.reason, s.failure) == (S.FAILED, Reason.EXHAUSTED, describe(ValueError("x")))


def test_snooze_is_not_charged() -> None:
    s = decide(claimed(5, run=9), o.Snooze(timedelta(minutes=1)))
    assert (s.state, s.attempt, delay(s), s.failure) == (S.PENDING, 4, timedelta(minutes=1), None)
    assert decide(claimed(20), o.Snooze(timedelta(1))).state is S.PENDING, "also on the last attempt"
    assert delay(decide(claimed(), o.Snooze(timedelta(-1)))) == timedelta(0)


@pytest.mark.parametrize("make", [o.Snooze, o.Retry])
@pytest.mark.parametrize("bad", [5, "1m", timedelta.max])
def test_delays_that_make_no_sense_are_refused_where_they_are_written(make: Any, bad: Any) -> None:
    with pytest.raises(InvalidOption):
        make(bad)


def test_reschedule_is_a_success_that_runs_again() -> None:
    s = decide(claimed(5, crashes=2, priority=3), o.Reschedule(o.After(timedelta(hours=1))))
    assert (s.state, s.attempt, s.crashes, delay(s)) == (S.PENDING, 0, 0, timedelta(hours=1))
    assert (s.failure, s.args, s.lane) == (None, None, 3)


def test_reschedule_with_new_arguments() -> None:
    outcome = o.Reschedule(o.After(timedelta(0)), {"page": 2})
    outcome.encoded_args = '{"page": 2}'
    assert decide(claimed(), outcome).args == '{"page": 2}'


class At:
    def __init__(self, value: Any) -> None:
        self.value = value
        self.asked: list[datetime] = []

    def next_run(self, now: datetime) -> datetime:
        self.asked.append(now)
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value  # type: ignore[no-any-return]


def test_any_schedule_will_do() -> None:
    at = At(datetime(2027, 3, 4, 5, 6, 7, 89, tzinfo=UTC))
    s = decide(claimed(), o.Reschedule(at))
    assert s.run_at == int(at.value.timestamp()) * SECOND + 89
    assert at.asked == [datetime.fromtimestamp(NOW // SECOND, UTC)]


def test_a_schedule_in_the_past_runs_at_once() -> None:
    assert decide(claimed(), o.Reschedule(At(datetime(1999, 1, 1, tzinfo=UTC)))).run_at == NOW


@pytest.mark.parametrize("bad", [None, 17, "soon", datetime(2030, 1, 1), ValueError("no such day"), OverflowError()])
def test_a_schedule_that_cannot_be_computed_goes_to_the_dead_letters(bad: Any) -> None:
    s = decide(claimed(3), o.Reschedule(At(bad)))
    assert (s.state, s.reason, s.attempt) == (S.FAILED, Reason.ERROR, 3)
    assert s.failure is not None
    assert (s.failure.type, "gave no next run" in s.failure.message) == ("ScheduleFailed", True)


@pytest.mark.parametrize("make", [o.MoveToDlq, o.Fail])
def test_what_is_moved_to_the_dead_letters_fails_at_once(make: Any) -> None:
    s = decide(claimed(), make("no such customer"))
    assert (s.state, s.reason) == (S.FAILED, Reason.ERROR)
    assert s.failure == Failure(make.__name__, "no such customer", "traceback")
    s = decide(claimed(), make("no such customer", cause=KeyError("x")))
    assert s.failure == Failure("KeyError", "no such customer: 'x'", "traceback")
    assert decide(claimed(), make("", cause=Falsy("why"))).failure == Failure("Falsy", "why", "traceback")


def test_cancel() -> None:
    s = decide(claimed(2, crashes=1), o.Cancel("withdrawn"))
    assert (s.state, s.reason, s.failure, s.attempt, s.crashes) == (S.CANCELLED, None, None, 2, 1)


def test_what_was_interrupted_is_not_charged() -> None:
    job = claimed(3, run=5, run_at=NOW - 70)
    s = decide(job, o.Interrupted(started=False))
    assert (s.state, s.attempt, s.run_at, s.failure) == (S.PENDING, 2, NOW - 70, None)
    assert decide(job, o.Interrupted(started=True)).run_at == NOW
    assert decide(claimed(1), o.Interrupted()).attempt == 0


def test_what_is_no_outcome_is_refused() -> None:
    with pytest.raises(TypeError, match="not an outcome that can be settled"):
        decide(claimed(), o.Outcome())
    with pytest.raises(TypeError):
        decide(claimed(), ValueError("x"))  # type: ignore[arg-type]


# --- retention ---


def test_ended_jobs_are_kept_for_their_retention() -> None:
    assert decide(claimed(), o.Succeeded()).expires_at == NOW + DAY
    assert decide(claimed(), o.Cancel()).expires_at == NOW + DAY
    assert decide(claimed(), o.Fail("x")).expires_at is None, "failed for ever"
    policy = Policy(retention=Retention(ended=None, failed=HOUR))
    assert decide(claimed(), o.Succeeded(), policy).expires_at is None
    assert decide(claimed(), o.Fail("x"), policy).expires_at == NOW + HOUR
    assert decide(claimed(20), o.Raised(ValueError()), policy).expires_at == NOW + HOUR
    assert decide(claimed(), o.Retry(), policy).expires_at is None, "it has not ended"


# --- every way there is ---

OUTCOMES: dict[str, o.Outcome] = {
    "success": o.Succeeded("1"),
    "exception": o.Raised(ValueError("x")),
    "refused exception": o.Raised(KeyError("x")),
    "timeout": o.TimedOut(TimeoutError()),
    "crash": o.Crashed("w"),
    "panic": o.Panicked(SystemExit(1)),
    "invalid args": o.InvalidArgs(ValueError()),
    "bad result": o.BadResult(ValueError()),
    "retry": o.Retry(),
    "retry after": o.Retry(timedelta(seconds=1)),
    "snooze": o.Snooze(timedelta(seconds=1)),
    "reschedule": o.Reschedule(o.After(timedelta(seconds=1))),
    "broken reschedule": o.Reschedule(At(None)),
    "dead letter": o.MoveToDlq("x"),
    "fail": o.Fail("x"),
    "cancel": o.Cancel(),
    "given back": o.Interrupted(),
    "interrupted": o.Interrupted(started=True),
    "not known": o.NotKnown(),
}
VERB = {
    o.Succeeded: "succeed",
    o.Raised: "fail",
    o.TimedOut: "fail",
    o.Panicked: "fail",
    o.InvalidArgs: "fail",
    o.BadResult: "fail",
    o.MoveToDlq: "fail",
    o.Fail: "fail",
    o.Crashed: "rescue",
    o.Retry: "retry later",
    o.Snooze: "snooze",
    o.Reschedule: "reschedule",
    o.Interrupted: "give back",
    o.Cancel: "cancel",
}
UNCHARGED = (o.Snooze, o.Interrupted)


def outcome_types(base: type[o.Outcome] = o.Outcome) -> Iterator[type[o.Outcome]]:
    for found in base.__subclasses__():
        if found.__module__ == o.__name__:
            yield found
            yield from outcome_types(found)


def test_every_outcome_is_looked_at_here() -> None:
    assert {type(outcome) for outcome in OUTCOMES.values()} == set(outcome_types())


@pytest.mark.parametrize("max_attempts", [1, 2, 3, None])
@pytest.mark.parametrize("max_crashes", [1, 2, 3])
def test_no_run_leads_where_the_table_does_not(max_attempts: int | None, max_crashes: int) -> None:
    """All that can happen to a job in six runs: each claim is followed by each outcome."""
    policy = Policy(max_attempts=max_attempts, max_crashes=max_crashes, fail_on=(KeyError,))
    reached: set[tuple[JobState, Reason | None]] = set()
    seen: set[tuple[int, int, int]] = set()
    waiting = [(0, 0, 0)]
    while waiting:
        run, attempt, crashes = waiting.pop()
        if run == 6 or (run, attempt, crashes) in seen:
            continue
        seen.add((run, attempt, crashes))
        job = claimed(attempt + 1, crashes, run=run + 1)
        for outcome in OUTCOMES.values():
            if isinstance(outcome, o.NotKnown):
                continue
            s = decide(job, outcome, policy)
            check(job, outcome, s, policy)
            reached.add((s.state, s.reason))
            if s.state is S.PENDING:
                waiting.append((job.run, s.attempt, s.crashes))
    assert {state for state, _ in reached} == {S.PENDING, S.SUCCEEDED, S.FAILED, S.CANCELLED}
    expected = {r for r in Reason if r not in (Reason.UNKNOWN_TASK, Reason.EXPIRED)}
    if max_attempts is None:
        expected -= {Reason.EXHAUSTED, Reason.TIMEOUT}
    elif max_attempts < max_crashes:
        expected -= {Reason.CRASHED}  # each crash is an attempt, and they are used up first
    assert {reason for _, reason in reached if reason} == expected


def check(job: Claimed, outcome: o.Outcome, s: Settlement, policy: Policy) -> None:
    """What holds for every settlement there is."""
    before, after = TRANSITIONS[VERB[type(outcome)]]
    assert S.RUNNING in before
    assert s.state in after, f"{outcome!r} leads to {s.state}"
    assert (s.reason is not None) == (s.state is S.FAILED)
    assert (s.failure is not None) or s.state is not S.FAILED
    assert (s.run_at is not None) == (s.state is S.PENDING)
    assert s.result is None or s.state is S.SUCCEEDED
    assert s.attempt in (job.attempt, *((job.attempt - 1,) if isinstance(outcome, UNCHARGED) else (0,)))
    assert 0 <= s.attempt <= (policy.max_attempts or s.attempt)
    assert 0 <= s.crashes <= policy.max_crashes
    if s.state is S.PENDING:
        assert s.run_at is not None
        assert s.run_at >= (job.run_at if isinstance(outcome, o.Interrupted) else NOW)
        assert s.attempt < (policy.max_attempts or s.attempt + 1), "a job without attempts left must not wait"
        assert s.crashes < policy.max_crashes
        assert s.lane == lane_of(job.priority, s.crashes, policy.max_crashes)


@given(
    st.sampled_from(sorted(OUTCOMES)),
    st.integers(1, 40),
    st.integers(0, 5),
    st.integers(0, 30),
    st.one_of(st.none(), st.integers(1, 40)),
    st.integers(1, 6),
    st.integers(0, 2 * HOUR),
    st.floats(0, 1, exclude_max=True),
)
def test_the_same_holds_for_any_numbers(
    name: str, attempt: int, crashes: int, more: int, max_attempts: int | None, max_crashes: int, least: int, jitter: float
) -> None:
    policy = Policy(
        max_attempts=max_attempts, max_crashes=max_crashes, min_retry_delay=least, retry=Exponential(jitter=0.5)
    )
    job = claimed(attempt, crashes, run=attempt + more)
    s = decide(job, OUTCOMES[name], policy, jitter=jitter)
    assert s.job is job
    assert s.attempt <= attempt
    assert s.crashes <= crashes + 1
    assert (s.state is S.PENDING) == (s.run_at is not None)
    assert s.state is S.PENDING or s.state.terminal
    assert decide(job, OUTCOMES[name], policy, jitter=jitter) == s, "and the same again: nothing was looked at but these"


# --- the table of transitions ---


def test_the_table_names_stored_states_alone() -> None:
    for before, after in TRANSITIONS.values():
        assert before | after <= set(STORED)
        assert before
        assert after


def test_an_ended_job_is_left_by_a_retry_alone() -> None:
    leaving = {verb for verb, (before, _) in TRANSITIONS.items() if before & TERMINAL}
    assert leaving == {"retry"}
    assert TRANSITIONS["retry"][0] == TERMINAL


def test_a_job_begins_to_run_by_a_claim_alone() -> None:
    assert {verb for verb, (_, after) in TRANSITIONS.items() if S.RUNNING in after} == {"claim"}
    assert TRANSITIONS["claim"] == ({S.PENDING}, {S.RUNNING})


def test_every_state_can_be_reached_and_left() -> None:
    reached, frontier = {S.PENDING, S.BLOCKED}, True
    while frontier:
        found = {s for before, after in TRANSITIONS.values() if before & reached for s in after} - reached
        reached |= found
        frontier = bool(found)
    assert reached == set(STORED)
    assert {s for before, _ in TRANSITIONS.values() for s in before} == set(STORED)


def test_only_running_jobs_cannot_be_deleted() -> None:
    assert set(STORED) - DELETABLE == {S.RUNNING}
