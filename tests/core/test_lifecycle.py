"""The table of outcomes in one place: what each makes of a job, and that nothing else ever happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import outcomes as o
from holdfast.core.errors import InvalidOption
from holdfast.core.job import PRIORITIES, SUSPECT_LANE, Failure, Settlement, is_suspect, lane_of
from holdfast.core.policy import DAY, DEFAULT, HOUR, SECOND, Policy
from holdfast.core.retention import Keep
from holdfast.core.retries import Constant, Exponential, Linear
from holdfast.core.states import JobState, Reason
from tests.core.runs import NOW, OUTCOMES, At, claimed, decide, describe

S = JobState
LATER = NOW + 5 * HOUR


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
    found = [
        delay(decide(claimed(k), o.Raised(ValueError()), Policy(max_attempts=None)))
        for k in (1, 2, 3, 12, 40)
    ]
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
    for outcome in (
        o.Raised(ValueError()),
        o.Retry(),
        o.Retry(timedelta(seconds=1)),
        o.TimedOut(TimeoutError()),
    ):
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


def test_any_schedule_will_do() -> None:
    at = At(datetime(2027, 3, 4, 5, 6, 7, 89, tzinfo=UTC))
    s = decide(claimed(), o.Reschedule(at))
    assert s.run_at == int(at.value.timestamp()) * SECOND + 89
    assert at.asked == [datetime.fromtimestamp(NOW // SECOND, UTC)]


def test_a_schedule_in_the_past_runs_at_once() -> None:
    assert decide(claimed(), o.Reschedule(At(datetime(1999, 1, 1, tzinfo=UTC)))).run_at == NOW


NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001


@pytest.mark.parametrize("bad", [None, 17, "soon", NAIVE, ValueError("no such day"), OverflowError()])
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
    assert (s.state, s.reason, s.attempt, s.crashes) == (S.CANCELLED, None, 2, 1)
    assert s.failure is not None
    assert s.failure.message == "withdrawn"
    assert decide(claimed(2), o.Cancel()).failure is None


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
    policy = Policy(retention=Keep(ended=None, failed=HOUR))
    assert decide(claimed(), o.Succeeded(), policy).expires_at is None
    assert decide(claimed(), o.Fail("x"), policy).expires_at == NOW + HOUR
    assert decide(claimed(20), o.Raised(ValueError()), policy).expires_at == NOW + HOUR
    assert decide(claimed(), o.Retry(), policy).expires_at is None, "it has not ended"
