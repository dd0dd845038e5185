"""Retry delays: the formulas, what is taken from which level, and what is kept with a job."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidOption
from holdfast.core.retries import (
    DEFAULT,
    Backoff,
    Constant,
    Exponential,
    Linear,
    RetryPolicy,
    delay_of,
    from_json,
    resolve,
    to_json,
)

ERROR = ValueError("boo")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

bases = st.timedeltas(timedelta(microseconds=1), timedelta(days=3))
caps = st.timedeltas(timedelta(days=3), timedelta(days=300))


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


def delays(policy: RetryPolicy, count: int) -> list[float]:
    return [delay_of(policy, k, ERROR).total_seconds() for k in range(1, count + 1)]


def test_the_default_doubles_from_two_seconds_to_an_hour() -> None:
    assert delays(DEFAULT, 12) == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600]
    assert delays(resolve(), 3) == delays(resolve(None, None), 3) == [2, 4, 8]


def test_the_three_kinds() -> None:
    assert delays(Constant(seconds(10)), 3) == [10, 10, 10]
    assert delays(Linear(seconds(10)), 3) == [10, 20, 30]
    assert delays(Exponential(seconds(10), factor=3), 4) == [10, 30, 90, 270]
    assert delays(Linear(seconds(10), seconds(25)), 4) == [10, 20, 25, 25]


@given(bases, caps, st.integers(1, 400), st.integers(1, 9))
def test_the_formulas_hold_exactly(base: timedelta, cap: timedelta, k: int, factor: int) -> None:
    micro = timedelta(microseconds=1)
    exact = {
        Constant(base, cap): base // micro,
        Linear(base, cap): base // micro * k,
        Exponential(base, cap, factor=factor): base // micro * factor ** (k - 1),
    }
    for policy, micros in exact.items():
        assert delay_of(policy, k, ERROR) == min(cap, timedelta(microseconds=min(micros, cap // micro)))


@given(bases, caps, st.integers(1, 40), st.floats(1, 4))
def test_a_broken_factor_is_off_by_float_rounding_only(
    base: timedelta, cap: timedelta, k: int, factor: float
) -> None:
    exact = min(
        Fraction(cap // timedelta(microseconds=1)),
        base // timedelta(microseconds=1) * Fraction(factor) ** (k - 1),
    )
    got = delay_of(Exponential(base, cap, factor=factor), k, ERROR) // timedelta(microseconds=1)
    assert abs(got - exact) <= 1 + exact * Fraction(1, 10**12)


@pytest.mark.parametrize("k", [1024, 10**6, 10**18, 10**400])
def test_any_number_of_failures_stays_at_the_cap(k: int) -> None:
    assert delay_of(Exponential(seconds(1), DAY, factor=10), k, ERROR) == DAY
    assert delay_of(Linear(seconds(1), DAY), max(k, 10**6), ERROR) == DAY
    assert delay_of(Exponential(seconds(1), DAY, factor=1), k, ERROR) == seconds(1)


@given(bases, caps, st.floats(0, 1), st.integers(1, 60), st.floats(0, 1, exclude_max=True))
def test_jitter_only_shortens_and_by_no_more_than_its_part(
    base: timedelta, cap: timedelta, jitter: float, k: int, random: float
) -> None:
    full = delay_of(Exponential(base, cap), k, ERROR)
    some = delay_of(Exponential(base, cap, jitter), k, ERROR, random)
    assert full * (1 - jitter) - timedelta(microseconds=1) <= some <= full
    assert delay_of(Exponential(base, cap, jitter), k, ERROR, 0.0) == full


def test_jitter_spreads_what_has_reached_the_cap() -> None:
    policy = Exponential(seconds(1), seconds(100), jitter=0.5)
    assert {delay_of(policy, 50, ERROR, r / 10).total_seconds() for r in range(10)} == {
        100 - 5 * r for r in range(10)
    }


def test_the_nearest_level_decides_the_kind_and_each_field_comes_from_the_nearest_that_has_it() -> None:
    job = Linear(jitter=0.5)
    task = Constant(seconds(7))
    app = Exponential(max_delay=seconds(20), factor=9)
    assert resolve(job, None, task, app) == Linear(seconds(7), seconds(20), 0.5)
    assert resolve(Exponential(), task, app) == Exponential(seconds(7), seconds(20), 0.0, factor=9)
    assert resolve(Exponential(), task) == Exponential(seconds(7), HOUR, 0.0, factor=2)


def test_a_function_decides_all_and_lends_nothing() -> None:
    def policy(failures: int, error: BaseException) -> timedelta:
        return seconds(failures * 100) if error is ERROR else DAY

    assert resolve(policy, Linear(seconds(1))) is policy
    assert delays(policy, 3) == [100, 200, 300]
    assert delay_of(policy, 1, KeyError()) == DAY
    assert resolve(Linear(), policy, Constant(seconds(5))) == Linear(seconds(5), HOUR, 0.0)


def test_a_function_may_build_on_a_policy() -> None:
    # The first delay a step later, as in the system that is named in the documentation.
    assert delays(lambda k, e: Exponential(seconds(3), factor=3)(k + 1, e), 3) == [9, 27, 81]


def test_the_built_in_cap_does_not_cut_what_somebody_asked_for_but_a_named_cap_does() -> None:
    assert delays(Constant(2 * HOUR), 1) == [7200]
    assert resolve(Constant(2 * HOUR), DEFAULT) == Constant(2 * HOUR, 2 * HOUR, 0.0)
    assert delays(resolve(Constant(2 * HOUR), Linear(max_delay=HOUR)), 1) == [3600]
    assert delays(resolve(Constant(), Linear(2 * HOUR), Linear(max_delay=HOUR)), 1) == [3600]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(seconds(0)), "base of Constant must be positive"),
        (lambda: Linear(seconds(-1)), "base of Linear must be positive"),
        (lambda: Linear(max_delay=seconds(0)), "max_delay of Linear must be positive"),
        (lambda: Exponential(timedelta.max), "base of Exponential .* longer than 200 years"),
        (lambda: Constant(5j), "base of Constant must be a timedelta"),
        (lambda: Constant(5), "base of Constant must be a timedelta"),
        (lambda: Exponential(seconds(9), seconds(8)), "max_delay 0:00:08 is shorter than base 0:00:09"),
        (lambda: Exponential(factor=0.5), "factor of Exponential must be a number of 1 or more, not 0.5"),
        (lambda: Exponential(factor=math.inf), "factor of Exponential"),
        (lambda: Exponential(factor=math.nan), "factor of Exponential"),
        (lambda: Exponential(factor="2"), "factor of Exponential"),
        (lambda: Constant(jitter=-0.1), "jitter of Constant must be between 0 and 1"),
        (lambda: Constant(jitter=1.1), "jitter of Constant"),
        (lambda: Constant(jitter=math.nan), "jitter of Constant"),
        (lambda: Constant(jitter=True), "jitter of Constant"),
        (lambda: DEFAULT.delay(0), "at least one failure"),
        (lambda: DEFAULT.delay(1, random=1.0), r"must be in \[0, 1\)"),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        make()  # type: ignore[operator]


def broken(failures: int, error: BaseException) -> timedelta:
    raise KeyError("gone")


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (lambda k, e: 5, "must be a timedelta, not 5"),
        (lambda k, e: None, "must be a timedelta, not None"),
        (lambda k, e: seconds(-1), "must be zero or more"),
        (lambda k, e: timedelta.max, "longer than 200 years"),
        (broken, "the retry policy broken raised KeyError: 'gone'"),
    ],
)
def test_what_a_function_does_wrong_is_one_error_that_names_it(policy: RetryPolicy, message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        delay_of(policy, 1, ERROR)


policies: st.SearchStrategy[Backoff] = st.one_of(
    st.builds(kind, st.none() | bases, st.none() | caps, st.none() | st.floats(0, 1))
    for kind in (Constant, Linear)
) | st.builds(
    Exponential,
    st.none() | bases,
    st.none() | caps,
    st.none() | st.floats(0, 1),
    st.none() | st.floats(1, 100),
)


@given(policies)
def test_a_policy_survives_being_kept_with_a_job(policy: Backoff) -> None:
    again = from_json(json.loads(json.dumps(to_json(policy))))
    assert again == policy
    assert type(again) is type(policy)


def test_the_kept_form_is_readable_and_holds_only_what_was_said() -> None:
    assert to_json(Exponential(seconds(2), jitter=0.1)) == {
        "kind": "exponential",
        "base": 2_000_000,
        "jitter": 0.1,
    }


def test_a_function_cannot_be_kept() -> None:
    with pytest.raises(InvalidOption, match=r"broken is a function .* set it on the task"):
        to_json(broken)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({}, "its kind is none of constant, linear, exponential"),
        ({"kind": "cubic"}, "its kind is none of"),
        ({"kind": "linear", "factor": 2}, "unknown field 'factor'"),
        ({"kind": "linear", "base": 1.5}, "base of a stored retry policy is no whole number"),
        ({"kind": "linear", "base": -1}, "base of Linear must be positive"),
        ({"kind": "linear", "jitter": "a"}, "jitter of Linear"),
    ],
)
def test_a_damaged_stored_policy_is_refused(stored: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        from_json(stored)


def test_policies_are_values() -> None:
    assert Constant(seconds(1)) == Constant(seconds(1)) != Linear(seconds(1))
    assert len({Constant(seconds(1)), Constant(seconds(1))}) == 1
    with pytest.raises(AttributeError):
        DEFAULT.base = seconds(1)  # type: ignore[misc]
