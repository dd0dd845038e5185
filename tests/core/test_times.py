"""Times and durations as whole microseconds: exact both ways, and refused where they make no sense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidOption
from holdfast.core.times import (
    MAX_DURATION,
    MAX_TIME,
    MIN_TIME,
    duration,
    from_datetime,
    from_timedelta,
    to_datetime,
    to_timedelta,
)


def offsets() -> st.SearchStrategy[timezone]:
    return st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=offsets()))  # noqa: DTZ001
def test_a_datetime_survives_to_the_microsecond(moment: datetime) -> None:
    again = to_datetime(from_datetime(moment))
    assert again == moment
    assert again.tzinfo is UTC


@given(st.integers(MIN_TIME, MAX_TIME))
def test_microseconds_survive_as_a_datetime(micros: int) -> None:
    assert from_datetime(to_datetime(micros)) == micros


def test_known_times() -> None:
    assert from_datetime(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert from_datetime(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1
    assert from_datetime(datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=UTC)) == 1_709_208_000_000_001


def test_the_hour_that_happens_twice_is_told_apart_by_fold() -> None:
    rome = ZoneInfo("Europe/Rome")
    first = datetime(2024, 10, 27, 2, 30, tzinfo=rome)
    assert from_datetime(first.replace(fold=1)) - from_datetime(first) == 3_600_000_000


def test_a_naive_datetime_is_refused_with_advice() -> None:
    with pytest.raises(InvalidOption, match=r"run_at .* has no time zone.*ZoneInfo"):
        from_datetime(datetime(2024, 1, 1), what="run_at")  # noqa: DTZ001


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-1))),
    ],
)
def test_an_offset_may_not_carry_a_time_out_of_range(moment: datetime) -> None:
    with pytest.raises(InvalidOption, match="years 1 to 9999"):
        from_datetime(moment)


@pytest.mark.parametrize("micros", [MIN_TIME - 1, MAX_TIME + 1, 2**63, -(2**80)])
def test_microseconds_out_of_range_are_refused(micros: int) -> None:
    with pytest.raises(InvalidOption, match="years 1 to 9999"):
        to_datetime(micros)


def test_the_limits_are_those_of_datetime() -> None:
    assert to_datetime(MIN_TIME) == datetime.min.replace(tzinfo=UTC)
    assert to_datetime(MAX_TIME) == datetime.max.replace(tzinfo=UTC)
    assert -(2**63) < MIN_TIME < MAX_TIME < 2**63


def test_what_is_no_datetime_is_refused() -> None:
    with pytest.raises(InvalidOption, match="must be a datetime, not 5"):
        from_datetime(5)  # type: ignore[arg-type]


@given(st.timedeltas(timedelta(days=-73_050), timedelta(days=73_050)))
def test_a_timedelta_survives(value: timedelta) -> None:
    assert to_timedelta(from_timedelta(value)) == value


@pytest.mark.parametrize("value", [timedelta.max, timedelta.min, timedelta(microseconds=MAX_DURATION + 1)])
def test_a_duration_of_over_a_thousand_years_is_refused(value: timedelta) -> None:
    with pytest.raises(InvalidOption, match="longer than 200 years"):
        from_timedelta(value)
    with pytest.raises(InvalidOption, match=r"the delay .* longer than 200 years"):
        duration(value, what="the delay")


def test_now_plus_the_longest_duration_is_a_time() -> None:
    assert to_datetime(from_datetime(datetime(2500, 1, 1, tzinfo=UTC)) + MAX_DURATION).year == 2700


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        (0, 0),
        (3, 3_000_000),
        (0.1, 100_000),
        (1e-6, 1),
        (4e-7, 0),
        (6e-7, 1),
        (4_000_000_000.000001, 4_000_000_000_000_001),
        (timedelta(seconds=1.5), 1_500_000),
    ],
)
def test_durations(value: float, micros: int) -> None:
    assert duration(value) == micros


@given(st.integers(0, 10**9))
def test_whole_seconds_are_exact(seconds: int) -> None:
    assert duration(seconds) == duration(float(seconds)) == duration(timedelta(seconds=seconds))


@given(st.floats(0, 1e9))
def test_float_seconds_are_off_by_half_a_microsecond_at_most(seconds: float) -> None:
    numerator, denominator = seconds.as_integer_ratio()
    assert abs(2 * (duration(seconds) * denominator - numerator * 1_000_000)) <= denominator


def test_no_duration_stays_none() -> None:
    assert duration(None) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(InvalidOption, match="timeout must be a finite number of seconds"):
        duration(value, what="timeout")


@pytest.mark.parametrize("value", [True, "5", [1]])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(InvalidOption, match="must be a timedelta or a number of seconds"):
        duration(value)  # type: ignore[call-overload]


def test_the_minimum_is_told_in_words() -> None:
    with pytest.raises(InvalidOption, match="delay must be zero or more, not -1"):
        duration(-1, what="delay")
    with pytest.raises(InvalidOption, match="timeout must be positive, not 0"):
        duration(0, what="timeout", minimum=1)
    assert duration(0) == 0
    assert duration(1e-6, minimum=1) == 1
