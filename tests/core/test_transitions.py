"""Every way a job can go, explored to a small depth: none that the table of transitions doesn't have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import outcomes as o
from holdfast.core.job import Claimed, Settlement, lane_of
from holdfast.core.lifecycle import DELETABLE, TRANSITIONS
from holdfast.core.policy import HOUR, Policy
from holdfast.core.retries import Exponential
from holdfast.core.states import STORED, TERMINAL, JobState, Reason
from tests.core.runs import NOW, OUTCOMES, claimed, decide

S = JobState
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
    o.Expired: "expire",
}
UNCHARGED = (o.Snooze, o.Interrupted, o.Expired)


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
    expected = {r for r in Reason if r is not Reason.UNKNOWN_TASK}
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
    name: str,
    attempt: int,
    crashes: int,
    more: int,
    max_attempts: int | None,
    max_crashes: int,
    least: int,
    jitter: float,
) -> None:
    policy = Policy(
        max_attempts=max_attempts,
        max_crashes=max_crashes,
        min_retry_delay=least,
        retry=Exponential(jitter=0.5),
    )
    job = claimed(attempt, crashes, run=attempt + more)
    s = decide(job, OUTCOMES[name], policy, jitter=jitter)
    assert s.job is job
    assert s.attempt <= attempt
    assert s.crashes <= crashes + 1
    assert (s.state is S.PENDING) == (s.run_at is not None)
    assert s.state is S.PENDING or s.state.terminal
    assert decide(job, OUTCOMES[name], policy, jitter=jitter) == s, (
        "and the same again: nothing was looked at but these"
    )


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
    assert TRANSITIONS["claim"] == ({S.PENDING, S.BLOCKED}, {S.RUNNING})


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
