"""How many jobs to claim: the free slots, and what recent moments say will be finished soon."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import NamedTuple

from holdfast.worker.executor import Executor

HORIZON = 0.02
"""Seconds: as much as is finished in that time is claimed ahead."""
LONGEST_HORIZON = 0.2
MEMORY = 0.05
"""Seconds over which the rate is averaged."""
AHEAD = 2000
"""At most so many of a kind are claimed ahead."""
BATCH = 500
"""At most so many are claimed at once: larger ones gain nothing, and what a lease holds is lost with its worker."""
RARE = 0.02
"""A kind that makes up less of what was claimed lately doesn't narrow the claims."""


class Ask(NamedTuple):
    """What to claim: at most `limit` jobs of tasks of these kinds."""

    limit: int
    kinds: tuple[str, ...]
    all_kinds: bool


class Flow:
    """One executor's pace."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.rate = 0.0
        """Jobs a second."""
        self.share = 0.0
        """Of what was claimed lately."""
        self._finished = executor.finished
        self._at = 0.0

    def measure(self, now: float) -> None:
        passed = now - self._at
        if passed < HORIZON / 4:
            return
        finished = self.executor.finished
        weight = 1 - exp(-passed / MEMORY)
        self.rate += weight * ((finished - self._finished) / passed - self.rate)
        self._finished, self._at = finished, now

    def room(self, horizon: float) -> int:
        """How many to claim; 0 until that is worth a claim."""
        ahead = min(AHEAD, int(self.rate * horizon))
        room = self.executor.slots + ahead - self.executor.load()
        return room if room >= max(1, ahead // 2) else 0

    def call_when_low(self, horizon: float) -> None:
        """Have the executor ring once `room` will no longer be 0."""
        ahead = min(AHEAD, int(self.rate * horizon))
        self.executor.low = self.executor.slots + ahead - max(1, ahead // 2)


class Capacity:
    """What a worker's executors can take together.

    One claim may bring jobs of all kinds, and which ones shows only then. So it asks for as many as fit if the mix
    stays what it was, and leaves out the kinds that have no room.
    """

    def __init__(self, executors: Sequence[Executor]) -> None:
        self._flows = [Flow(executor) for executor in executors]
        self._horizon = HORIZON
        self._kinds = tuple(executor.kind for executor in executors)

    def ask(self, now: float) -> Ask | None:
        """What to claim at a time of the monotonic clock; None when nothing has room."""
        limit = 0
        narrowest = float(BATCH)
        kinds: list[str] = []
        for flow in self._flows:
            flow.measure(now)
            room = flow.room(self._horizon)
            if not room:
                continue
            kinds.append(flow.executor.kind)
            limit += room
            if flow.share > RARE:
                narrowest = min(narrowest, room / flow.share)
        if not kinds:
            return None
        return Ask(max(1, min(limit, int(narrowest))), tuple(kinds), len(kinds) == len(self._kinds))

    def call_when_low(self) -> None:
        """Have every executor ring when it has room again."""
        for flow in self._flows:
            flow.call_when_low(self._horizon)

    def claimed(self, counts: dict[str, int], seconds: float) -> None:
        """Learn from a claim: how many came of each kind, and how long it took."""
        total = sum(counts.values())
        if not total:
            return
        weight = min(1.0, total / BATCH + 0.1)
        for flow in self._flows:
            flow.share += weight * (counts.get(flow.executor.kind, 0) / total - flow.share)
        # Behind a slow line, what finishes while a claim is under way must have been claimed before.
        wanted = min(LONGEST_HORIZON, max(HORIZON, 2 * seconds))
        self._horizon += 0.2 * (wanted - self._horizon)
