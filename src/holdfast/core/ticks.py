"""Which ticks of a schedule are to fire now, and when the next one is due."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from holdfast.core.errors import InvalidOption
from holdfast.core.schedules import Timetable
from holdfast.core.times import SECOND, from_datetime, to_datetime

Missed: TypeAlias = Literal["latest", "all", "none"]
Overlap: TypeAlias = Literal["allow", "skip"]
MISSED: tuple[Missed, ...] = ("latest", "all", "none")
OVERLAP: tuple[Overlap, ...] = ("allow", "skip")

GRACE = 60 * SECOND
"""A tick that is later than this was missed."""
MOST = 500
"""So many ticks are caught up in one transaction."""


class Ticks(NamedTuple):
    """Times in microseconds."""

    fires: list[int]
    next_at: int | None
    """None where nothing more comes."""


def due_ticks(when: Timetable, next_at: int, now: int, missed: str, most: int = MOST) -> Ticks:
    """The ticks to fire of a schedule that is due.

    Args:
        when: its timetable.
        next_at: the tick that is due, no later than now.
        now: the store's time.
        missed: "latest" fires the last of those that have come; "all" fires each, some at a time; "none" fires the
            last one, unless that was a minute ago or longer.
        most: ticks at a time.
    """
    first, today = to_datetime(next_at), to_datetime(now)
    if missed == "all":
        return _all(when, first, today, most)
    last = when.latest(first, today)
    at = from_datetime(last)
    fires = [at] if missed == "latest" or now - at <= GRACE else []
    return Ticks(fires, following(when, at))


def following(when: Timetable, at: int) -> int | None:
    """The tick after a time; None if there is none."""
    try:
        found = from_datetime(when.next_run(to_datetime(at)))
    except InvalidOption:
        return None
    return found if found > at else None


def upcoming(when: Timetable, since: int, now: int) -> int | None:
    """The first tick after now of a timetable that has ticked at `since`."""
    first = following(when, since)
    if first is None or first > now:
        return first
    return following(when, from_datetime(when.latest(to_datetime(first), to_datetime(now))))


def _all(when: Timetable, first: datetime, now: datetime, most: int) -> Ticks:
    fires = [from_datetime(first)]
    end = from_datetime(now)
    while True:
        after = following(when, fires[-1])
        if after is None or after > end or len(fires) >= most:
            return Ticks(fires, after)
        fires.append(after)
