"""The nearest of job, task, queue and app wins, field by field."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from holdfast.core.job import DeadLetter
from holdfast.core.overrides import Overrides, decode
from holdfast.core.policy import DAY, DEFAULT, HOUR, SECOND, Policy, PolicyLevel, resolve_policy
from holdfast.core.retention import Keep
from holdfast.core.retries import Constant, Exponential, Linear
from holdfast.core.states import TERMINAL, JobState

NOW = 1_800_000_000_000_000
FIELDS: dict[str, list[Any]] = {
    "max_attempts": [None, 1, 7],
    "retry_on": [(ValueError,), ()],
    "fail_on": [(KeyError,), ()],
    "timeout": [None, 0, 5 * SECOND],
    "max_crashes": [1, 4],
    "min_retry_delay": [0, SECOND],
    "retention": [Keep(None, None), Keep(1, 2)],
    "dead_letter": [DeadLetter(queue="dead"), DeadLetter(queue="graves", task="bury")],
}


def test_the_defaults() -> None:
    assert resolve_policy([]) == DEFAULT == Policy()
    assert (DEFAULT.max_attempts, DEFAULT.max_crashes, DEFAULT.timeout, DEFAULT.min_retry_delay) == (
        20,
        3,
        None,
        0,
    )
    assert (DEFAULT.retry_on, DEFAULT.fail_on) == ((Exception,), ())
    assert DEFAULT.retention == Keep(ended=DAY, failed=None)


def test_every_field_of_a_level_is_one_of_the_policy() -> None:
    assert set(PolicyLevel.__struct_fields__) == set(Policy.__struct_fields__) == {*FIELDS, "retry"}


@pytest.mark.parametrize(
    ("field", "value"), [(name, value) for name, values in FIELDS.items() for value in values]
)
def test_the_nearest_level_that_says_something_wins(field: str, value: Any) -> None:
    silent, said = PolicyLevel(), PolicyLevel(**{field: value})
    other = next(one for one in FIELDS[field] if one != value)
    outer = PolicyLevel(**{field: other})
    assert getattr(resolve_policy([silent, said, outer]), field) == value
    assert getattr(resolve_policy([outer, said]), field) == other
    assert getattr(resolve_policy([silent, silent]), field) == getattr(DEFAULT, field)
    assert resolve_policy([said]) == Policy(**{field: value}), "and nothing else changes"


@given(
    st.lists(
        st.fixed_dictionaries({}, optional={name: st.sampled_from(v) for name, v in FIELDS.items()}),
        max_size=4,
    )
)
def test_each_field_is_looked_up_by_itself(levels: list[dict[str, Any]]) -> None:
    found = resolve_policy([PolicyLevel(**level) for level in levels])
    for name in FIELDS:
        expected = next((level[name] for level in levels if name in level), getattr(DEFAULT, name))
        assert getattr(found, name) == expected


def test_a_retry_policy_takes_what_it_leaves_open_from_further_out() -> None:
    task = PolicyLevel(retry=Exponential(factor=3))
    queue = PolicyLevel(retry=Constant(max_delay=timedelta(minutes=1)))
    app = PolicyLevel(retry=Linear(base=timedelta(seconds=5), max_delay=timedelta(hours=9), jitter=0.25))
    assert resolve_policy([task, queue, app]).retry == Exponential(
        base=timedelta(seconds=5), max_delay=timedelta(minutes=1), jitter=0.25, factor=3
    )


def test_a_retry_policy_may_be_a_function() -> None:
    def policy(failures: int, error: BaseException, /) -> timedelta:
        return timedelta(seconds=failures)

    assert resolve_policy([PolicyLevel(), PolicyLevel(retry=policy)]).retry is policy


# --- what a single job decides ---


def test_a_job_without_overrides_takes_the_policy_as_it_is() -> None:
    policy = Policy(max_attempts=7)
    assert policy.with_overrides(None) is policy
    assert policy.with_overrides(Overrides()) == policy


def test_a_job_overrides_attempts_timeout_and_retry() -> None:
    policy = Policy(max_attempts=7, timeout=SECOND, min_retry_delay=3, fail_on=(KeyError,), max_crashes=5)
    assert policy.with_overrides(Overrides(max_attempts=1)).max_attempts == 1
    assert policy.with_overrides(Overrides(max_attempts=None)).max_attempts is None, (
        "None is without limit, not unset"
    )
    assert policy.with_overrides(Overrides(timeout=None)).timeout is None
    changed = policy.with_overrides(Overrides(timeout=2, retry=Constant(base=timedelta(seconds=9))))
    assert (changed.timeout, changed.max_attempts) == (2, 7)
    assert (changed.min_retry_delay, changed.fail_on, changed.max_crashes) == (3, (KeyError,), 5)
    assert changed.retry == Constant(base=timedelta(seconds=9), max_delay=timedelta(hours=1), jitter=0.0)


@pytest.mark.parametrize(
    "overrides",
    [
        Overrides(max_attempts=3),
        Overrides(max_attempts=None, timeout=None),
        Overrides(timeout=5 * SECOND, retry=Linear(base=timedelta(seconds=1), jitter=0.5)),
        Overrides(retry=Exponential(factor=1.5)),
    ],
)
def test_overrides_come_back_as_they_were(overrides: Overrides) -> None:
    assert decode(overrides.encode()) == overrides


def test_no_overrides_take_no_space() -> None:
    assert Overrides().encode() is None
    assert decode(None) is None
    assert Overrides() == Overrides(UNSET, UNSET, UNSET)


def test_overrides_of_a_later_release_are_passed_over() -> None:
    assert decode('{"max_attempts": 4, "colour": "red"}') == Overrides(max_attempts=4)


# --- retention ---


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_how_long_a_job_is_kept(state: JobState) -> None:
    kept = Keep(ended=HOUR, failed=DAY).expires_at(state, NOW)
    assert kept == NOW + (DAY if state is JobState.FAILED else HOUR)
    assert Keep(ended=None, failed=None).expires_at(state, NOW) is None
    assert Keep(ended=0, failed=0).expires_at(state, NOW) == NOW
