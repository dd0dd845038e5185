"""Those who want to hear what a worker does. Where nobody does, none of this costs anything."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from holdfast.core.job import Claimed, Settlement
    from holdfast.core.outcomes import Outcome

logger = logging.getLogger("holdfast.worker")

NOBODY: AbstractContextManager[object] = nullcontext()


class Observer:
    """Derive from it and write what is of interest. Called in the worker's own threads: it must be quick."""

    def decided(self, job: Claimed, outcome: Outcome) -> None:
        """A run has ended with this, which isn't committed yet."""

    @property
    def listening(self) -> bool:
        """False while it has no use for anything."""
        return True

    def begun(self, worker: str, job: Claimed) -> None:
        """A run is about to call its handler."""

    def committing(self, settlements: Sequence[Settlement]) -> AbstractContextManager[object]:
        """Entered while these are written and told of; what follows from them may be seen before it is left."""
        return NOBODY

    def flushed(self, worker: str, settlements: Sequence[Settlement]) -> None:
        """What some runs of a worker have decided is committed."""
        _tell(self.settled, settlements)

    def settled(self, settlement: Settlement) -> None:
        """The same, one by one."""

    def lost(self, settlement: Settlement) -> None:
        """What a run decided was refused: its lease was lost."""

    def rescued(self, settlement: Settlement) -> None:
        """A job of a dead worker was taken back."""

    def given_up(self, settlement: Settlement) -> None:
        """A job failed since no worker has known its task for long."""

    def idle(self) -> None:
        """The worker has worked, has nothing more in hand, and finds nothing due."""

    def trouble(self, error: BaseException) -> None:
        """Something inside of the worker failed; it goes on."""


class Observers:
    """All of a worker's."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._observers = tuple(observers)
        # Asked at each run.
        self._of_begins = [one.begun for one in self._observers if type(one).begun is not Observer.begun]

    def __bool__(self) -> bool:
        return any(observer.listening for observer in self._observers)

    def decided(self, job: Claimed, outcome: Outcome) -> None:
        for observer in self._observers:
            try:
                observer.decided(job, outcome)
            except Exception:
                logger.exception("%r failed", observer)

    def and_one(self, observer: Observer) -> Observers:
        """These and one more."""
        return Observers((*self._observers, observer))

    def begun(self, worker: str, job: Claimed) -> None:
        for begun in self._of_begins:
            try:
                begun(worker, job)
            except Exception:
                logger.exception("%r failed", begun)

    def committing(self, settlements: Sequence[Settlement]) -> AbstractContextManager[object]:
        if not self:
            return NOBODY
        stack = ExitStack()
        for observer in self._listening():
            stack.enter_context(observer.committing(settlements))
        return stack

    def settled(self, worker: str, settlements: Sequence[Settlement]) -> None:
        for observer in self._listening():
            try:
                observer.flushed(worker, settlements)
            except Exception:
                logger.exception("%r failed", observer)

    def lost(self, settlements: Sequence[Settlement]) -> None:
        for observer in self._listening():
            _tell(observer.lost, settlements)

    def rescued(self, settlements: Sequence[Settlement]) -> None:
        for observer in self._listening():
            _tell(observer.rescued, settlements)

    def given_up(self, settlements: Sequence[Settlement]) -> None:
        for observer in self._listening():
            _tell(observer.given_up, settlements)

    def idle(self) -> None:
        for observer in self._listening():
            try:
                observer.idle()
            except Exception:
                logger.exception("%r failed", observer)

    def trouble(self, error: BaseException) -> None:
        for observer in self._listening():
            try:
                observer.trouble(error)
            except Exception:
                logger.exception("%r failed", observer)

    def _listening(self) -> list[Observer]:
        return [observer for observer in self._observers if observer.listening]


def _tell(method: Callable[[Settlement], None], settlements: Sequence[Settlement]) -> None:
    for settlement in settlements:
        try:
            method(settlement)
        except Exception:
            logger.exception("%r failed", method)
