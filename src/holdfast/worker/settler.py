"""Writing what runs have decided: outcomes gather for a moment and are applied together."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from threading import Event, Timer
from time import monotonic, sleep
from typing import TYPE_CHECKING

import msgspec

from holdfast.core.errors import NotCommitted, StoreClosed, StoreError, StoreForked, StoreUnavailable
from holdfast.core.job import Settlement
from holdfast.core.outcomes import Outcome, Raised, Succeeded
from holdfast.store.verbs.settle import settle
from holdfast.store.verbs.settle_in import Conclusion, conclude
from holdfast.worker.backoff import Reach
from holdfast.worker.decide import decide, with_captured
from holdfast.worker.part import Part
from holdfast.worker.pulse import Pulse

if TYPE_CHECKING:
    from holdfast.store.base import Channel
    from holdfast.worker.clock import Clock
    from holdfast.worker.life import Life
    from holdfast.worker.logs import RunLog
    from holdfast.worker.observers import Observers
    from holdfast.worker.runs import Lease, Run

logger = logging.getLogger("holdfast.worker")

FLUSH = 1000
"""At most so many outcomes at a time."""
COMPANY = 0.003
"""Seconds to wait for more outcomes, where they come so fast that it pays."""
AGAIN = 0.05
"""Seconds until the next look at a transaction of a handler's that is still open when the handler has ended."""
WORTHWHILE = 8
"""So many must be expected to come in that time."""


class Settler:
    """One thread and its way to the store.

    Args:
        channel: the way.
        clock: the store's time.
        log: of what became of runs.
        observers: told what is committed and what was refused.
        settled: called after each flush.
        failed: called when the store can't be used any more.
    """

    def __init__(
        self,
        channel: Channel,
        clock: Clock,
        log: RunLog,
        observers: Observers,
        settled: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.received = 0
        """Outcomes taken in, in all; those of one run count once."""
        self.pulse = Pulse()
        self._channel = self.pulse.over(channel)
        self._clock = clock
        self._log = log
        self._observers = observers
        self._settled = settled
        self._failed = failed
        self._done: deque[tuple[Run, Outcome]] = deque()
        self._bell = Event()
        self._awake = False
        self._hurry = Event()
        """Set when the worker ends: nothing waits for company then."""
        self._stopping = Event()
        self._give_up_at: float | None = None
        self._reach = Reach(logger, "settle what has ended")
        self._rate = 0.0
        self._flushed_at = 0.0
        self._part = Part("settler", self._carry)

    def start(self) -> None:
        self._part.start()

    def report(self, run: Run, outcome: Outcome) -> None:
        """Take in the outcome of a run, from any thread. Only the first one of a run counts."""
        self._done.append((run, outcome))
        if not self._awake:
            self._awake = True
            self._bell.set()

    @property
    def alive(self) -> bool:
        """Its thread goes on."""
        return self._part.alive

    def waiting(self) -> int:
        """Outcomes that are not written yet."""
        return len(self._done)

    def hurry(self) -> None:
        """The worker ends: gather no more."""
        self._hurry.set()

    def stop(self, timeout: float) -> bool:
        """Write what has come, then end. False if the store could not be reached in that time."""
        self._give_up_at = monotonic() + timeout
        self._hurry.set()
        self._stopping.set()
        self._bell.set()
        return self._part.join(timeout + 5) and not self._done

    # --- in the thread ---

    def _carry(self) -> None:
        while True:
            self._bell.clear()
            self._awake = False
            if not self._done:
                if self._give_up_at is not None:
                    return
                self.pulse.beat(inf)
                self._bell.wait()
                self.pulse.beat()
                self._awake = True
                continue
            self._awake = True
            self.pulse.beat()
            self._gather()
            batch = self._taken()
            try:
                written = self._flush(batch)
            except (StoreClosed, StoreForked) as error:
                self._failed(error)
                written = False
            if not written:
                self._done.extendleft(reversed(batch))
                for run, _ in batch:
                    run.over = False
                return

    def _gather(self) -> None:
        """Wait for company if much is coming. A lone outcome waits for nobody."""
        if self._rate * COMPANY >= WORTHWHILE and len(self._done) < FLUSH // 4:
            self._hurry.wait(COMPANY)

    def _taken(self) -> list[tuple[Run, Outcome]]:
        batch: list[tuple[Run, Outcome]] = []
        take = self._done.popleft
        try:
            while len(batch) < FLUSH:
                batch.append(take())
        except IndexError:
            pass
        return batch

    def _flush(self, batch: list[tuple[Run, Outcome]]) -> bool:
        """Settle a batch; False if the worker's end came before the store was back."""
        now = monotonic()
        passed = now - self._flushed_at
        if passed > 0:
            weight = min(1.0, passed / 0.05)
            self._rate += weight * (len(batch) / passed - self._rate)
        self._flushed_at = now
        flushes: dict[Life, _Flush] = {}
        at = self._clock.now()
        told = bool(self._observers)
        for run, outcome in batch:
            if run.over:
                logger.info("%r ended after it had lost its lease; what it decided was refused", run)
                continue
            run.over = True
            if run.context is not None and run.context.settles:
                self._conclude(run, outcome, at)
                continue
            lease = run.lease
            flush = flushes.get(lease.life)
            if flush is None:
                flush = flushes[lease.life] = _Flush(lease.life)
            flush.add(run, with_captured(decide(run.job, outcome, run.policy, at), run))
            if told:
                self._observers.decided(run.job, outcome)
        return all(self._write(flush) for flush in flushes.values())

    def _conclude(self, run: Run, outcome: Outcome, at: int) -> None:
        """A run whose handler has written its success in a transaction of its own: see what became of that."""
        life, lease = run.lease.life, run.lease
        otherwise = outcome
        if isinstance(outcome, Succeeded):
            otherwise = Raised(
                NotCommitted("the transaction given to settle_in was not committed when the handler returned")
            )
        settlement = with_captured(decide(run.job, otherwise, run.policy, at), run)
        try:
            found = self._channel.write(conclude, life.id, settlement, over=lease.left == 1)
        except StoreUnavailable as error:
            self._observers.trouble(error)
            found = Conclusion.OPEN
        if found is Conclusion.OPEN:
            run.over = False
            again = Timer(AGAIN, self.report, (run, outcome))
            again.daemon = True
            again.start()
            return
        if found is Conclusion.SUCCEEDED:
            otherwise = Succeeded()
            settlement = decide(run.job, otherwise, run.policy, at)
        self._observers.decided(run.job, otherwise)
        lease.left -= 1
        flush = _Flush(life)
        flush.settlements.append(settlement)
        if not lease.left:
            flush.over.append(lease)
        self._committed(flush, [settlement] if found is Conclusion.LOST else [])

    def _write(self, flush: _Flush) -> bool:
        """Apply what is of one life; False if the worker's end came before the store was back."""
        with self._observers.committing(flush.settlements):
            return self._apply(flush)

    def _apply(self, flush: _Flush) -> bool:
        over = [lease.id for lease in flush.over]
        try:
            refused = self._send(flush.life, flush.settlements, over)
        except _GaveUp:
            return False
        except (StoreClosed, StoreForked):
            raise
        except Exception as error:
            logger.exception(
                "a flush of %d outcomes failed; each has a try of its own", len(flush.settlements)
            )
            self._observers.trouble(error)
            refused = self._one_by_one(flush, over)
        self._committed(flush, refused)
        return True

    def _send(self, life: Life, settlements: Sequence[Settlement], over: Sequence[str]) -> list[Settlement]:
        """Send them, again and again while the store can't be used; returns those refused.

        Raises:
            _GaveUp: the worker's end came first.
            Exception: what is wrong with these settlements.
        """
        again = False
        while True:
            try:
                refused = self._channel.write(settle, life.id, settlements, over)
            except (StoreClosed, StoreForked):
                raise
            except StoreError as error:
                if type(error) is StoreError:
                    raise  # not of the store's state: it would be refused again
                self._observers.trouble(error)
                self.pulse.failed(error)
                again = True
                if not self._wait(self._reach.failed(error)):
                    raise _GaveUp from error
            else:
                self._reach.worked()
                self.pulse.worked()
                # The first time may have been committed without an answer. The store can tell that of an end, and
                # not of what went back to waiting and is perhaps running elsewhere by now.
                return [one for one in refused if one.state.terminal] if again else refused

    def _wait(self, seconds: float) -> bool:
        """Wait before another try; False when the worker can't wait any longer."""
        if self._give_up_at is None:
            self._stopping.wait(seconds)
            return True
        left = self._give_up_at - monotonic()
        sleep(max(0.0, min(seconds, left)))
        return left > 0

    def _one_by_one(self, flush: _Flush, over: Sequence[str]) -> list[Settlement]:
        """Rows that the store doesn't take must not keep the others from being settled."""
        refused: list[Settlement] = []
        for settlement in flush.settlements:
            for form in (settlement, _plain(settlement)):
                try:
                    refused += self._send(flush.life, [form], [])
                    break
                except (_GaveUp, StoreClosed, StoreForked):
                    return refused
                except Exception:
                    logger.exception("job %s could not be settled", settlement.job.job_id)
        try:
            self._send(flush.life, [], over)
        except Exception:
            logger.exception("leases could not be ended")
        return refused

    def _committed(self, flush: _Flush, refused: list[Settlement]) -> None:
        for lease in flush.over:
            flush.life.leases.pop(lease.id, None)
        self.received += len(flush.settlements)
        settlements = flush.settlements
        if refused:
            lost = {settlement.job.job_id for settlement in refused}
            settlements = [settlement for settlement in settlements if settlement.job.job_id not in lost]
            self._log.lost(flush.life.id, refused)
            self._observers.lost(refused)
        self._log.settled(flush.life.id, settlements)
        if self._observers:
            self._observers.settled(flush.life.id, settlements)
        self._settled()


class _GaveUp(Exception):
    """The worker can't wait for the store any longer."""


class _Flush:
    """What is written together: of one life of the worker."""

    __slots__ = ("life", "over", "settlements")

    def __init__(self, life: Life) -> None:
        self.life = life
        self.settlements: list[Settlement] = []
        self.over: list[Lease] = []

    def add(self, run: Run, settlement: Settlement) -> None:
        self.settlements.append(settlement)
        lease = run.lease
        lease.left -= 1
        if not lease.left:
            self.over.append(lease)


def _plain(settlement: Settlement) -> Settlement:
    """The same without what a store may refuse: nobody's text, only that it was lost."""
    failure = settlement.failure
    if failure is not None:
        failure = type(failure)(failure.type.encode("ascii", "replace").decode(), "(could not be kept)")
    return msgspec.structs.replace(settlement, failure=failure, args=None)
