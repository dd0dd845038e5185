"""One reading of the monotonic clock for both: how long a run has taken, and when it began in the store's time."""

from __future__ import annotations

from time import monotonic

from holdfast.core.times import SECOND


class Clock:
    """Turns readings of `time.monotonic` into the store's time."""

    def __init__(self, now: int) -> None:
        self._offset = 0
        self.set(now)

    def set(self, now: int) -> None:
        """Learn what time it is in the store now, in microseconds since 1970."""
        self._offset = now - int(monotonic() * SECOND)

    def at(self, seconds: float) -> int:
        """The store's time at a reading of the monotonic clock."""
        return int(seconds * SECOND) + self._offset

    def now(self) -> int:
        """The store's time."""
        return self.at(monotonic())
