"""Cleaning away what need not be kept: in small steps, between which the store and this thread are others'."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from holdfast.core.times import DAY
from holdfast.store.verbs.ending import REMEMBERED, clean_forgotten
from holdfast.store.verbs.retention import clean, clean_requests
from holdfast.store.verbs.schedules import clean_fires
from holdfast.store.verbs.unique import clean_keys

if TYPE_CHECKING:
    from holdfast.store.base import Channel, Store

STEP = 1000
"""Rows cleaned away in one transaction."""
REST = 6.0
"""For so many times its cost a step leaves the store to others. Less the longer there is no end of what is to be
cleaned: jobs must not end faster than they go."""


class Cleaning:
    """One round after the other, each of as many steps as it takes.

    Args:
        store: for its clock.
        channel: the way.
        interval: seconds between two rounds.
    """

    def __init__(self, store: Store, channel: Channel, interval: float) -> None:
        self._store = store
        self._channel = channel
        self._interval = interval
        self._kinds: tuple[Callable[[int], tuple[int, int]], ...] = (
            self._ended,
            self._forgotten,
            self._windows,
        )
        self._kind = 0
        self._mark = 0
        self._begun_at: float | None = None

    def step(self) -> float | None:
        """Do a step; returns the seconds until the next, None at the end of a round."""
        began = monotonic()
        if self._begun_at is None:
            self._begun_at = began
        count, self._mark = self._kinds[self._kind](self._mark)
        if count < STEP:
            self._kind, self._mark = self._kind + 1, 0
            if self._kind == len(self._kinds):
                self._kind, self._begun_at = 0, None
                self._channel.write(clean_requests, self._store.now() - DAY)
                self._channel.write(clean_fires)
                return None
        now = monotonic()
        return (now - began) * REST / max(1.0, (now - self._begun_at) / self._interval)

    def _ended(self, mark: int) -> tuple[int, int]:
        return self._channel.write(clean, STEP, mark)

    def _windows(self, mark: int) -> tuple[int, int]:
        return self._channel.write(clean_keys, STEP, mark)

    def _forgotten(self, mark: int) -> tuple[int, int]:
        return self._channel.write(clean_forgotten, self._store.now() - REMEMBERED, STEP, mark)
