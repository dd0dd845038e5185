"""Which other workers are dead. Pure: it is told what was seen, and when."""

from __future__ import annotations

from collections.abc import Sequence

Beat = tuple[str, int]
"""A worker's id and its beat counter."""


class Liveness:
    """What one observer knows of the others.

    A worker is dead when its beat counter stood still for the lease time on the observer's own clock, counting only
    time in which the observer itself could reach the store: neither an outage of the database nor a clock that steps
    kills the living.

    Args:
        own: the observer's id.
        lease: seconds of silence after which a worker is dead.
        longest: between two looks at most so many seconds count, however long the observer was stopped.
    """

    def __init__(self, own: str, lease: float, longest: float) -> None:
        self._own = own
        self._lease = lease
        self._longest = longest
        self._reachable = 0.0
        """Seconds in which the store could be reached, so far."""
        self._looked_at: float | None = None
        """When the last look succeeded, if none has failed since."""
        self._seen: dict[str, tuple[int, float]] = {}
        """Of each worker the counter, and the reachable time when it was first seen at that."""

    def failed(self) -> None:
        """A look at the beats failed."""
        self._looked_at = None

    def look(self, beats: Sequence[Beat], now: float) -> list[Beat]:
        """Take in all beats, at a time of the monotonic clock; returns the dead with the beat they stand at."""
        if self._looked_at is not None:
            self._reachable += min(now - self._looked_at, self._longest)
        self._looked_at = now
        before, self._seen = self._seen, {}
        dead: list[Beat] = []
        for worker, beat in beats:
            if worker == self._own:
                continue
            known = before.get(worker)
            seen = known if known is not None and known[0] == beat else (beat, self._reachable)
            self._seen[worker] = seen
            if self._reachable - seen[1] >= self._lease:
                dead.append((worker, beat))
        return dead

    def others(self) -> list[Beat]:
        """All seen at the last look, but the observer itself."""
        return [(worker, beat) for worker, (beat, _) in self._seen.items()]
