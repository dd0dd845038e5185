"""Taking a batch of jobs into hand: one claim, its runs, and who carries them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from holdfast.core.outcomes import Interrupted, Outcome
from holdfast.store.verbs.claim import claim
from holdfast.store.verbs.claim_lined import claim_lined
from holdfast.store.verbs.in_hand import Order, Taken
from holdfast.store.verbs.settle_in import claim_apart, claim_lined_apart
from holdfast.worker.runs import Lease, Run

if TYPE_CHECKING:
    from holdfast.core.job import Claimed
    from holdfast.store.base import Channel
    from holdfast.store.marks import Floors
    from holdfast.store.records import LaneMark
    from holdfast.store.verbs.strays import PlaceOf
    from holdfast.worker.capacity import Capacity
    from holdfast.worker.executor import Executor
    from holdfast.worker.life import Life

STALE = 1.0
"""Seconds after which a job that was claimed and has not started is given back: another worker may have room."""


class Surroundings(Protocol):
    """What is needed of the worker."""

    def new_id(self) -> str: ...
    def new_run(self, job: Claimed, lease: Lease, claimed_at: float) -> Run | None:
        """None where it could not be made, and was reported."""
        ...

    def report(self, run: Run, outcome: Outcome) -> None: ...


class Batches:
    """Used by the claimer's thread, but for `stop`.

    Args:
        worker: what it belongs to.
        channel: the claimer's way to the store.
        executors: those who carry the runs.
        capacity: of those, which learns from each claim.
        limits: how many jobs of a queue may be in hand at a time, for the queues that have a limit.
        most: so many jobs in all; None is without limit.
        apart: names of tasks whose jobs get leases of their own, to be settled in their handlers' transactions.
        place: gives what says in which line a job is to stand that stands in none; None where none is to.
        ages: tells of queues whose jobs age after how many microseconds one counts as one priority higher.
    """

    def __init__(
        self,
        worker: Surroundings,
        channel: Channel,
        executors: Sequence[Executor],
        capacity: Capacity,
        limits: Mapping[str, int],
        most: int | None,
        apart: frozenset[str] = frozenset(),
        place: Callable[[], PlaceOf | None] = lambda: None,
        ages: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.left = most
        """So many may still be claimed."""
        self._worker = worker
        self._channel = channel
        self._executors = {executor.kind: executor for executor in executors}
        self._capacity = capacity
        self._limits = limits
        self._apart = apart
        self._place = place
        self._ages = ages
        self._called_first = False
        self._stopping = False
        self._stale_at = 0.0
        """When to look again for what waits for too long."""

    def stop(self) -> None:
        """Take nothing more; what a claim that is under way brings is given back."""
        self._stopping = True

    def limited(self, plan: list[LaneMark], limit: int, life: Life) -> tuple[list[LaneMark], int]:
        """A plan under the limits of its queues: one that has a limit is claimed from by itself."""
        limits = self._limits
        if not limits or not any(mark.queue in limits for mark in plan):
            return plan, limit
        held = Counter(run.job.queue for run in life.runs())
        plan = [mark for mark in plan if mark.queue not in limits or held[mark.queue] < limits[mark.queue]]
        if plan and plan[0].queue in limits:
            first = plan[0].queue
            return [mark for mark in plan if mark.queue == first], min(limit, limits[first] - held[first])
        return [mark for mark in plan if mark.queue not in limits], limit

    def take(self, life: Life, plan: Sequence[LaneMark], limit: int, tasks: Sequence[str]) -> list[Claimed]:
        """Claim from these lanes and hand over what comes.

        Raises:
            StoreError: nothing is known to have been claimed.
        """
        place = self._place()

        def write(new_lease: Callable[[], str]) -> list[Claimed]:
            if self._apart.isdisjoint(tasks):
                return self._channel.write(claim, life.id, new_lease(), plan, limit, tasks, place)
            return self._channel.write(
                claim_apart, life.id, new_lease(), plan, limit, tasks, self._apart, new_lease, place
            )

        return self._take(life, write)

    def take_lined(
        self,
        life: Life,
        plan: Sequence[LaneMark],
        limit: int,
        tasks: Sequence[str],
        serves: Callable[[str], bool],
        floors: Floors | None = None,
    ) -> Taken:
        """Claim jobs that wait in lines, and hand over what comes. Notes and slots are seen to.

        Args:
            life: the worker's.
            plan: where lines are due.
            limit: at most so many jobs.
            tasks: the names of the tasks served.
            serves: whether jobs of a queue may be taken.
            floors: from where on to look, on a store that wants that.

        Raises:
            StoreError: nothing is known to have been claimed.
        """
        answers: list[Taken] = []
        first = self._called_first = not self._called_first

        def write(new_lease: Callable[[], str]) -> list[Claimed]:
            order = Order(
                life.id, new_lease(), plan, limit, tasks, serves, self._place(), floors, self._ages(), first
            )
            if self._apart.isdisjoint(tasks):
                taken = self._channel.write(claim_lined, order)
            else:
                taken = self._channel.write(claim_lined_apart, order, self._apart, new_lease)
            answers.append(taken)
            return taken.jobs

        self._take(life, write)
        return answers[0] if answers else Taken([], None)

    def _take(self, life: Life, write: Callable[[Callable[[], str]], list[Claimed]]) -> list[Claimed]:
        if self._stopping:
            return []
        made: dict[str, Lease] = {}

        def new_lease() -> str:
            # Known from before the claim is sent, so that nobody takes it for one whose answer was lost.
            lease = Lease(self._worker.new_id(), life)
            made[lease.id] = life.leases[lease.id] = lease
            return lease.id

        began = monotonic()
        jobs: list[Claimed] = []
        try:
            jobs = write(new_lease)
        finally:
            # If a claim that failed was committed after all, the look at the leases under this worker's id finds it.
            for unused in made.keys() - {job.lease for job in jobs}:
                del life.leases[unused]
        if jobs:
            now = monotonic()
            if self.left is not None:
                self.left -= len(jobs)
            self._hand_over(self._runs(jobs, made, now), now - began, life)
        return jobs

    def _runs(self, jobs: Sequence[Claimed], leases: Mapping[str, Lease], now: float) -> list[Run]:
        # All are counted before any can end: one that can't be made into a run is settled at once.
        for job in jobs:
            leases[job.lease].left += 1
        runs: list[Run] = []
        for job in jobs:
            lease = leases[job.lease]
            run = self._worker.new_run(job, lease, now)
            if run is not None:
                lease.runs.append(run)
                runs.append(run)
        return runs

    def give_back_stale(self, now: float) -> None:
        """Give back what has waited for a slot too long."""
        if now < self._stale_at:
            return
        self._stale_at = now + STALE / 4
        for executor in self._executors.values():
            if executor.load() > executor.slots:
                self._give_back(executor.withdraw(now - STALE))

    def _hand_over(self, runs: list[Run], took: float, life: Life) -> None:
        if self._stopping or life.ended:
            self._give_back(runs)
            return
        by_kind: dict[str, list[Run]] = {}
        for run in runs:
            by_kind.setdefault(run.handler.kind, []).append(run)
        self._capacity.claimed({kind: len(some) for kind, some in by_kind.items()}, took)
        for kind, some in by_kind.items():
            self._executors[kind].submit(some)

    def _give_back(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self._worker.report(run, Interrupted(started=False))
