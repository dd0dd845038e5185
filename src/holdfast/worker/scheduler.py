"""Firing schedules. Every worker does it, without a leader: who has a schedule's row fires it, and the others find
nothing left to do.

Any worker may fire any schedule: its arguments are stored encoded, and to fire is only to enqueue.
"""

from __future__ import annotations

import logging
import random
from math import inf
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from holdfast.core.errors import StoreClosed, StoreError, StoreForked
from holdfast.core.times import SECOND
from holdfast.store.verbs.schedules import CannotFire, next_schedule
from holdfast.worker.backoff import Reach
from holdfast.worker.firing import Firing
from holdfast.worker.part import Part

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.store.base import Channel, Store
    from holdfast.store.statement import Wake

logger = logging.getLogger("holdfast.worker")

POLL = 8.0
"""Seconds between two looks, where no news comes: of pauses and new schedules it is told, if it can be."""
LOOK_PAUSE = 0.1
"""Seconds between two looks, however much news comes of which nobody knows what it is."""
OTHERS = 0.02
"""Seconds to leave to whoever is firing what is due, before another look."""
FIRST_REST, LONGEST_REST = 1.0, 60.0
"""Seconds for which a schedule is left to others after this worker could not fire it."""


class Surroundings(Protocol):
    """What the scheduler needs of its worker."""

    def looked(self) -> None:
        """What was due when the worker began has been fired."""
        ...

    def trouble(self, error: BaseException) -> None: ...


class Scheduler:
    """One thread.

    Args:
        worker: what it belongs to.
        client: through whose middleware the jobs go.
        store: for its clock.
        channel: the way to the store, which may be shared.
    """

    def __init__(self, worker: Surroundings, client: Client, store: Store, channel: Channel) -> None:
        self._worker = worker
        self._store = store
        self._channel = channel
        self._firing = Firing(client.enqueues, channel, worker.trouble)
        self._bell = Event()
        self._stopping = False
        self._news = True
        """Something may have changed since the last look."""
        self._next_at: int | None = None
        """The next fire, as far as is known."""
        self._look_at = 0.0
        self._looked_at = 0.0
        self._resting: dict[str, tuple[float, float]] = {}
        """Schedules left to others: until when, and how long the rest was."""
        self.has_looked = False
        self._reach = Reach(logger, "fire schedules")
        self._part = Part("scheduler", self._carry)

    def start(self) -> None:
        self._part.start()

    def hear(self, wake: Wake) -> None:
        """News from the store, in any thread."""
        if wake.control or wake.anything:
            self._news = True
            self._bell.set()

    def stop(self) -> None:
        self._stopping = True
        self._bell.set()
        self._part.join(5)

    # --- in the thread ---

    def _carry(self) -> None:
        while not self._stopping:
            self._bell.clear()
            try:
                pause = self._turn(monotonic())
                self._reach.worked()
            except (StoreClosed, StoreForked):
                break
            except StoreError as error:
                self._worker.trouble(error)
                pause = self._reach.failed(error)
            except Exception as error:
                logger.exception("firing schedules failed in a way that it should not; it goes on")
                self._worker.trouble(error)
                pause = 1.0
            if pause > 0:
                self._bell.wait(pause)
        self._firing.close()
        self._done_for_now()

    def _turn(self, now: float) -> float:
        """Look, or fire what is due; returns for how many seconds to wait then."""
        self._firing.find_out()
        look_at = self._looked_at + LOOK_PAUSE if self._news else self._look_at
        if now >= look_at:
            look_at = self._look(now)
        due_in = self._due_in()
        if due_in is None or due_in > 0:
            self._done_for_now()
            until = look_at - monotonic()
            return max(0.001, until if due_in is None else min(due_in, until))
        before = self._next_at
        jobs = self._fire(now)
        # Where nothing was fired, somebody else is at it, or the clocks are apart by a moment.
        return 0 if jobs or before != self._next_at else OTHERS

    def _done_for_now(self) -> None:
        if not self.has_looked:
            self.has_looked = True
            self._worker.looked()

    def _look(self, now: float) -> float:
        """Learn when the next fire is due; returns when to look again."""
        self._news = False
        self._looked_at = now
        self._next_at = self._channel.read(next_schedule, self._left_to_others(now))
        rests = [until for until, _ in self._resting.values() if until > now]
        self._look_at = min([now + POLL * random.uniform(0.75, 1.0), *rests])
        return self._look_at

    def _due_in(self) -> float | None:
        """Seconds until the next fire; None if there is none."""
        return None if self._next_at is None else (self._next_at - self._store.now()) / SECOND

    # --- firing ---

    def _fire(self, now: float) -> int:
        """Fire what is due, some at a time; returns the number of jobs."""
        try:
            fired = self._firing.fire(self._left_to_others(now))
        except CannotFire as error:
            self._rest(error.name, error.error, now)
            self._news = True
            return 0
        self._next_at = fired.next_at
        for name, failure in fired.failed.items():
            self._rest(name, failure, now)
        return fired.jobs

    # --- what can't be fired here ---

    def _left_to_others(self, now: float) -> list[str]:
        return [name for name, (until, _) in self._resting.items() if until > now]

    def _rest(self, name: str, error: Exception, now: float) -> None:
        """Leave a schedule to others for a while: it must not keep the rest from firing."""
        until, rest = self._resting.get(name, (-inf, FIRST_REST / 2))
        if until + 2 * LONGEST_REST < now:
            rest = FIRST_REST / 2
            logger.error("schedule %s can't be fired here, and will be tried again: %s", name, error)
        self._worker.trouble(error)
        rest = min(LONGEST_REST, rest * 2)
        self._resting[name] = (now + rest, rest)
        self._look_at = min(self._look_at, now + rest)
