"""A store's clock that can be moved forward. The time of the process stays what it is."""

from __future__ import annotations

import math
from datetime import timedelta

from holdfast.client import clock
from holdfast.core.errors import InvalidOption
from holdfast.core.times import MAX_TIME, from_timedelta, to_datetime

END = "the calendar ends with the year 9999"


class TravelClock:
    """The host's clock, and as much as it was moved forward. It goes on from there."""

    def __init__(self) -> None:
        self._ahead = 0

    def __call__(self) -> int:
        """Microseconds since 1970."""
        return clock.now() + self._ahead

    def forward(self, micros: int) -> None:
        """Move it.

        Raises:
            InvalidOption: backwards, or beyond the year 9999.
        """
        now = self()
        if micros < 0:
            raise InvalidOption(
                "time only moves forward, since what has happened can't be undone; begin another app.testing() to go "
                f"back behind {to_datetime(now)}"
            )
        if now + micros > MAX_TIME:
            raise InvalidOption(END)
        self._ahead += micros


def way(by: object, **parts: object) -> int:
    """How far to travel, in microseconds.

    Args:
        by: a timedelta.
        parts: days, hours, minutes and seconds besides.

    Raises:
        InvalidOption: one of them is no finite number, or all together are too much.
    """
    if not isinstance(by, timedelta):
        raise InvalidOption(f"travel takes a timedelta, or days=, hours=, minutes= and seconds=, not {by!r}")
    numbers: dict[str, float] = {}
    for name, value in parts.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value):
            raise InvalidOption(f"{name}= of travel must be a finite number, not {value!r}")
        numbers[name] = value
    try:
        by += timedelta(**numbers)
    except OverflowError:
        said = ", ".join(f"{name}={value}" for name, value in numbers.items() if value)
        raise InvalidOption(f"travel can't go as far as {said}: {END}") from None
    return from_timedelta(by, what="the way")


def _finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)
