"""Schedules by a timetable: `Cron` and `Every`. They ask no clock: the time always comes in.

Both also serve as `Reschedule(Cron(…))`. What is kept of one in a database is a small JSON object.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.core.cron import SECOND, Clock, Local, as_it_passes, explain, once_each, zone_of
from holdfast.core.errors import InvalidOption
from holdfast.core.times import duration, from_timedelta, to_timedelta

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

SHORTEST = 100_000
"""Microseconds between two fires of `Every`."""


class Timetable(Protocol):
    """What a stored schedule fires by."""

    def next_run(self, now: datetime) -> datetime:
        """The first fire after a time; after a fire, the one that follows it."""
        ...

    def latest(self, first: datetime, now: datetime) -> datetime:
        """The last fire that is not after `now`, where `first` is an earlier one, or the same."""
        ...

    def describe(self) -> str:
        """A sentence for people."""
        ...

    def encode(self) -> str:
        """As JSON text."""
        ...


class Cron:
    """A cron expression on the clock of a time zone.

    Args:
        expr: 5 fields (minute, hour, day of the month, month, day of the week), or 6 with seconds before them, or
            `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
        tz: a time zone, by name or as `ZoneInfo`.

    A local time that a change of the clock skips fires at the first moment after the gap. One that is repeated fires
    once where the hour field names hours (`30 2 * * *`); with every hour (`30 * * * *`) it fires each time that it
    comes, so that an hour lies between two fires.

    Raises:
        InvalidOption: it can't be understood, never fires, or the zone isn't known; says what may stand where.
    """

    __slots__ = ("_clock", "_local", "_zone")

    def __init__(self, expr: str, tz: str | ZoneInfo = "UTC") -> None:
        self._zone = zone_of(tz)
        self._local = Local(expr)
        self._clock = Clock(self._zone)

    @property
    def expr(self) -> str:
        """The expression, in its plain form."""
        return self._local.text

    @property
    def tz(self) -> str:
        """The name of the zone."""
        return self._zone.key

    @property
    def zone(self) -> ZoneInfo:
        """The zone itself."""
        return self._zone

    def next_run(self, now: datetime) -> datetime:
        """The first fire after a time.

        Args:
            now: an aware datetime.

        Returns:
            An aware datetime in the schedule's zone.

        Raises:
            InvalidOption: `now` has no time zone, or there is no further fire before the year 10000.
        """
        return self._next(_aware(now)).astimezone(self._zone)

    def latest(self, first: datetime, now: datetime) -> datetime:
        """The last fire that is not after `now`, where `first` is an earlier one, or the same."""
        low, now = _aware(first), _aware(now)
        high = now
        while high - low > SECOND:
            middle = low + (high - low) // SECOND // 2 * SECOND
            fire = self._next(middle)
            low, high = (fire, high) if fire <= now else (low, middle)
        fire = self._next(low)
        return (fire if fire <= now else low).astimezone(self._zone)

    def preview(self, n: int, after: datetime) -> list[datetime]:
        """The next fires after a time, in the schedule's zone."""
        return _preview(self, n, after)

    def describe(self) -> str:
        """A sentence for people, such as `At 03:00 every day, Europe/Rome`."""
        return f"{explain(self.expr)}, {self.tz}"

    def encode(self) -> str:
        """As JSON text, for `decode`."""
        return json.dumps({"cron": self.expr, "tz": self.tz}, separators=(",", ":"))

    def _next(self, now: datetime) -> datetime:
        try:
            return (as_it_passes if self._local.every_hour else once_each)(self._local, self._clock, now)
        except (OverflowError, ValueError) as error:
            if isinstance(error, InvalidOption):
                raise
            raise InvalidOption(f"{self!r} has no fire after {now} before the year 10000") from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cron) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        return f"Cron({self.expr!r}, tz={self.tz!r})"


class Every:
    """A fixed interval of elapsed time, whatever clocks show.

    Args:
        interval: a timedelta or a number of seconds; a tenth of a second at least.

    Raises:
        InvalidOption: it is shorter, or no duration.
    """

    __slots__ = ("interval",)

    def __init__(self, interval: timedelta | float) -> None:
        if interval is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise InvalidOption("Every(…) must be a timedelta or a number of seconds, not None")
        micros = duration(interval, what="Every(…)", minimum=0)
        if micros < SHORTEST:
            raise InvalidOption(f"Every(…) must be 0.1 seconds or more, not {interval!r}")
        self.interval = to_timedelta(micros)

    def next_run(self, now: datetime) -> datetime:
        """One interval after a time: an aware datetime."""
        _aware(now)
        try:
            return now + self.interval
        except OverflowError:
            raise InvalidOption(f"{self!r} has no fire after {now} before the year 10000") from None

    def latest(self, first: datetime, now: datetime) -> datetime:
        """The last fire that is not after `now`, where `first` is an earlier one, or the same."""
        return first + (_aware(now) - _aware(first)) // self.interval * self.interval

    def preview(self, n: int, after: datetime) -> list[datetime]:
        """The next fires, if the last one was at a time."""
        return _preview(self, n, after)

    def describe(self) -> str:
        """A sentence for people, such as `Every 5 minutes`."""
        rest = from_timedelta(self.interval)
        parts: list[str] = []
        for unit, size in _UNITS:
            count, rest = divmod(rest, size)
            if count:
                parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
        one = len(parts) == 1 and parts[0].startswith("1 ")
        return f"Every {parts[0].removeprefix('1 ') if one else ' '.join(parts)}"

    def encode(self) -> str:
        """As JSON text, for `decode`."""
        return json.dumps({"every": from_timedelta(self.interval)}, separators=(",", ":"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Every) and self.interval == other.interval

    def __hash__(self) -> int:
        return hash(self.interval)

    def __repr__(self) -> str:
        return f"Every({self.interval!r})"


_UNITS = (
    ("day", 86_400_000_000),
    ("hour", 3_600_000_000),
    ("minute", 60_000_000),
    ("second", 1_000_000),
    ("millisecond", 1_000),
    ("microsecond", 1),
)


def decode(text: str) -> Cron | Every:
    """Back from what `encode` made.

    Raises:
        InvalidOption: it is something else, or its time zone isn't known on this machine.
    """
    try:
        stored: Any = json.loads(text)
        if "every" in stored:
            return Every(to_timedelta(stored["every"]))
        return Cron(stored["cron"], stored["tz"])
    except InvalidOption:
        raise
    except (TypeError, ValueError, LookupError) as error:
        raise InvalidOption(f"{text!r} is not a stored schedule of this release") from error


def _preview(when: Cron | Every, n: int, after: datetime) -> list[datetime]:
    fires: list[datetime] = []
    while len(fires) < n:
        after = when.next_run(after)
        fires.append(after)
    return fires


def _aware(moment: Any) -> datetime:
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise InvalidOption(f"a schedule counts from a time with a zone, not from {moment!r}")
    return moment.astimezone(UTC)
