"""When a job that may kill its worker gets its turn: alone, with nothing else in hand."""

from __future__ import annotations

import random

FIRST_PATIENCE = 1.0
"""Seconds for which a busy worker claims nothing else, the first time, so that what it has in hand may end."""
LONGEST_PATIENCE = 600.0


class Suspects:
    """One worker's dealings with suspects. It holds at most one.

    A worker with nothing else to do takes a due suspect at once. A busy one stops claiming after some seconds, until
    its hands are empty or its patience is at an end; then it goes on, and is more patient the next time.
    """

    def __init__(self) -> None:
        self.lease: str | None = None
        """Of the suspect that was claimed last."""
        self._next_drain: float | None = None
        """When to stop claiming for the sake of the suspect that is due; None while none is."""
        self._drain_until: float | None = None
        self._patience = FIRST_PATIENCE

    def none_due(self) -> None:
        """There is no suspect to be claimed now."""
        self._next_drain = self._drain_until = None
        self._patience = FIRST_PATIENCE

    def claimed(self, lease: str) -> None:
        """One was claimed."""
        self.lease = lease
        self.none_due()

    def have_the_turn(self, now: float, *, others_due: bool, in_hand: bool) -> bool:
        """True if nothing else may be claimed now: a suspect is due and is to be next.

        Args:
            now: of the monotonic clock.
            others_due: there is something else to claim.
            in_hand: jobs that have not been settled are held.
        """
        if self._next_drain is None:
            # Not all workers at the same time: one of them will do.
            self._next_drain = now + random.uniform(2.0, 6.0)
        if not in_hand and not others_due:
            return True
        if self._drain_until is not None:
            if now < self._drain_until:
                return True
            self._drain_until = None
            self._patience = min(LONGEST_PATIENCE, self._patience * 2)
            self._next_drain = now + self._patience * random.uniform(1.0, 3.0)
            return False
        if now >= self._next_drain:
            self._drain_until = now + self._patience
            return True
        return False
