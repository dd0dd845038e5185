"""The end of runs that are carried by threads: a timeout that is over, a run that goes on after it was told to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

from holdfast.worker.part import Part
from holdfast.worker.runs import Will

if TYPE_CHECKING:
    from holdfast.worker.threads import Carrier


class Watch:
    """One thread that sleeps until the earliest of those moments, or for ever when there is none.

    Args:
        carriers: the threads to watch, at that moment.
    """

    def __init__(self, carriers: Callable[[], Iterable[Carrier]]) -> None:
        self.wakes_at = inf
        """Whoever has an earlier moment rings. While the watch looks around it is infinite."""
        self._carriers = carriers
        self._bell = Event()
        self._ending = False
        self._part = Part("watch", self._carry)

    def start(self) -> None:
        self._part.start()

    def ring(self) -> None:
        """Look again."""
        self._bell.set()

    def stop(self) -> None:
        self._ending = True
        self._bell.set()
        self._part.join()

    def _carry(self) -> None:
        while not self._ending:
            self.wakes_at = inf
            self._bell.clear()
            now = monotonic()
            earliest = min((self._look_at(carrier, now) for carrier in self._carriers()), default=inf)
            self.wakes_at = earliest
            self._bell.wait(None if earliest == inf else max(0.0, earliest - monotonic()))

    def _look_at(self, carrier: Carrier, now: float) -> float:
        """Do what is due for one thread; returns when to look at it again."""
        run = carrier.run
        if run is None:
            return inf
        if run.give_up_at <= now:
            carrier.give_up(run)
            return inf
        if run.give_up_at == inf and run.deadline <= now:
            carrier.end(run, Will.TIMEOUT)
        return min(run.give_up_at, run.deadline) if run.give_up_at == inf else run.give_up_at
