"""A run that finishes in its handler's own transaction: effects and success commit together, or neither does."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from holdfast.core.errors import LeaseLost, StoreLocked
from holdfast.core.job import Claimed, Settlement
from holdfast.core.outcomes import Interrupted, Raised, Succeeded
from holdfast.core.states import JobState
from holdfast.store.records import CancelAnswer, LaneMark
from holdfast.store.verbs import jobs, rescue, workers
from holdfast.store.verbs.settle_in import Conclusion, claim_apart, conclude, settle_in
from tests.conformance import invariant
from tests.conformance.backends import PostgresBackend
from tests.conformance.scene import QUEUE, TASK, Scene
from tests.transactions.conftest import DRIVERS, Bench

OTHER = "mail.other"


class Hands:
    """A worker that runs jobs one by one, each in a lease of its own."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.store = scene.store
        self.id = scene.worker()

    def claim(self, n: int = 1) -> list[Claimed]:
        return self.store.write(
            claim_apart,
            self.id,
            self.scene.ids.next(),
            [LaneMark(QUEUE, 0)],
            n,
            [TASK],
            {TASK},
            self.scene.ids.next,
        )

    def one(self) -> Claimed:
        self.scene.enqueue()
        return self.claim()[0]

    def success(self, job: Claimed, result: str = '"sent"') -> Settlement:
        return self.scene.decide(job, Succeeded(result))

    def failure(self, job: Claimed) -> Settlement:
        return self.scene.decide(job, Raised(RuntimeError("its transaction was not committed")))

    def conclude(
        self, job: Claimed, settlement: Settlement | None = None, *, over: bool = True
    ) -> Conclusion:
        return self.store.write(conclude, self.id, settlement or self.failure(job), over)

    def die(self) -> list[Settlement]:
        """Be found dead, with all that is held given to others."""
        beats = dict(self.store.read(workers.beats))
        gone = [(self.id, beats[self.id])] if self.id in beats else []
        return self.store.write(rescue.rescue, gone, lambda job, _: self.scene.decide(job, Interrupted()))


@pytest.fixture
def hands(scene: Scene) -> Hands:
    return Hands(scene)


# --- every driver ---------------------------------------------------------------------------------------------

each_driver = pytest.mark.parametrize("way", DRIVERS, indirect=True)


@each_driver
async def test_success_commits_with_the_effects(bench: Bench, hands: Hands) -> None:
    job = hands.one()
    async with bench.open() as holder:
        await holder.begin()
        await holder.execute("INSERT INTO ledger VALUES ('paid')")
        await holder.run(bench.store, settle_in, hands.id, hands.success(job))
        assert bench.scene.get(job.job_id).state is JobState.RUNNING
        await holder.commit()
    assert hands.conclude(job) is Conclusion.SUCCEEDED
    record = bench.scene.get(job.job_id)
    assert (record.state, record.result, record.run, record.worker) == (
        JobState.SUCCEEDED,
        '"sent"',
        1,
        hands.id,
    )
    assert bench.ledger() == ["paid"]
    assert bench.scene.leases() == {}
    assert bench.scene.errors(job.job_id) == []


@each_driver
async def test_a_rollback_takes_both_back(bench: Bench, hands: Hands) -> None:
    job = hands.one()
    async with bench.open() as holder:
        await holder.begin()
        await holder.execute("INSERT INTO ledger VALUES ('paid')")
        await holder.run(bench.store, settle_in, hands.id, hands.success(job))
        await holder.rollback()
    assert hands.conclude(job) is Conclusion.SETTLED
    record = bench.scene.get(job.job_id)
    assert (record.state, record.attempt, bench.ledger(), bench.scene.leases()) == (
        JobState.PENDING,
        1,
        [],
        {},
    )
    assert [error.message for error in bench.scene.errors(job.job_id)] == [
        "its transaction was not committed"
    ]


@each_driver
async def test_a_zombie_is_refused_and_its_transaction_stays_usable(bench: Bench, hands: Hands) -> None:
    job = hands.one()
    async with bench.open() as holder:
        await holder.begin()
        assert bench.way.dialect == "sqlite" or await holder.execute("SELECT 1")
        hands.die()
        other = Hands(bench.scene)
        with pytest.raises(LeaseLost, match=f"run 1 of job {job.job_id} .* has lost its lease"):
            await holder.run(bench.store, settle_in, hands.id, hands.success(job))
        await holder.execute("INSERT INTO ledger VALUES ('usable')")
        await holder.rollback()
        assert hands.conclude(job) is Conclusion.LOST
        [again] = other.claim()
        await holder.begin()
        await holder.execute("INSERT INTO ledger VALUES ('paid')")
        await holder.run(bench.store, settle_in, other.id, other.success(again))
        await holder.commit()
    assert other.conclude(again) is Conclusion.SUCCEEDED
    assert (bench.ledger(), bench.scene.get(job.job_id).run) == (["paid"], 2)


# --- what may come between ------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite3", "psycopg"])
def way(request: pytest.FixtureRequest) -> Any:
    from tests.transactions.conftest import WAYS

    return WAYS[request.param]


async def test_twice_in_one_run_is_harmless(bench: Bench, hands: Hands) -> None:
    job = hands.one()
    async with bench.open() as holder:
        for _ in range(2):
            await holder.begin()
            for _ in range(2):
                await holder.run(bench.store, settle_in, hands.id, hands.success(job))
            await holder.commit()
    assert hands.conclude(job) is Conclusion.SUCCEEDED
    assert hands.conclude(job) is Conclusion.SUCCEEDED, "and so is asking again after a broken connection"


async def test_a_forced_cancel_comes_first(bench: Bench, hands: Hands) -> None:
    job = hands.one()
    async with bench.open() as holder:
        answer = bench.store.write(jobs.cancel, job.job_id, bench.store.now(), None, True)
        assert answer is CancelAnswer.CANCELLED
        await holder.begin()
        with pytest.raises(LeaseLost):
            await holder.run(bench.store, settle_in, hands.id, hands.success(job))
        await holder.rollback()
    assert hands.conclude(job) is Conclusion.LOST
    assert bench.scene.get(job.job_id).state is JobState.CANCELLED


async def test_a_job_retried_meanwhile_is_another_runs(bench: Bench, hands: Hands) -> None:
    job = hands.one()
    async with bench.open() as holder:
        await holder.begin()
        await holder.run(bench.store, settle_in, hands.id, hands.success(job))
        await holder.commit()
        assert bench.store.write(jobs.retry, job.job_id) is True
        await holder.begin()
        with pytest.raises(LeaseLost):
            await holder.run(bench.store, settle_in, hands.id, hands.success(job))
        await holder.rollback()
    assert hands.conclude(job) is Conclusion.LOST
    assert bench.scene.get(job.job_id).state is JobState.PENDING


async def test_the_worker_dies_after_the_commit(bench: Bench, hands: Hands) -> None:
    job = hands.one()
    async with bench.open() as holder:
        await holder.begin()
        await holder.run(bench.store, settle_in, hands.id, hands.success(job))
        await holder.commit()
    assert hands.die() == [], "nothing is left to be rescued"
    assert hands.conclude(job) is Conclusion.SUCCEEDED
    assert (bench.scene.get(job.job_id).state, bench.scene.leases()) == (JobState.SUCCEEDED, {})


async def test_in_a_lease_that_it_shares(bench: Bench, hands: Hands) -> None:
    """A task that wasn't known to settle itself is claimed with others; that only costs them time."""
    done, undone, last = bench.scene.run(3, hands.id)
    async with bench.open() as holder:
        await holder.begin()
        await holder.run(bench.store, settle_in, hands.id, hands.success(done))
        await holder.commit()
    assert hands.conclude(done, over=False) is Conclusion.SUCCEEDED
    assert hands.conclude(undone, over=False) is Conclusion.SETTLED
    assert bench.scene.settle(hands.id, [hands.success(last)], [last.lease]) == []
    states = [bench.scene.get(job.job_id).state for job in (done, undone, last)]
    assert states == [JobState.SUCCEEDED, JobState.PENDING, JobState.SUCCEEDED]
    bench.scene.check(quiet=True)


def test_whatever_it_decided_otherwise_is_applied(hands: Hands, scene: Scene) -> None:
    job = hands.one()
    assert hands.conclude(job, scene.decide(job, Interrupted())) is Conclusion.SETTLED
    assert scene.get(job.job_id).attempt == 0
    [job] = hands.claim()
    assert hands.conclude(job, hands.success(job)) is Conclusion.SETTLED
    assert scene.get(job.job_id).state is JobState.SUCCEEDED


# --- leases of one --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mixed", "leases"), [((TASK,), 1), ((TASK, TASK, TASK), 3), ((OTHER, TASK, OTHER, TASK), 3)]
)
def test_leases_of_their_own(scene: Scene, mixed: tuple[str, ...], leases: int) -> None:
    worker = scene.worker(tasks=[TASK, OTHER])
    wanted = [scene.enqueue_one(task=task) for task in mixed]
    shared = scene.ids.next()
    claimed = scene.store.write(
        claim_apart, worker, shared, [LaneMark(QUEUE, 0)], 10, [TASK, OTHER], {TASK}, scene.ids.next
    )
    assert [job.job_id for job in claimed] == wanted
    kept = scene.leases()
    assert len(kept) == leases
    for job in claimed:
        named, released = kept[job.lease]
        assert job.job_id in named
        assert job.job_id not in released
        assert len(mixed) == 1 or (job.lease == shared) == (job.task == OTHER)
    scene.check(quiet=True)
    for lease in {job.lease for job in claimed}:
        some = [job for job in claimed if job.lease == lease]
        scene.finish(worker, some)
    assert scene.leases() == {}


def test_nothing_due_makes_no_lease(scene: Scene, hands: Hands) -> None:
    assert (hands.claim(), scene.leases()) == ([], {})


# --- PostgreSQL, where transactions run side by side ----------------------------------------------------------


@pytest.fixture
def side_by_side(postgres: PostgresBackend) -> Iterator[Scene]:
    store = postgres.open()
    yield Scene(store, postgres)
    store.close()
    invariant.check(postgres)


def test_while_it_is_open_nobody_waits_for_it(side_by_side: Scene, postgres: PostgresBackend) -> None:
    scene, store = side_by_side, side_by_side.store
    hands = Hands(scene)
    job, neighbour = hands.one(), hands.one()
    with psycopg.connect(postgres.url) as connection:
        store.within(connection, settle_in, hands.id, hands.success(job))
        assert hands.conclude(job) is Conclusion.OPEN
        assert scene.settle(hands.id, [hands.success(neighbour)], [neighbour.lease]) == []
        store.write(workers.unregister, hands.id)
        assert hands.die() == [], "a rescue leaves it alone"
        assert job.lease in scene.leases()
        connection.commit()
    assert hands.conclude(job) is Conclusion.SUCCEEDED
    assert scene.get(job.job_id).state is JobState.SUCCEEDED


def test_a_forced_cancel_waits_for_its_end(side_by_side: Scene, postgres: PostgresBackend) -> None:
    scene, store = side_by_side, side_by_side.store
    hands = Hands(scene)
    for commit, answer in ((True, CancelAnswer.ENDED), (False, CancelAnswer.CANCELLED)):
        job = hands.one()
        with psycopg.connect(postgres.url) as connection, ThreadPoolExecutor(1) as pool:
            store.within(connection, settle_in, hands.id, hands.success(job))
            waiting = pool.submit(store.write, jobs.cancel, job.job_id, 1, None, True)
            threading.Event().wait(0.1)
            assert not waiting.done()
            connection.commit() if commit else connection.rollback()
            assert waiting.result(10) is answer
        assert hands.conclude(job) is (Conclusion.SUCCEEDED if commit else Conclusion.LOST)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_on_an_old_snapshot(side_by_side: Scene, postgres: PostgresBackend, level: str) -> None:
    """The lease is older than the transaction. One that was lost since then can't be missed."""
    scene, store = side_by_side, side_by_side.store
    for lose in (False, True):
        hands = Hands(scene)
        job = hands.one()
        with psycopg.connect(postgres.url) as connection:
            connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
            connection.execute("INSERT INTO ledger VALUES ('x')")
            if lose:
                hands.die()
                with pytest.raises((LeaseLost, StoreLocked)):
                    store.within(connection, settle_in, hands.id, hands.success(job))
                connection.rollback()
            else:
                store.within(connection, settle_in, hands.id, hands.success(job))
                connection.commit()
        assert hands.conclude(job) is (Conclusion.LOST if lose else Conclusion.SUCCEEDED)
    assert postgres.execute("SELECT count(*) FROM ledger") == [(1,)]


class Payer:
    """A worker whose handlers commit, roll back, dawdle and are taken for dead."""

    def __init__(self, scene: Scene, url: str, seed: int, end: threading.Event) -> None:
        self.error: BaseException | None = None
        self._scene = scene
        self._url = url
        self._chance = random.Random(seed)
        self._end = end

    def carry(self) -> None:
        try:
            with psycopg.connect(self._url) as connection:
                while not self._end.is_set():
                    hands = Hands(self._scene)
                    for job in hands.claim(self._chance.randint(1, 4)):
                        self._pay(hands, job, connection)
                    hands.die()
        except BaseException as error:
            self.error = error
            self._end.set()

    def _pay(self, hands: Hands, job: Claimed, connection: psycopg.Connection[Any]) -> None:
        fate = self._chance.choice(["dies before", "dies meanwhile", "dies after", *["lives"] * 6])
        if fate == "dies before":
            hands.die()
        connection.execute("INSERT INTO paid VALUES (%s)", [job.job_id])
        if fate == "dies meanwhile":
            hands.die()
        try:
            hands.store.within(connection, settle_in, hands.id, hands.success(job))
        except (LeaseLost, StoreLocked):
            connection.rollback()
        else:
            if fate == "dies after":
                hands.die()
            connection.commit() if self._chance.random() < 0.7 else connection.rollback()
        hands.conclude(job, hands.scene.decide(job, Interrupted()))


def test_a_ledger_that_must_balance(side_by_side: Scene, postgres: PostgresBackend) -> None:
    """Every job is paid for exactly once."""
    wanted = side_by_side.enqueue(60)
    postgres.execute("CREATE TABLE paid (job uuid NOT NULL)")
    end = threading.Event()
    payers = [Payer(side_by_side, postgres.url, seed, end) for seed in range(3)]
    threads = [threading.Thread(target=payer.carry) for payer in payers]
    for thread in threads:
        thread.start()
    for _ in range(600):
        if end.wait(0.05) or len(postgres.tables().finished) == len(wanted):
            break
    end.set()
    for thread in threads:
        thread.join()
    assert [payer.error for payer in payers] == [None] * len(payers)
    paid = sorted(str(job) for (job,) in postgres.execute("SELECT job FROM paid"))
    ended = [str(job) for (job,) in postgres.execute("SELECT id FROM {}finished WHERE state = 'succeeded'")]
    assert paid == sorted(ended)
    assert len(paid) > 20
