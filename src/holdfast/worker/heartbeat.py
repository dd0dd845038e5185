"""Showing that the worker lives, learning who doesn't, and hearing what others want of the jobs in hand.

Its own thread and its own way to the store: nothing that a handler does in Python can starve it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from threading import Event, Lock
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from holdfast.core.errors import StoreError
from holdfast.store.records import RunningNote, WorkerRow
from holdfast.store.statement import Wake
from holdfast.store.verbs.workers import beat, beats, register
from holdfast.worker import memory
from holdfast.worker.backoff import Reach
from holdfast.worker.liveness import Beat, Liveness
from holdfast.worker.orders import keys, orders
from holdfast.worker.part import Part
from holdfast.worker.pulse import Pulse

if TYPE_CHECKING:
    from holdfast.store.base import Channel, Store
    from holdfast.worker.clock import Clock
    from holdfast.worker.life import Life
    from holdfast.worker.runs import Run

logger = logging.getLogger("holdfast.worker")

LONG = 1.0
"""Seconds after which a run is told of in the heartbeat and asked about."""
TOLD = 100
"""At most so many runs are told of."""
ASK_PAUSE = 0.05
"""Seconds between two questions for orders, however much news comes."""


class Surroundings(Protocol):
    """What the heartbeat needs of its worker."""

    @property
    def life(self) -> Life: ...
    def declared_dead(self) -> None:
        """The worker's row is gone: go on under a new identity, which the next beat registers."""
        ...

    def cancel(self, run: Run) -> None:
        """Somebody asked a run to cancel."""
        ...

    def lose(self, run: Run) -> None:
        """The lease of a run was taken away."""
        ...

    def used_memory(self, used: int | None) -> None: ...
    def look_after(self) -> None:
        """Called every second or so."""
        ...

    def trouble(self, error: BaseException) -> None: ...


class Heartbeat:
    """One thread and its way to the store.

    Args:
        worker: what it belongs to.
        store: for what is known of the dead without asking the database.
        channel: the way.
        clock: set by what the store says.
        interval: seconds between two beats.
        lease: seconds of silence after which a worker is dead.
        row: what the worker says of itself, under an id.
        dead: told which workers were found dead.
    """

    def __init__(
        self,
        worker: Surroundings,
        store: Store,
        channel: Channel,
        clock: Clock,
        interval: float,
        lease: float,
        row: Callable[[str], WorkerRow],
        dead: Callable[[Sequence[Beat]], None],
    ) -> None:
        self._worker = worker
        self._store = store
        self.pulse = Pulse()
        self._channel = self.pulse.over(channel)
        self._clock = clock
        self._interval = interval
        self._lease = lease
        self._row = row
        self._dead = dead
        self.confirmed_at = 0.0
        """The store knew this worker for alive at this time of the monotonic clock, or later."""
        self._registered: str | None = None
        self._liveness = Liveness("", lease, 2 * interval)
        self._reach = Reach(logger, "beat")
        self._bell = Event()
        self._stopping = False
        self._lock = Lock()
        self._named: set[str] = set()
        """Jobs that news have named."""
        self._anything = False
        self._asked_at = 0.0
        self._part = Part("heartbeat", self._carry)

    def begin(self) -> None:
        """Register, and look at the others for the first time, in the caller's thread; then beat in one of its own.

        Raises:
            StoreError: the store can't be used.
        """
        self._register()
        self._look(monotonic())
        self._part.start()

    def hear(self, wake: Wake) -> None:
        """News from the store, in any thread."""
        if wake.cancel:
            with self._lock:
                self._named.update(wake.cancel)
            self._bell.set()
        elif wake.anything:
            self._anything = True
            self._bell.set()

    def ring(self) -> None:
        """Look at once whether anything has changed."""
        self._anything = True
        self._bell.set()

    @property
    def alive(self) -> bool:
        """Its thread goes on."""
        return self._part.alive

    def stop(self) -> None:
        self._stopping = True
        self._bell.set()
        self._part.join(self._interval)

    # --- in the thread ---

    def _carry(self) -> None:
        beat_at = monotonic() + self._interval
        while not self._stopping:
            self.pulse.beat()
            now = monotonic()
            if now >= beat_at:
                beat_at = now + self._interval
                self._try(self._beat)
            self._try(self._heed)
            self._try(self._find_killed)
            self._worker.look_after()
            wait = beat_at - monotonic()
            if self._anything:
                wait = min(wait, ASK_PAUSE)
            self._bell.wait(max(0.0, min(wait, LONG)))
            self._bell.clear()

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except StoreError as error:
            self._liveness.failed()
            self.pulse.failed(error)
            self._worker.trouble(error)
            self._reach.failed(error)
        except Exception as error:
            logger.exception("the heartbeat failed in a way that it should not; it goes on")
            self._worker.trouble(error)

    def _register(self) -> None:
        life = self._worker.life
        began = monotonic()
        self._channel.write(register, self._row(life.id))
        self._registered = life.id
        self.confirmed_at = began
        self._liveness = Liveness(life.id, self._lease, 2 * self._interval)

    def _beat(self) -> None:
        life = self._worker.life
        if self._registered != life.id:
            self._register()
        used = memory.resident()
        self._worker.used_memory(used)
        began = monotonic()
        if self._channel.write(beat, life.id, self._notes(life), used):
            self.confirmed_at = began
        else:
            logger.error(
                "worker %s was declared dead: it was silent for too long. What it ran is given to others; it goes on "
                "under a new identity",
                life.id,
            )
            self._worker.declared_dead()
            self._register()
        self._clock.set(self._store.now())
        self._look(monotonic())
        self._reach.worked()
        self.pulse.worked()

    def _look(self, now: float) -> None:
        found = self._liveness.look(self._channel.read(beats), now)
        if found:
            self._dead(found)

    def _find_killed(self) -> None:
        """On SQLite a held lock shows at once who has died."""
        killed = [(worker, at) for worker, at in self._liveness.others() if self._store.known_dead(worker)]
        if killed:
            self._dead(killed)

    def _notes(self, life: Life) -> list[RunningNote]:
        before = monotonic() - LONG
        long = [run for run in life.runs() if run.started is not None and run.started < before]
        long.sort(key=lambda run: run.started or 0.0)
        return [RunningNote(run.job.job_id, run.job.task, run.job.started_at or 0) for run in long[:TOLD]]

    def _heed(self) -> None:
        """Ask what others want of the jobs in hand: of those that news have named, and of all that run for long."""
        now = monotonic()
        with self._lock:
            named, self._named = self._named, set()
        anything = self._anything and now >= self._asked_at + ASK_PAUSE
        due = anything or now >= self._asked_at + LONG
        if not (named or due):
            return
        young = now - (ASK_PAUSE if anything else LONG)
        runs = [
            run
            for run in self._worker.life.runs()
            if run.job.job_id in named or (due and run.claimed_at <= young)
        ]
        if due:
            self._anything = False
            self._asked_at = now
        if runs:
            try:
                self._obey(runs)
            except StoreError:
                self._anything = True
                raise

    def _obey(self, runs: Iterable[Run]) -> None:
        runs = list(runs)
        found = self._channel.read(orders, keys(runs))
        for run in runs:
            if run.over:
                continue
            if run.job.job_id in found.lost:
                self._worker.lose(run)
            elif run.job.job_id in found.cancel and run.will is None:
                self._worker.cancel(run)
