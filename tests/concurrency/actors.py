"""What the processes and threads of these tests do, each on a store of its own. Picklable: processes are spawned."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from holdfast.core import outcomes as o
from holdfast.core.errors import JobExists, StoreLocked, WrongState
from holdfast.core.job import Claimed, NewJob, Settlement
from holdfast.core.lifecycle import settle as decide
from holdfast.core.lines import encode_limits
from holdfast.core.policy import DEFAULT
from holdfast.core.slots import Rule
from holdfast.core.unique import Unique, key_for
from holdfast.store.base import Channel, Store
from holdfast.store.records import LaneMark, LimitRow, WorkerRow
from holdfast.store.verbs import (
    change,
    claim,
    jobs,
    leases,
    limits,
    lines,
    progress,
    rescue,
    retention,
    settle,
    workers,
)
from holdfast.store.verbs.claim_lined import claim_lined
from holdfast.store.verbs.in_hand import Order
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.insert_unique import insert_unique
from holdfast.store.verbs.strays import Place
from tests.conformance.backends import Backend
from tests.conformance.scene import QUEUE, SECOND, TASK, describe, new_ids

LANE = [LaneMark(QUEUE, 0)]
UNIQUE = (
    None,
    Unique(key="alive"),
    Unique(key="waiting", while_="waiting"),
    Unique(key="mixed", while_=["pending", "blocked", "running", "succeeded"]),
)


def worker_row(worker: str) -> WorkerRow:
    return WorkerRow(
        id=worker, host="h", pid=1, version="1", queues=None, tasks=[TASK], restricted=False, concurrency=1
    )


def new_job(job_id: str) -> NewJob:
    return NewJob(job_id=job_id, task=TASK, queue=QUEUE, args='{"n": 1}')


RULES = {
    "task:t/one": Rule(most=1),
    "task:t/two": Rule(most=2),
    "task:t/rate": Rule(count=300, per=SECOND, burst=2),
}
WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"ordering_key": "a"},
    {"limits": ("task:t/one",)},
    {"ordering_key": "b", "limits": ("task:t/two",)},
    {"share": "x", "limits": ("task:t/two",)},
    {"share": "y", "limits": ("task:t/one", "task:t/two")},
    {"limits": ("task:t/rate", "task:t/two|k")},
    {},
)
"""How jobs wait: some simply run, others have ordering keys, limits, rates and shares."""


def declare(store: Store) -> None:
    """Store what the limits say."""
    rows = [LimitRow(name, msgspec.json.encode(rule).decode()) for name, rule in RULES.items()]
    store.write(limits.declare_limits, rows, [])


def way(job_id: str) -> dict[str, Any]:
    return WAYS[int(job_id[-1], 16) % len(WAYS)]


def place(job: Claimed) -> Place | None:
    """Jobs whose arguments were changed stand in no line: whoever claims one puts it back."""
    wanted = new_job(job.job_id).replace(**way(job.job_id))
    if job.line is not None or wanted.line is None:
        return None
    return Place(wanted.line, encode_limits(wanted.limits))


def some_job(job_id: str) -> NewJob:
    """Jobs wait in all ways that there are, and most are unique under one of three keys."""
    job = new_job(job_id).replace(**way(job_id))
    rule = UNIQUE[int(job_id[-2], 16) % 4]
    return job if rule is None else job.replace(unique_key=key_for(rule, TASK, QUEUE, ""))


# --- plain traffic ---


def produce(backend: Backend, batches: int, answer: Any) -> None:
    """Enqueue, and answer with the ids and the seconds that each call took."""
    ids, made, took = new_ids(), [], []
    with closing(backend.open()) as store:
        for n in range(batches):
            batch = ids.take(1 + n % 3)
            began = time.perf_counter()
            store.write(insert, [new_job(job_id) for job_id in batch])
            took.append(time.perf_counter() - began)
            made += batch
    answer.put((made, took))


def consume(backend: Backend, all_produced: Event, answer: Any) -> None:
    """Claim and settle until nothing is left; answer with the ids that were settled."""
    ids, done = new_ids(), []
    with closing(backend.open()) as store:
        worker = ids.next()
        store.write(workers.register, worker_row(worker))
        while True:
            last = all_produced.is_set()
            lease = ids.next()
            claimed = store.write(claim.claim, worker, lease, LANE, 20, [TASK])
            if not claimed:
                if last:
                    break
                all_produced.wait(0.005)
                continue
            now = store.now()
            flush = [decide(job, o.Succeeded("1"), DEFAULT, now, describe=describe) for job in claimed]
            assert store.write(settle.settle, worker, flush, [lease]) == []
            done += [job.job_id for job in claimed]
    answer.put(done)


# --- until killed ---


def write_until_killed(backend: Backend, seed: int, log: str) -> None:
    """Enqueue, claim and settle at random; note in a file what was acknowledged, before going on."""
    dice, ids = random.Random(seed), new_ids()
    store = backend.open()
    worker = ids.next()
    store.write(workers.register, worker_row(worker))
    held: list[Claimed] = []
    with Path(log).open("a", buffering=1) as notes:
        notes.write(f"worker {worker}\n")
        while True:
            match dice.randrange(4):
                case 0 | 1:
                    batch = ids.take(dice.choice((1, 1, 5, 40)))
                    store.write(insert, [new_job(job_id) for job_id in batch])
                    notes.write("".join(f"enqueued {job_id}\n" for job_id in batch))
                case 2:
                    held += store.write(
                        claim.claim, worker, ids.next(), LANE, dice.choice((1, 10, 30)), [TASK]
                    )
                case 3 if held:
                    _settle_a_lease(store, worker, held, dice, notes)


def _settle_a_lease(store: Store, worker: str, held: list[Claimed], dice: random.Random, notes: Any) -> None:
    lease = held[0].lease
    mine = [job for job in held if job.lease == lease]
    held[:] = [job for job in held if job.lease != lease]
    now = store.now()
    outcomes = [dice.choice((o.Succeeded("1"), o.Fail("x"), o.Retry(timedelta()))) for _ in mine]
    flush = [
        decide(job, outcome, DEFAULT, now, describe=describe)
        for job, outcome in zip(mine, outcomes, strict=True)
    ]
    assert store.write(settle.settle, worker, flush, [lease]) == []
    notes.write("".join(f"ended {s.job.job_id} {s.job.run}\n" for s in flush if s.state.terminal))


# --- every verb at random ---


@dataclass
class Crew:
    """Workers and people who do all there is to do to a few jobs, at random, each in a thread or process of its own."""

    store: Store
    backend: Backend
    dice: random.Random
    ids: list[str]
    """The jobs, some of which may be deleted and inserted again at any time."""
    stop: Callable[[], bool]
    done: Counter[str] = field(default_factory=Counter)
    sent: list[tuple[str, list[Settlement], list[str]]] = field(default_factory=list)
    """Flushes that were sent, to be sent once more."""

    def __post_init__(self) -> None:
        self._new = new_ids()

    def work(self, channel: Channel) -> None:
        """A worker: claims, and settles or forgets what it has claimed. It may be declared dead at any time."""
        worker = self._new.next()
        channel.write(workers.register, worker_row(worker))
        while not self.stop():
            if self.dice.random() < 0.05 or not channel.write(workers.beat, worker, [], None):
                worker = self._new.next()
                channel.write(workers.register, worker_row(worker))
            lease = self._new.next()
            most = self.dice.randint(1, 5)
            if self.dice.random() < 0.6:
                order = Order(worker, lease, LANE, most, [TASK], lambda queue: queue == QUEUE, place)
                claimed = channel.write(claim_lined, order).jobs
                self.done["claimed from lines"] += len(claimed)
            else:
                claimed = channel.write(claim.claim, worker, lease, LANE, most, [TASK], place)
            self.done["claimed"] += len(claimed)
            self._run(channel, worker, lease, claimed)

    def _run(self, channel: Channel, worker: str, lease: str, claimed: list[Claimed]) -> None:
        left = list(claimed)
        self.dice.shuffle(left)
        while left and not self.stop():
            chance = self.dice.random()
            if chance < 0.08:
                return  # it forgets them, and has to be found dead
            if chance < 0.16:
                now = self.store.now()
                channel.write(
                    leases.give_back_lease, worker, lease, lambda job, now=now: self._back(job, now)
                )
                return
            if chance < 0.3:
                job = left[0]
                channel.write(progress.progress, lease, worker, job.job_id, job.run, 50, None)
            part, left = self._cut(left)
            now = self.store.now()
            flush = [self._decided(job, now) for job in part]
            over = [] if left else [lease]
            refused = channel.write(settle.settle, worker, flush, over)
            self.done["settled"] += len(flush) - len(refused)
            self.done["lost"] += len(refused)
            self.sent.append((worker, flush, over))
            del self.sent[:-40]

    def _cut(self, left: list[Claimed]) -> tuple[list[Claimed], list[Claimed]]:
        n = self.dice.randint(1, len(left))
        return left[:n], left[n:]

    def _decided(self, job: Claimed, now: int) -> Settlement:
        outcome = self.dice.choice(
            (
                o.Succeeded("1"),
                o.Succeeded("2"),
                o.Fail("x"),
                o.Cancel(),
                o.Retry(timedelta()),
                o.Snooze(timedelta()),
                o.Reschedule(o.After(timedelta())),
            )
        )
        made = decide(job, outcome, DEFAULT, now, describe=describe)
        if made.state.terminal:
            return replace(made, expires_at=self.dice.choice((None, now - SECOND)))
        return replace(made, run_at=now - SECOND)

    @staticmethod
    def _back(job: Claimed, now: int) -> Settlement:
        made = decide(job, o.Interrupted(), DEFAULT, now, describe=describe)
        return replace(made, run_at=now - SECOND, lane=0)

    def send_again(self, channel: Channel) -> None:
        """A connection that broke: flushes arrive a second time, at any later moment."""
        while not self.stop():
            if self.sent:
                worker, flush, over = self.dice.choice(self.sent)
                channel.write(settle.settle, worker, flush, over)
                self.done["sent again"] += 1
            time.sleep(self.dice.random() * 0.004)

    def bury(self, channel: Channel) -> None:
        """Declare workers dead at random, rightly or not, and settle what they held."""
        while not self.stop():
            beats = channel.read(workers.beats)
            dead = self.dice.sample(beats, k=min(len(beats), self.dice.randint(0, 1)))
            now = self.store.now()
            settled = channel.write(rescue.rescue, dead, lambda job, _, now=now: self._back(job, now))
            self.done["rescued"] += len(settled)
            time.sleep(self.dice.random() * 0.01)

    def meddle(self, channel: Channel) -> None:
        """People: cancel, force, retry, delete, look."""
        while not self.stop():
            job_id = self.dice.choice(self.ids)
            match self.dice.randrange(10):
                case 0 | 1:
                    try:
                        self.done["retried"] += channel.write(jobs.retry, job_id)
                    except JobExists:
                        self.done["key taken"] += 1
                case 2 | 3:
                    force = self.dice.random() < 0.4
                    answer = channel.write(jobs.cancel, job_id, self.store.now(), None, force)
                    self.done[answer.value] += 1
                case 4:
                    try:
                        self.done["deleted"] += channel.write(jobs.delete, job_id)
                    except WrongState:
                        self.done["not deleted"] += 1
                case 5:
                    self.done["cleaned"] += channel.write(retention.clean, 3)[0]
                case 6:
                    self._insert_again(channel, job_id)
                case 7 | 8:
                    self._change(channel, job_id)
                case _:
                    channel.read(jobs.get_many, self.ids)
            time.sleep(self.dice.random() * 0.002)

    def _change(self, channel: Channel, job_id: str) -> None:
        now = self.store.now()
        run_at = self.dice.choice([None, 0, now + 2000])
        what = change.Change(run_at=run_at, args='{"n": 1}')
        self.done[channel.write(change.change, job_id, what, now).value] += 1

    def _insert_again(self, channel: Channel, job_id: str) -> None:
        # Alone or with another, in any order of their keys.
        others = self.dice.sample([one for one in self.ids if one != job_id], self.dice.randint(0, 2))
        batch = [some_job(one) for one in dict.fromkeys([job_id, *others])]
        try:
            met = channel.write(insert_unique, batch, resent=True)
        except (JobExists, StoreLocked):
            # Two may insert the same ones at once, which no caller does: ids are made for one batch.
            self.done["inserted by another"] += 1
            return
        self.done["inserted"] += len(batch)
        self.done["met another"] += sum(one is not None for one in met)

    def forget(self, channel: Channel) -> None:
        """What workers do beside: forget lines without jobs, and slots that nobody uses."""
        while not self.stop():
            self.done["lines forgotten"] += channel.write(lines.drop_idle, 1)
            time.sleep(self.dice.random() * 0.005)

    def actors(self) -> list[Callable[[Channel], None]]:
        return [self.work] * 5 + [self.send_again, self.bury] + [self.meddle] * 2 + [self.forget]


def mix(backend: Backend, seed: int, ids: Sequence[str], begin: Event, stop: Event, answer: Any) -> None:
    """One process of a crew: a worker, and all the others in turn, for as long as it may."""
    import threading

    failures: list[str] = []
    with closing(backend.open()) as store:
        crew = Crew(store, backend, random.Random(seed), list(ids), lambda: stop.is_set() or bool(failures))

        def guarded(actor: Callable[[Channel], None]) -> None:
            with closing(store.channel("crew")) as channel:
                try:
                    actor(channel)
                except BaseException as error:
                    failures.append(f"{actor.__name__}: {error!r}")

        begin.wait(60)
        actors = [crew.work, crew.work, crew.send_again, crew.bury, crew.meddle, crew.forget]
        threads = [threading.Thread(target=guarded, args=(actor,)) for actor in actors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    answer.put((failures, dict(crew.done)))
