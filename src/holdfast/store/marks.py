"""Low-water marks: a lower bound on (run time, id) for each lane, under which nothing claimable is known to be left.

PostgreSQL keeps entries of claimed jobs until vacuum may remove them, which an old snapshot forbids for as long as it
is held. A claim that begins at its lane's mark doesn't walk over them. A mark is a guess that may be too high for a
moment: a job committed late, a rolled-back claim, a run time pulled in. News of such a job lowers the mark, and a
look from zero, once in a while, finds what no news told of. Nothing is ever lost by it, only seen a little later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from holdfast.core.job import Claimed
from holdfast.store.records import LaneMark

LAG = 0.2
"""Seconds by which a mark follows the claims: jobs committed later than others by less are not passed over."""


class Position(NamedTuple):
    """A place in a lane's order."""

    run_at: int
    job_id: str


ZERO = Position(0, "00000000-0000-0000-0000-000000000000")


class Floors(msgspec.Struct, frozen=True, gc=False):
    """The same for lines, slots and notes: below these, nothing is known to be left that a claim has to see.

    What a claim finds from a floor on is there. That it finds nothing is told to nobody before a look from the start.
    """

    lanes: Mapping[tuple[str, int], int] = {}
    """Times of lines that may go on, by queue and lane."""
    lines: Mapping[tuple[str, str], Position] = {}
    """Jobs of a line in which they stand side by side, by queue and name."""
    slots: int = 0
    """The time at which lines that wait are to be called."""
    notes: int = 0
    """The number of a note."""
    next_notes: int = 0
    """What that will be when the lag has passed …"""
    seen_notes: int = 0
    """… and after it."""
    turned: int = 0
    """When it last did."""

    def lowered(self, queue: str, lane: int, due: int) -> Floors:
        """There may be a line in this lane that is due from this time on."""
        known = self.lanes.get((queue, lane), 0)
        if due > known:
            return self
        return msgspec.structs.replace(self, lanes={**self.lanes, (queue, lane): due - 1})

    def place(self, queue: str, lane: int) -> LaneMark:
        """The lane of lines, from its floor."""
        return LaneMark(queue, lane, self.lanes.get((queue, lane), 0))


LAG_OF_LINES = 1_000_000
"""Microseconds by which floors follow the claims."""


class Mark:
    """The mark of one lane: where claims begin now, what they will begin at next, and where the last one ended."""

    __slots__ = ("next", "now", "reached", "turned")

    def __init__(self, moment: float) -> None:
        self.now = self.next = self.reached = ZERO
        self.turned = moment

    def turn(self, moment: float) -> None:
        """Move on by one generation when the lag has passed."""
        if moment - self.turned >= LAG:
            self.now, self.next, self.turned = self.next, self.reached, moment

    def lower(self, position: Position) -> None:
        """There may be something from `position` on, which every generation must see."""
        self.now = min(self.now, position)
        self.next = min(self.next, position)
        self.reached = min(self.reached, position)

    def full(self, last: Position) -> None:
        """A claim took a full batch and ended at `last`: what is above was not seen, even if the mark was higher."""
        self.reached = last
        self.now = min(self.now, last)
        self.next = min(self.next, last)

    def emptied(self, last: Position) -> None:
        """A claim saw the lane to its end, and took the job at `last` as its last."""
        self.reached = max(self.reached, last)


class Marks:
    """The marks of all lanes that one claimer visits. Not to be shared by threads without a lock.

    Moments are seconds on a monotonic clock.
    """

    def __init__(self) -> None:
        self._marks: dict[tuple[str, int], Mark] = {}

    def place(self, plan: Sequence[LaneMark], moment: float) -> list[LaneMark]:
        """The same lanes, each from its mark."""
        placed: list[LaneMark] = []
        for lane in plan:
            mark = self._mark(lane.queue, lane.lane, moment)
            mark.turn(moment)
            placed.append(LaneMark(lane.queue, lane.lane, *mark.now))
        return placed

    def all(self) -> list[LaneMark]:
        """Every lane that has a mark, from where it is."""
        return [LaneMark(queue, lane, *mark.now) for (queue, lane), mark in self._marks.items()]

    def reset(self) -> None:
        """Begin at the start of every lane: claims may have passed over what can be taken now."""
        self._marks.clear()

    def lower(self, queue: str, lane: int, run_at: int) -> None:
        """News: a job of this lane may run from `run_at` on."""
        mark = self._marks.get((queue, lane))
        if mark is not None:
            mark.lower(Position(run_at, ZERO.job_id))

    def claimed(self, plan: Sequence[LaneMark], jobs: Sequence[Claimed], limit: int) -> None:
        """A claim from placed lanes has taken these jobs.

        Args:
            plan: as it was given to the claim.
            jobs: none of them a suspect, so that their lane is their priority; in the order of the plan.
            limit: of the claim.
        """
        last: dict[tuple[str, int], Position] = {}
        for job in jobs:
            position = Position(job.run_at, job.job_id)
            key = (job.queue, job.priority)
            last[key] = max(last.get(key, ZERO), position)
        cut = (jobs[-1].queue, jobs[-1].priority) if len(jobs) >= limit else None
        for lane_mark in plan:
            key = (lane_mark.queue, lane_mark.lane)
            mark = self._marks.get(key)
            if mark is not None and key == cut:
                mark.full(last[key])
                return  # the lanes behind it were not visited
            if mark is not None and key in last:
                mark.emptied(last[key])

    def _mark(self, queue: str, lane: int, moment: float) -> Mark:
        mark = self._marks.get((queue, lane))
        if mark is None:
            mark = self._marks[queue, lane] = Mark(moment)
        return mark
