"""A store with workers and jobs on it: what tests do again and again, each step one real verb."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from holdfast.core.ids import IdSource
from holdfast.core.job import Claimed, Failure, JobRecord, NewJob, RunError, Settlement, is_suspect
from holdfast.core.lifecycle import settle as decide_outcome
from holdfast.core.outcomes import Crashed, Interrupted, Outcome, Succeeded
from holdfast.core.policy import DEFAULT, Policy
from holdfast.store.base import Store
from holdfast.store.records import LaneDue, LaneMark, WorkerRow
from holdfast.store.statement import Wake
from holdfast.store.verbs import claim, claim_lined, jobs, leases, rescue, settle, workers
from holdfast.store.verbs.in_hand import Order, Taken
from holdfast.store.verbs.insert import insert
from tests.conformance import invariant
from tests.conformance.backends import Backend

QUEUE = "mail"
TASK = "mail.send"
SECOND = 1_000_000
HOUR = 3600 * SECOND
SLACK = SECOND
"""Between two readings of a server's clock, one of which is an estimate of a client that may be kept waiting."""


def new_ids() -> IdSource:
    return IdSource(lambda: time.time_ns() // 1_000_000, os.urandom)


def describe(error: BaseException) -> Failure:
    return Failure(type(error).__name__, str(error), f"traceback of {error}")


def until(condition: Callable[[], object], seconds: float = 10.0, what: str = "the condition") -> Any:
    """Wait until something holds, looking often; returns what it gave. Fails when it takes too long."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not hold within {seconds} s"
        time.sleep(0.002)


class Scene:
    """One store in a test."""

    def __init__(self, store: Store, backend: Backend) -> None:
        self.store = store
        self.backend = backend
        self.ids = new_ids()

    # --- jobs ---

    def new(self, n: int = 1, **fields: Any) -> list[NewJob]:
        fields = {"task": TASK, "queue": QUEUE, "args": "{}"} | fields
        return [NewJob(job_id=job_id, **fields) for job_id in self.ids.take(n)]

    def enqueue(self, n: int = 1, **fields: Any) -> list[str]:
        """Insert some jobs in one batch; returns their ids."""
        made = self.new(n, **fields)
        self.store.write(insert, made)
        return [job.job_id for job in made]

    def enqueue_one(self, **fields: Any) -> str:
        return self.enqueue(1, **fields)[0]

    def get(self, job_id: str) -> JobRecord:
        record = self.store.read(jobs.get, job_id)
        assert record is not None, f"there is no job {job_id}"
        return record

    def errors(self, job_id: str) -> list[RunError]:
        return self.store.read(jobs.errors, job_id)

    # --- workers ---

    def worker(self, **fields: Any) -> str:
        """Register a worker; returns its id."""
        row = {
            "id": self.ids.next(),
            "host": "host",
            "pid": os.getpid(),
            "version": "1",
            "queues": None,
            "tasks": [TASK],
            "restricted": False,
            "concurrency": 10,
        }
        row |= fields
        self.store.write(workers.register, WorkerRow(**row))
        return str(row["id"])

    def claim(
        self,
        worker: str,
        *lanes: tuple[str, int],
        limit: int = 100,
        tasks: Sequence[str] = (TASK,),
        lease: str | None = None,
    ) -> list[Claimed]:
        """Claim from the lanes given, by default the one at priority 0 of the usual queue."""
        marks = [LaneMark(queue, lane) for queue, lane in lanes or ((QUEUE, 0),)]
        return self.store.write(claim.claim, worker, lease or self.ids.next(), marks, limit, tasks)

    def claim_any(self, worker: str, *lanes: tuple[str, int], limit: int = 100) -> list[Claimed]:
        """Claim jobs that simply run, and such that wait in lines."""
        found = self.claim(worker, *lanes, limit=limit)
        return found + self.claim_lined(worker, limit=limit - len(found))

    def claim_lined(
        self,
        worker: str,
        *lanes: tuple[str, int],
        limit: int = 100,
        tasks: Sequence[str] = (TASK,),
        serves: Callable[[str], bool] = lambda queue: True,
    ) -> list[Claimed]:
        """Claim jobs that wait in lines, by default wherever lines may go on now; suspects are left aside."""
        return self.take_lined(worker, *lanes, limit=limit, tasks=tasks, serves=serves).jobs

    def take_lined(
        self,
        worker: str,
        *lanes: tuple[str, int],
        limit: int = 100,
        tasks: Sequence[str] = (TASK,),
        serves: Callable[[str], bool] = lambda queue: True,
    ) -> Taken:
        now = self.store.now() + SLACK
        found = [
            (lane.queue, lane.lane)
            for lane in self.lines()
            if lane.run_at <= now and not is_suspect(lane.lane)
        ]
        marks = [LaneMark(queue, lane) for queue, lane in lanes or found]
        order = Order(worker, self.ids.next(), marks, limit, tasks, serves)
        return self.store.write(claim_lined.claim_lined, order)

    def lines(self) -> list[LaneDue]:
        """The lanes of lines that may go on, now or later."""
        return [lane for lane in self.store.read(claim.lanes) if lane.lined]

    def run(self, n: int = 1, worker: str | None = None, **fields: Any) -> list[Claimed]:
        """Enqueue some jobs and claim them in one lease."""
        wanted = self.enqueue(n, **fields)
        lane = (fields.get("queue", QUEUE), fields.get("priority", 0))
        task = fields.get("task", TASK)
        claimed = self.claim(worker or self.worker(), lane, limit=n, tasks=[task])
        assert {job.job_id for job in claimed} == set(wanted)
        return claimed

    def is_now(self, at: int | None, since: int) -> bool:
        """True if a time lies between `since` and now."""
        return at is not None and since - SLACK <= at <= self.store.now() + SLACK

    def due(self, settlement: Settlement) -> Settlement:
        """The same settlement, with the job to run at once."""
        return replace(settlement, run_at=settlement.at - 10 * SECOND)

    def expired(self, settlement: Settlement) -> Settlement:
        """The same settlement, with the job's retention over already."""
        return replace(settlement, expires_at=settlement.at - 10 * SECOND)

    def decide(
        self, job: Claimed, outcome: Outcome, policy: Policy = DEFAULT, now: int | None = None
    ) -> Settlement:
        """What an outcome changes. Inside of a verb the time must be given."""
        return decide_outcome(job, outcome, policy, now or self.store.now(), describe=describe)

    def settle(
        self, worker: str, settlements: Iterable[Settlement], over: Sequence[str] = ()
    ) -> list[Settlement]:
        return self.store.write(settle.settle, worker, list(settlements), over)

    def finish(self, worker: str, claimed: Sequence[Claimed], outcome: Outcome | None = None) -> None:
        """Settle a whole lease with one outcome, and be done with it."""
        outcome = outcome or Succeeded("null")
        over = sorted({job.lease for job in claimed})
        assert self.settle(worker, [self.decide(job, outcome) for job in claimed], over) == []

    def give_back(self, worker: str, lease: str) -> int:
        now = self.store.now()

        def uncharged(job: Claimed) -> Settlement:
            return decide_outcome(job, Interrupted(), DEFAULT, now, describe=describe)

        return self.store.write(leases.give_back_lease, worker, lease, uncharged)

    def rescue(self, *dead: tuple[str, int], policy: Policy = DEFAULT, limit: int = 20) -> list[Settlement]:
        """Remove workers found dead at these beats, and settle what they held as a crash."""
        now = self.store.now()

        def charged(job: Claimed, worker: str) -> Settlement:
            return decide_outcome(job, Crashed(worker), policy, now, describe=describe)

        return self.store.write(rescue.rescue, dead, charged, limit)

    def rescue_by(self, decide: Callable[[Claimed, str], Any], *dead: str) -> list[Settlement]:
        """The same with another decision, for workers that have never beaten."""
        return self.store.write(rescue.rescue, [(worker, 0) for worker in dead], decide)

    # --- looking ---

    def news(self) -> list[Wake]:
        """A list that grows with all the news that this process is told from now on."""
        heard: list[Wake] = []
        self.store.subscribe(heard.append)
        return heard

    def leases(self) -> dict[str, tuple[list[str], list[str]]]:
        return self.backend.tables().leases

    def check(self, *, quiet: bool = False) -> None:
        invariant.check(self.backend, quiet=quiet)
