"""Taking back what the dead held, finding claims whose answer was lost, cleaning away what need not be kept."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from threading import Event, Lock
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from holdfast.core.errors import StoreClosed, StoreError, StoreForked
from holdfast.core.job import Claimed, Settlement
from holdfast.core.outcomes import Crashed, Expired, Interrupted, NotKnown, Outcome
from holdfast.core.times import SECOND
from holdfast.store.verbs.expire import expire
from holdfast.store.verbs.expiry import FIRST
from holdfast.store.verbs.leases import give_back_lease, held
from holdfast.store.verbs.lines import drop_idle
from holdfast.store.verbs.queues import stored_settings
from holdfast.store.verbs.rescue import rescue
from holdfast.store.verbs.unknown import give_up_unknown
from holdfast.worker import journal
from holdfast.worker.backoff import Reach
from holdfast.worker.cleaning import STEP, Cleaning
from holdfast.worker.decide import decide
from holdfast.worker.liveness import Beat
from holdfast.worker.part import Part
from holdfast.worker.policies import Policies

if TYPE_CHECKING:
    from holdfast.store.base import Channel, Store
    from holdfast.store.statement import Row
    from holdfast.worker.life import Life
    from holdfast.worker.options import WorkerOptions

logger = logging.getLogger("holdfast.worker")

IDLE_LINES = 60.0
"""Seconds between two rounds that forget lines without jobs and slots that nobody uses."""
EXPIRED = 500
"""Jobs that one transaction fails since they had not begun in time."""
LONGEST_ROUND = 60.0
"""Seconds."""


Action = Callable[[], float | None]
"""What a round does; it may say in how many seconds it is to be done again."""


class Surroundings(Protocol):
    """What maintenance needs of its worker."""

    @property
    def life(self) -> Life: ...
    def rescued(self, settlements: Sequence[Settlement]) -> None:
        """These were taken back; none at all ends a round."""
        ...

    def given_up(self, settlements: Sequence[Settlement]) -> None:
        """These failed since nobody knows their task, or since they had not begun in time."""
        ...

    def committing(self, settlements: Sequence[Settlement]) -> AbstractContextManager[object]:
        """Entered while these are written and told of."""
        ...

    def trouble(self, error: BaseException) -> None: ...


class Maintenance:
    """One thread and its way to the store.

    Args:
        worker: what it belongs to.
        store: for its clock, and to forget the dead.
        channel: the way.
        policies: of jobs.
        options: of the worker.
    """

    def __init__(
        self, worker: Surroundings, store: Store, channel: Channel, policies: Policies, options: WorkerOptions
    ) -> None:
        self._worker = worker
        self._store = store
        self._channel = channel
        self._policies = policies
        self._grace = options.unknown_task_grace
        self._lock = Lock()
        self._dead: dict[str, int] = {}
        """Workers found dead, and the beat at which they stood."""
        self._begun: dict[str, frozenset[str] | None] = {}
        """What dead workers had begun, as far as that is known here."""
        self._has_rescued = False
        self._committing = ExitStack()
        self._bell = Event()
        self._stopping = False
        self._reach = Reach(logger, "maintain the store")
        cleanup = None if options.cleanup_interval is None else options.cleanup_interval / SECOND
        grace = max(
            0.05, min(LONGEST_ROUND if cleanup is None else cleanup, options.unknown_task_grace / SECOND / 4)
        )
        self._rounds = [
            _Round(self._rescue, options.lease / SECOND / 2),
            _Round(self._give_back_lost, options.beat_interval),
            _Round(self._give_up_unknown, grace, later=True),
            _Round(self._expire, options.beat_interval, later=True),
            _Round(self._drop_idle_lines, IDLE_LINES, later=True),
        ]
        if cleanup is not None:
            self._rounds.append(_Round(Cleaning(store, channel, cleanup).step, cleanup, later=True))
        self._part = Part("maintenance", self._carry)

    def start(self) -> None:
        self._part.start()

    def found_dead(self, dead: Sequence[Beat]) -> None:
        """Rescue what these workers held, soon. From any thread."""
        with self._lock:
            self._dead.update(dead)
        self._rounds[0].at = 0.0
        self._bell.set()

    @property
    def has_rescued(self) -> bool:
        """All that is known to be dead has been rescued, once at least since this worker began."""
        return self._has_rescued and not self._dead

    @property
    def alive(self) -> bool:
        """Its thread goes on."""
        return self._part.alive

    def stop(self) -> None:
        self._stopping = True
        self._bell.set()
        self._part.join(5)

    def _carry(self) -> None:
        while not self._stopping:
            self._bell.clear()
            now = monotonic()
            for each in self._rounds:
                if each.at <= now:
                    # Before it is done: what is heard meanwhile may have it done again at once.
                    each.next()
                    again = self._try(each.action)
                    if again is not None:
                        each.at = monotonic() + again
            earliest = min(each.at for each in self._rounds)
            self._bell.wait(max(0.0, earliest - monotonic()))

    def _try(self, action: Action) -> float | None:
        """Returns the seconds after which the action wants to be called again, if it says so."""
        if self._stopping:
            return None
        try:
            again = action()
            self._reach.worked()
            return again
        except (StoreClosed, StoreForked):
            self._stopping = True
        except StoreError as error:
            # The next round will do it.
            self._reach.failed(error)
            self._worker.trouble(error)
        except Exception as error:
            logger.exception("maintenance failed in a way that it should not; it goes on")
            self._worker.trouble(error)
        return None

    # --- the rounds ---

    def _rescue(self) -> None:
        """Settle what dead workers held, and what is held under ids that no worker has."""
        with self._lock:
            dead, self._dead = list(self._dead.items()), {}
        if dead:
            logger.warning("workers found dead: %s", ", ".join(worker for worker, _ in dead))
        try:
            self._policies.learn(self._channel.read(stored_settings))
            settled = self._take_back(dead)
            while settled and not self._stopping:
                settled = self._take_back([])
        except StoreError:
            with self._lock:
                self._dead = {**dict(dead), **self._dead}
            raise
        for worker in {*self._begun, *(worker for worker, _ in dead)}:
            self._store.forget(worker)
            journal.forget(worker)
        self._begun.clear()
        self._has_rescued = True
        self._worker.rescued([])

    def _take_back(self, dead: Sequence[tuple[str, int]]) -> list[Settlement]:
        with ExitStack() as self._committing:
            settled = self._channel.write(rescue, dead, self._crashed)
            if settled:
                self._worker.rescued(settled)
        return settled

    def _crashed(self, job: Claimed, worker: str) -> Settlement:
        """What becomes of a job whose worker died: it is charged, unless it is known not to have begun."""
        if worker not in self._begun:
            self._begun[worker] = journal.begun_by(worker)
        begun = self._begun[worker]
        known_idle = begun is not None and job.job_id not in begun
        settlement = self._settle(job, Interrupted(started=False) if known_idle else Crashed(worker))
        self._committing.enter_context(self._worker.committing([settlement]))
        return settlement

    def _give_back_lost(self) -> None:
        """Give back leases under this worker's id that it knows nothing of: the answer to their claim was lost."""
        life = self._worker.life
        for lease in self._channel.read(held, life.id):
            # Known from before a claim is sent until after its last settlement is committed.
            if lease not in life.leases:
                count = self._channel.write(give_back_lease, life.id, lease, self._unstarted)
                if count:
                    logger.warning("gave back %d jobs of a claim whose answer was lost", count)

    def _unstarted(self, job: Claimed) -> Settlement:
        return self._settle(job, Interrupted(started=False))

    def _give_up_unknown(self) -> None:
        settled = self._channel.write(give_up_unknown, self._store.now(), self._grace, self._unknown)
        for settlement in settled:
            logger.error(
                "job %s failed: no worker of queue %s has known its task %s for long enough",
                settlement.job.job_id, settlement.job.queue, settlement.job.task,
            )  # fmt: skip
        self._worker.given_up(settled)

    def _expire(self) -> None:
        """Fail what had not begun when its time was over."""
        place: Row | None = FIRST
        while place is not None and not self._stopping:
            settled, place = self._channel.write(expire, place, EXPIRED, self._expired)
            self._worker.given_up(settled)

    def _expired(self, job: Claimed) -> Settlement:
        return self._settle(job, Expired(job.expires_at or 0))

    def _drop_idle_lines(self) -> None:
        while not self._stopping and self._channel.write(drop_idle, STEP) == STEP:
            pass

    def _unknown(self, job: Claimed) -> Settlement:
        return self._settle(job, NotKnown())

    def _settle(self, job: Claimed, outcome: Outcome) -> Settlement:
        return decide(job, outcome, self._policies.of, self._store.now())


class _Round:
    """Something done from time to time."""

    __slots__ = ("action", "at", "interval")

    def __init__(self, action: Action, interval: float, *, later: bool = False) -> None:
        self.action = action
        self.interval = interval
        # Workers that start together don't do it together.
        self.at = monotonic() + interval * random.random() if later else 0.0

    def next(self) -> None:
        self.at = monotonic() + self.interval * random.uniform(0.8, 1.2)
