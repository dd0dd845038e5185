"""Those who want to hear what a worker does. Where nobody does, none of this costs anything."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from holdfast.core.job import Settlement

logger = logging.getLogger("holdfast.worker")


class Observer:
    """Derive from it and write what is of interest. Called in the worker's own threads: it must be quick."""

    def settled(self, settlement: Settlement) -> None:
        """What a run decided is committed."""

    def lost(self, settlement: Settlement) -> None:
        """What a run decided was refused: its lease was lost."""

    def rescued(self, settlement: Settlement) -> None:
        """A job of a dead worker was taken back."""

    def trouble(self, error: BaseException) -> None:
        """Something inside of the worker failed; it goes on."""


class Observers:
    """All of a worker's."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._observers = tuple(observers)

    def __bool__(self) -> bool:
        return bool(self._observers)

    def settled(self, settlements: Sequence[Settlement]) -> None:
        for observer in self._observers:
            _tell(observer.settled, settlements)

    def lost(self, settlements: Sequence[Settlement]) -> None:
        for observer in self._observers:
            _tell(observer.lost, settlements)

    def rescued(self, settlements: Sequence[Settlement]) -> None:
        for observer in self._observers:
            _tell(observer.rescued, settlements)

    def trouble(self, error: BaseException) -> None:
        for observer in self._observers:
            try:
                observer.trouble(error)
            except Exception:
                logger.exception("%r failed", observer)


def _tell(method: Callable[[Settlement], None], settlements: Sequence[Settlement]) -> None:
    for settlement in settlements:
        try:
            method(settlement)
        except Exception:
            logger.exception("%r failed", method)
