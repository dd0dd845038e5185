"""When to look at which lanes there are, and when the next job will be due."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from holdfast.core.times import SECOND
from holdfast.store.verbs.claim import probe
from holdfast.store.verbs.pauses import Halted, survey

if TYPE_CHECKING:
    from holdfast.store.base import Channel
    from holdfast.store.records import LaneDue
    from holdfast.worker.lanes import Lanes

LOOK_PAUSE = 0.002
"""Seconds between two looks at the lanes, however much news comes."""
LOOK_AFTER = 0.05
"""The same for a worker that has enough to claim, or that only wants to know when more will be due."""
SWEEP_SHARE = 10
"""A look at all lanes from their start waits for so many times its cost before the next."""


class Lookout:
    """Looks for the claimer, in its thread. Times are of the monotonic clock, but for those of the store.

    Args:
        channel: the claimer's way to the store.
        lanes: what it learns of jobs goes here.
        lines: what it learns of lines that may go on.
        now: the store's clock.
        rules: is told the names of the limits and rates that are stored.
        queues: those served; None for all.
        poll: seconds between two looks for what no news told of.
    """

    def __init__(
        self,
        channel: Channel,
        lanes: Lanes,
        lines: Lanes,
        now: Callable[[], int],
        rules: Callable[[Collection[str]], None],
        *,
        queues: Sequence[str] | None,
        poll: float,
    ) -> None:
        self._channel = channel
        self._lanes = lanes
        self._lines = lines
        self._now = now
        self._rules = rules
        self._queues = queues
        self._poll = poll
        self._anything = False
        """Something has changed and nobody said what."""
        self.control = False
        """Something was paused or resumed: look at everything, at once. Set by any thread."""
        self.halted = Halted()
        """What is paused, as far as is known."""
        self._looked_at = 0.0
        self._sweep_at = 0.0
        self._look_at = 0.0
        """When the lanes are to be read again."""

    def hear_of_anything(self) -> None:
        """Something has changed and nobody said what. In any thread."""
        self._anything = True

    def is_due(self, now: float, store_now: int) -> bool:
        """It is time for a look."""
        any_due = self._lanes.any_due(store_now) or self._lines.any_due(store_now)
        pause = LOOK_AFTER if any_due else LOOK_PAUSE
        return now >= self._look_at or (self._anything and now >= self._looked_at + pause)

    def look_by(self, at: float) -> None:
        """Look at this time at the latest."""
        self._look_at = min(self._look_at, at)

    def look_after_claim(self, now: float) -> None:
        """Look soon: a claim has found less than was said to be due."""
        self.look_by(max(now, self._looked_at + LOOK_AFTER))

    def look(self, now: float) -> None:
        """Learn which lanes there are.

        Raises:
            StoreError: the store can't be asked.
        """
        control, self.control, self._anything = self.control, False, False
        if control:
            self._sweep_at = 0.0
        self._lanes.look_begins()
        self._lines.look_begins()
        floors = self._lines.floors
        known, lined = self._lanes.known(), self._lines.known()
        if floors is not None and now < self._sweep_at and (known or lined):
            self._learn(self._channel.read(probe, known, lined, floors), swept=False)
        else:
            found, pauses, rules = self._channel.read(survey, self._queues)
            self._rules(rules)
            halted = Halted(pauses)
            if control or halted != self.halted:
                halted.at = monotonic()
                self.halted = halted
                self._lanes.pauses(halted)
                self._lines.pauses(halted)
            self._learn(found, swept=True)
            # Under an old snapshot a look at all there is walks over what was claimed long ago: not too often then.
            pause = self._poll * random.uniform(0.75, 1.0)
            self._sweep_at = now + max(pause, SWEEP_SHARE * (monotonic() - now))
        self._looked_at = now
        self._look_at = now + self._poll * random.uniform(0.75, 1.0)

    def _learn(self, found: Sequence[LaneDue], *, swept: bool) -> None:
        now = self._now()
        self._lanes.learn(found, now, swept=swept)
        self._lines.learn(found, now, swept=swept)

    def until_due(self, now: float) -> float:
        """For how many seconds nothing will be due, as far as is known."""
        until = self._looked_at + LOOK_PAUSE if self._anything else self._look_at
        store_now = self._now()
        for due in (self._lanes.next_due(store_now), self._lines.next_due(store_now)):
            if due is None:
                continue
            until = min(until, now + (due - store_now) / SECOND)
        return max(0.001, until - now)
