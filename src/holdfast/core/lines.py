"""The lines in which jobs wait that may not simply run: which line a job stands in, and who of a line goes next.

A line is named by a text. Jobs with an ordering key stand in the line of that key, those of a FIFO queue in the line
with the empty name: of these one job at a time has the turn. Jobs that only need slots (`holdfast.core.slots`), or
share a queue fairly, stand side by side in a line of those with the same priority, share and slots. The name of such
a line begins with a sign that no ordering key may hold.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

SIDE_BY_SIDE = "\x1f"
READABLE = 120
"""Longer lists of slots are hashed in the name of a line."""


def line_of(
    ordering_key: str | None, priority: int, share: str | None, limits: Sequence[str] = ()
) -> str | None:
    """The line that a job is to stand in; None for a job that simply runs when it is due.

    Args:
        ordering_key: of the job; empty in a FIFO queue.
        priority: its own.
        share: whose share of its queue it uses up, where that is served fairly.
        limits: the names of the slots that it needs.
    """
    if ordering_key is not None:
        return ordering_key
    if share is None and not limits:
        return None
    needed = encode_limits(limits) or ""
    if len(needed) > READABLE:
        needed = _hash(needed)
    return f"{SIDE_BY_SIDE}{priority}{SIDE_BY_SIDE}{share or ''}{SIDE_BY_SIDE}{needed}"


def is_ordered(line: str) -> bool:
    """True for a line of which one job at a time has the turn, in order."""
    return not line.startswith(SIDE_BY_SIDE)


def ordering_key_of(line: str | None) -> str | None:
    """The ordering key of a job by its line; empty in a FIFO queue."""
    return line if line is not None and is_ordered(line) else None


def share_of(line: str) -> str:
    """Whose share the jobs of a line use up; empty where nobody's."""
    return "" if is_ordered(line) else line.split(SIDE_BY_SIDE, 3)[2]


def in_lane(line: str, lane: int) -> str:
    """The line in which the same job stands in another lane: each has its own, but where a key orders them all."""
    if is_ordered(line):
        return line
    _, _, rest = line[1:].partition(SIDE_BY_SIDE)
    return f"{SIDE_BY_SIDE}{lane}{SIDE_BY_SIDE}{rest}"


def encode_limits(limits: Sequence[str]) -> str | None:
    """The names of slots as they are kept; None for none."""
    return msgspec.json.encode(sorted(set(limits))).decode() if limits else None


def decode_limits(text: str | None) -> tuple[str, ...]:
    """The names of slots, in their order."""
    return () if text is None else msgspec.json.decode(text, type=tuple[str, ...])


class Wanted(msgspec.Struct, gc=False):
    """A line that could go on, in the order in which it is to be served."""

    group: tuple[str, int]
    """Its queue and lane. Groups are served one after the other."""
    limits: tuple[str, ...]
    """What each of its jobs needs."""
    supply: int
    """It has no more jobs than this, as far as is known."""
    weight: int = 1
    """So many jobs it may send before the next of its group."""
    credit: int = 0
    """What is left of that, where it could not send as many at once; 0 begins anew."""
    got: int = 0
    """How many jobs it may send now."""
    short_of: str | None = None
    """The slot that there is not enough of for one more."""


def share_out(lines: Sequence[Wanted], room: dict[str, int], limit: int) -> int:
    """Say how many jobs each line may send: `got`, `credit` and `short_of` are set, `room` is used up.

    Within a group the lines take turns, each with as many jobs as it weighs.

    Args:
        lines: in the order in which they are to be served, those of a group behind each other.
        room: how many more jobs each slot takes.
        limit: at most so many jobs in all.

    Returns:
        How many.
    """
    left = limit
    begin = 0
    while begin < len(lines) and left:
        end = begin + 1
        while end < len(lines) and lines[end].group == lines[begin].group:
            end += 1
        active = list(lines[begin:end])
        while active and left:
            staying: list[Wanted] = []
            for line in active:
                if not left:
                    # It has not had its turn: that it keeps.
                    break
                quantum = line.credit or line.weight
                sent = _sendable(line, room, min(quantum, left))
                left -= sent
                more = line.supply > line.got
                if sent:
                    line.credit = quantum - sent if more else 0
                if more and line.short_of is None:
                    staying.append(line)
            active = staying
        begin = end
    return limit - left


def _sendable(line: Wanted, room: dict[str, int], most: int) -> int:
    sent = min(most, line.supply - line.got)
    for name in line.limits:
        if room[name] < sent:
            sent = max(room[name], 0)
            line.short_of = name
    for name in line.limits:
        room[name] -= sent
        if room[name] <= 0 and line.short_of is None and line.supply > line.got + sent:
            line.short_of = name
    line.got += sent
    return sent


def _hash(text: str) -> str:
    from hashlib import blake2b

    return blake2b(text.encode(), digest_size=16).hexdigest()
