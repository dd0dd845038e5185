"""Times and durations inside Holdfast: whole microseconds, counted from 1970 in UTC, so that both stores keep
the same number and no step of the way rounds.

The range of a time is that of `datetime`, years 1 to 9999. A duration is at most 200 years, so that now plus a duration
is still a time that every store keeps to the microsecond.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

from holdfast.core.errors import InvalidOption

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
DAY = 86_400 * SECOND
MIN_TIME = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
MAX_TIME = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
MAX_DURATION = 73_050 * DAY
"""200 years."""
LATEST = (datetime(2250, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
"""The end of the times at which something may be planned: floating point, in which a database may compute, knows no
microseconds some years later."""


def from_datetime(value: datetime, *, what: str = "the time") -> int:
    """Microseconds since 1970 in UTC of an aware datetime.

    Args:
        value: any aware datetime; one that a change to winter time repeats is told apart by its `fold`.
        what: how an error calls it.

    Raises:
        InvalidOption: it is naive, or outside of the years 1 to 9999 in UTC.
    """
    if not isinstance(value, datetime):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"{what} must be a datetime, not {value!r}")
    if value.utcoffset() is None:
        raise InvalidOption(
            f"{what} {value!r} has no time zone, so it could mean any of 38 hours; "
            "add one, such as datetime.now(timezone.utc) or .replace(tzinfo=ZoneInfo(...))"
        )
    micros = _micros(value - EPOCH)
    # An offset can carry a datetime of year 1 or 9999 over the edge.
    if not MIN_TIME <= micros <= MAX_TIME:
        raise InvalidOption(f"{what} {value!r} is outside of the years 1 to 9999 in UTC")
    return micros


def planned(value: datetime, *, what: str = "the time") -> int:
    """The same, for when something is to happen.

    Raises:
        InvalidOption: also for a time after the year 2249.
    """
    micros = from_datetime(value, what=what)
    if micros >= LATEST:
        raise InvalidOption(f"{what} {value!r} is too far away: the year 2250 or later")
    return micros


def to_datetime(micros: int) -> datetime:
    """The aware datetime, in UTC, of microseconds since 1970.

    Raises:
        InvalidOption: outside of the years 1 to 9999.
    """
    if not MIN_TIME <= micros <= MAX_TIME:
        raise InvalidOption(f"{micros} microseconds since 1970 are outside of the years 1 to 9999")
    # Not fromtimestamp: that one takes a float.
    return EPOCH + timedelta(microseconds=micros)


def from_timedelta(value: timedelta, *, what: str = "the duration") -> int:
    """The microseconds of a timedelta, exactly; negative ones too.

    Raises:
        InvalidOption: it is longer than 200 years.
    """
    if not isinstance(value, timedelta):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"{what} must be a timedelta, not {value!r}")
    return _in_range(_micros(value), value, what)


def to_timedelta(micros: int) -> timedelta:
    """The timedelta of a number of microseconds.

    Raises:
        InvalidOption: it is longer than 200 years.
    """
    return timedelta(microseconds=_in_range(micros, micros, "the duration"))


@overload
def duration(value: timedelta | float, *, what: str = ..., minimum: int = ...) -> int: ...
@overload
def duration(value: None, *, what: str = ..., minimum: int = ...) -> None: ...
@overload
def duration(value: timedelta | float | None, *, what: str = ..., minimum: int = ...) -> int | None: ...
def duration(value: timedelta | float | None, *, what: str = "the duration", minimum: int = 0) -> int | None:
    """The microseconds of what a caller gave as a duration; None stays None.

    Args:
        value: a timedelta, or a number of seconds. A fraction of a microsecond is rounded to the nearest.
        what: how an error calls it.
        minimum: the least that makes sense, in microseconds: 0 refuses what is negative, 1 also zero.

    Raises:
        InvalidOption: not a duration, below the minimum or longer than 200 years.
    """
    if value is None:
        return None
    if isinstance(value, timedelta):
        micros = _micros(value)
    elif isinstance(value, bool) or not isinstance(value, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"{what} must be a timedelta or a number of seconds, not {value!r}")
    else:
        micros = _micros_of_seconds(value, what)
    _in_range(micros, value, what)
    if micros < minimum:
        wanted = "positive" if minimum == 1 else "zero or more" if minimum == 0 else f"{minimum} µs or more"
        raise InvalidOption(f"{what} must be {wanted}, not {value!r}")
    return micros


def _micros(value: timedelta) -> int:
    # The three integers of a timedelta: total_seconds() would go through a float.
    return value.days * DAY + value.seconds * SECOND + value.microseconds


def _micros_of_seconds(seconds: float, what: str) -> int:
    try:
        numerator, denominator = seconds.as_integer_ratio()
    except (OverflowError, ValueError):
        raise InvalidOption(f"{what} must be a finite number of seconds, not {seconds!r}") from None
    return (2 * numerator * SECOND + denominator) // (2 * denominator)


def _in_range(micros: int, value: object, what: str) -> int:
    if not -MAX_DURATION <= micros <= MAX_DURATION:
        raise InvalidOption(f"{what} {value!r} is longer than 200 years")
    return micros
