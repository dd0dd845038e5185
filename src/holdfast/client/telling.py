"""Telling those who listen what has happened: on a thread of its own, in order, never in the way of the work.

A fact is committed before it is told, and what follows from it may be told by another thread a moment sooner: the
worker of the same process starts a job before its enqueue has returned. So whoever is about to commit something says
so first, and what comes later in the job's life is held back until that was told.
"""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from inspect import iscoroutinefunction
from threading import Condition, Thread, current_thread
from time import monotonic
from typing import Any, TypeVar

from holdfast.core.errors import InvalidOption
from holdfast.events import Event, JobEvent

E = TypeVar("E", bound=Event)
Subscriber = Callable[[Any], object]

logger = logging.getLogger("holdfast.events")

KEPT = 10_000
"""So many events may wait for slow subscribers; more are dropped, and the log says how many."""
LAST_WORDS = 5.0
"""Seconds that subscribers have at the end for what still waits."""


class Teller:
    """The subscribers of one app, and the thread that calls them. Any thread may tell it something."""

    def __init__(self) -> None:
        self._subscribers: tuple[tuple[type[Event], Subscriber], ...] = ()
        self._wanted: dict[type[Event], bool] = {}
        """Whether anybody listens to a class; filled as they are asked for."""
        self._changed = Condition()
        self._waiting: deque[Event] = deque()
        self._busy = False
        self._dropped = 0
        self._thread: Thread | None = None
        self._held: dict[str, list[_Held]] = {}
        """Of a job, by its id: a worker may settle a run before its enqueue has been told."""
        self._closed = False

    # --- subscribing ---

    def subscribe(self, kind: type[E], function: Callable[[E], object]) -> Callable[[], None]:
        """Call a function for each event of a kind; returns what ends that.

        Raises:
            InvalidOption: the kind is no class of events, or the function can't be called without an event loop.
        """
        if not (isinstance(kind, type) and issubclass(kind, Event)):  # type: ignore[redundant-expr]  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"app.on takes a class of holdfast.events, not {kind!r}")
        if not callable(function):
            raise InvalidOption(f"app.on takes a function, not {function!r}")
        if iscoroutinefunction(function) or iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004
            raise InvalidOption(
                f"{function!r} is async, and events are told on a thread that has no event loop: subscribe a plain "
                "function, which may hand over with asyncio.run_coroutine_threadsafe(…, loop)"
            )
        entry = (kind, function)
        with self._changed:
            self._subscribers += (entry,)
            self._wanted = {}

        def unsubscribe() -> None:
            with self._changed:
                self._subscribers = tuple(one for one in self._subscribers if one is not entry)
                self._wanted = {}

        return unsubscribe

    @property
    def listening(self) -> bool:
        """Anybody has subscribed to anything."""
        return bool(self._subscribers)

    def wants(self, kind: type[Event]) -> bool:
        """Anybody has subscribed to events of this class."""
        if not self._subscribers:
            return False
        known = self._wanted  # another one as soon as there is another subscriber
        wanted = known.get(kind)
        if wanted is None:
            wanted = known[kind] = any(issubclass(kind, one) for one, _ in self._subscribers)
        return wanted

    # --- telling ---

    def tell(self, event: Event) -> None:
        """Have the subscribers called, soon. It never waits for them."""
        with self._changed:
            self._hold_or_put(event)

    @contextmanager
    def before(self, runs: Iterable[tuple[str, int]]) -> Generator[None]:
        """While entered, something about these runs (job id, run) is being committed, and will be told before the end.

        What others tell of later runs of these jobs meanwhile waits until then.
        """
        mine = [(job_id, _Held(run)) for job_id, run in runs]
        with self._changed:
            for job_id, held in mine:
                self._held.setdefault(job_id, []).append(held)
        try:
            yield
        finally:
            with self._changed:
                for job_id, held in mine:
                    self._let_go(job_id, held)

    def flush(self, timeout: float = LAST_WORDS) -> bool:
        """Wait until all that was told has reached the subscribers; False if that takes too long."""
        with self._changed:
            if self._thread is None or current_thread() is self._thread:
                return True
            done = self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout)
            left = len(self._waiting)
        if not done:
            logger.warning("a subscriber is slow: %d events still wait to be told", left)
        return done

    def close(self) -> None:
        """End the thread; what still waits, after a `flush` that took too long, is not told."""
        with self._changed:
            self._closed = True
            if self._waiting and current_thread() is not self._thread:
                logger.error("%d events were not told: the app was closed", len(self._waiting))
                self._waiting.clear()
            self._changed.notify_all()

    def _hold_or_put(self, event: Event) -> None:
        """With the lock held, as in what follows."""
        if isinstance(event, JobEvent) and self._held:
            for held in self._held.get(str(event.job_id), ()):
                if event.run > held.run:
                    held.events.append(event)
                    return
        self._put(event)

    def _let_go(self, job_id: str, held: _Held) -> None:
        others = [one for one in self._held[job_id] if one is not held]
        if others:
            self._held[job_id] = others
        else:
            del self._held[job_id]
        for event in held.events:
            self._hold_or_put(event)

    def _put(self, event: Event) -> None:
        if self._closed:
            logger.warning("an event was not told, as the app was closed: %r", event)
            return
        if len(self._waiting) >= KEPT:
            self._dropped += 1
            if self._dropped == 1:
                logger.error("subscribers are too slow: %d events wait, further ones are dropped", KEPT)
            return
        self._waiting.append(event)
        if self._thread is None or not self._thread.is_alive():  # a fork has no threads
            try:
                self._start()
            except RuntimeError:  # what was committed stays so: the next event tries again
                logger.exception("events can't be told: no thread could be started")
        self._changed.notify_all()

    def _start(self) -> None:
        import atexit

        # What a program's last jobs did is told, too, if it leaves without closing the app.
        whole = weakref.WeakMethod(self.flush)
        atexit.register(_at_exit, whole)
        self._thread = Thread(target=self._carry, name="holdfast-events", daemon=True)
        self._thread.start()

    # --- in the thread ---

    def _carry(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                self._busy = True
                event = self._waiting.popleft()
                subscribers = self._subscribers
                dropped = self._dropped if len(self._waiting) < KEPT // 2 else 0
                self._dropped -= dropped
            if dropped:
                logger.error("%d events were dropped and never told, as subscribers were too slow", dropped)
            for kind, function in subscribers:
                if isinstance(event, kind):
                    _call(function, event)


class _Held:
    __slots__ = ("events", "run")

    def __init__(self, run: int) -> None:
        self.run = run
        self.events: list[Event] = []


def _call(function: Subscriber, event: Event) -> None:
    began = monotonic()
    try:
        function(event)
    except BaseException:  # even one that wants the thread to end: it serves others
        logger.exception("the subscriber %r failed at %s", function, type(event).__name__)
    took = monotonic() - began
    if took > 1:
        logger.warning("the subscriber %r took %.1f s for %s", function, took, type(event).__name__)


def _at_exit(flush: weakref.WeakMethod[Callable[..., bool]]) -> None:
    alive = flush()
    if alive is not None:
        alive()
