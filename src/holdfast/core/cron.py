"""Cron expressions on a local clock: which local times they name, and at which moments those come.

The `cronsim` package reads the expression and finds the next matching time on a clock that never changes. What a
change of the clock does to that is decided here, by one rule that doesn't depend on how a field is spelt:

- Where the hour field names hours, each local time that matches comes once: a repeated one at its first pass, a skipped
  one at the first moment after the gap.
- Where it is every hour, time goes on as it passes: what is repeated comes again, what is skipped doesn't come.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from holdfast.core.errors import InvalidOption

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from cronsim import CronSim

SECOND = timedelta(seconds=1)
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
ALLOWED = (
    ("second", "0-59"),
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of the month", "1-31, L (the last), LW (the last weekday)"),
    ("month", "1-12 or JAN-DEC"),
    ("day of the week", "0-7 or SUN-SAT (0 and 7 are Sunday), 5#2 (the second Friday), 5L (the last Friday)"),
)
LONGEST = 200
"""Characters of an expression."""
ANY_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - local time, of no zone


class Local:
    """The times that an expression names, on a clock that never changes."""

    def __init__(self, expression: str) -> None:
        from cronsim import CronSimError

        self.text = read(expression)
        try:
            probe = _simulated(self.text, ANY_DAY)
            next(probe)
        except (CronSimError, StopIteration):
            day, month, weekday = self.text.split(" ")[-3:]
            raise InvalidOption(
                f"cron {expression!r} never fires: no date has day {day}, month {month} and weekday {weekday}; correct "
                "the fields for the day, the month or the weekday"
            ) from None
        self.every_hour = len(probe.hours) == 24

    def after(self, local: datetime) -> datetime:
        """The next one after a local time.

        Raises:
            InvalidOption: there is none before the year 10000.
        """
        try:
            return next(_simulated(self.text, local))
        except (StopIteration, OverflowError, ValueError):
            raise InvalidOption(f"cron {self.text!r} names no time after {local}") from None


class Clock:
    """A local clock: where it jumps, and which moments a time on it means."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def read(self, moment: datetime) -> datetime:
        """What it shows."""
        return moment.astimezone(self._zone).replace(tzinfo=None, fold=0)

    def passes(self, local: datetime) -> tuple[datetime, ...]:
        """The moments at which it shows a time: one; two where it is repeated; none where it is skipped."""
        moments = {local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
        return tuple(sorted(moment for moment in moments if self.read(moment) == local))

    def gap(self, local: datetime) -> datetime:
        """The moment of the jump that skips a time: the first one at which the clock shows a later time."""
        fold0, fold1 = (local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        return self._first(min(fold0, fold1), max(fold0, fold1), lambda moment: self.read(moment) > local)

    def set_back(self, first: datetime, second: datetime) -> datetime:
        """The moment, between the two passes of one time, at which the clock is set back."""
        offset = first.astimezone(self._zone).utcoffset()
        return self._first(first, second, lambda moment: moment.astimezone(self._zone).utcoffset() != offset)

    @staticmethod
    def _first(before: datetime, after: datetime, holds: Callable[[datetime], bool]) -> datetime:
        """The first whole second at which something holds, which it does not before, and does after."""
        while after - before > SECOND:
            middle = before + (after - before) // SECOND // 2 * SECOND
            before, after = (before, middle) if holds(middle) else (middle, after)
        return after


def once_each(local: Local, clock: Clock, now: datetime) -> datetime:
    """The next moment, each local time coming once."""
    at = clock.read(now)
    while True:
        at = local.after(at)
        passes = clock.passes(at)
        moment = passes[0] if passes else clock.gap(at)
        if moment > now:
            return moment


def as_it_passes(local: Local, clock: Clock, now: datetime) -> datetime:
    """The next moment at which the clock shows a time that matches."""
    at = clock.read(now)
    passes = clock.passes(at)
    if len(passes) == 2 and passes[0] <= now < passes[1]:
        # The clock will be set back: what it shows until then, and then again from there.
        back = clock.set_back(*passes)
        first = [moment for moment in clock.passes(local.after(at)) if now < moment < back]
        if first:
            return first[0]
        now, at = back - SECOND, clock.read(back) - SECOND
    while True:
        at = local.after(at)
        coming = [moment for moment in clock.passes(at) if moment > now]
        if coming:
            return coming[0]
        jump = clock.gap(at)
        now, at = jump - SECOND, clock.read(jump) - SECOND


def read(expression: object) -> str:
    """An expression in its plain form: 5 or 6 fields, upper case, one space between.

    Raises:
        InvalidOption: it can't be understood; names the field and what may stand there.
    """
    if not isinstance(expression, str):
        raise InvalidOption(f"a cron expression is text, such as '0 3 * * *', not {expression!r}")
    text = " ".join(expression.split())
    if text.startswith("@"):
        if text.lower() not in MACROS:
            raise InvalidOption(f"cron {expression!r} is not known; there are: {', '.join(MACROS)}")
        return MACROS[text.lower()]
    fields = text.upper().split(" ")
    if len(fields) not in (5, 6) or len(text) > LONGEST:
        raise InvalidOption(
            f"cron {expression[:LONGEST]!r} has {len(fields) if text else 0} fields; it takes 5 (minute, hour, day of "
            "the month, month, day of the week) or 6 (seconds before them)"
        )
    for place, field in enumerate(fields, 6 - len(fields)):
        _check_field(expression, place, field)
    return " ".join(fields)


def zone_of(tz: object) -> ZoneInfo:
    """A time zone by name.

    Raises:
        InvalidOption: it isn't one, or isn't known on this machine.
    """
    from zoneinfo import ZoneInfo

    if tz is UTC:
        tz = "UTC"
    if isinstance(tz, ZoneInfo):
        if tz.key is None:  # pyright: ignore[reportUnnecessaryComparison] - one made from a file has no name
            raise InvalidOption(f"tz={tz!r} has no name to be stored by; give the name of a zone")
        return tz
    if not isinstance(tz, str):
        raise InvalidOption(f"tz must be the name of a time zone, such as 'Europe/Rome', not {tz!r}")
    try:
        return ZoneInfo(tz)
    except (LookupError, ValueError, OSError) as error:
        raise InvalidOption(
            f"time zone {tz!r} is not known on this machine. Names are like 'Europe/Rome'; if this one is right, the "
            "machine has no (recent) time zone data: install the system's tzdata package, or `pip install tzdata`"
        ) from error


def explain(text: str) -> str:
    """An expression in plain English."""
    from cronsim.explain import Expression

    fields = text.split(" ")
    return Expression(fields if len(fields) == 6 else ["0", *fields]).explain()


def _simulated(text: str, local: datetime) -> CronSim:
    from cronsim import CronSim

    return CronSim(text, local)


def _check_field(expression: str, place: int, field: str) -> None:
    from cronsim.cronsim import CronSimError, Field

    try:
        Field(place).parse(field)
    except (CronSimError, ValueError, AssertionError):
        name, allowed = ALLOWED[place]
        raise InvalidOption(
            f"cron {expression!r}: {field!r} can't be the {name}; it takes {allowed}, *, a list 1,2, a range 1-5 and a "
            "step */2"
        ) from None
