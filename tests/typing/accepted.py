"""What both type checkers must take, with the types that they must find. Nothing here is run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type
from uuid import UUID

from holdfast import (
    After,
    AsyncContextTask,
    AsyncTask,
    BoundTask,
    Cancel,
    Constant,
    Cron,
    Draft,
    EnqueueNext,
    Enqueuer,
    Every,
    Exponential,
    Holdfast,
    Job,
    JobContext,
    JobState,
    Limit,
    Middleware,
    MoveToDlq,
    NewJob,
    Outcome,
    ProcessNext,
    Rate,
    Reschedule,
    ResultCapture,
    Retention,
    Retry,
    Snooze,
    StoredLimit,
    StoredSchedule,
    SyncContextTask,
    SyncTask,
    TaskHandler,
    TaskRouter,
    capture_result,
    capturing,
    current_job,
)
from holdfast.testing import Drained, Rehearsal


@asynccontextmanager
async def lifespan(app: Holdfast) -> AsyncGenerator[str]:
    yield "state"


@contextmanager
def plain_lifespan() -> Generator[int]:
    yield 1


class Timing(Middleware):
    async def enqueue(self, draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        return await call_next(draft.replace(priority=3))

    async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
        return await call_next(ctx.replace(meta={}))


app = Holdfast(
    "sqlite:///jobs.db",
    middleware=[Timing()],
    lifespan=lifespan,
    retry=Exponential(base=timedelta(seconds=1)),
    retry_on=Retry,
    default_timeout=timedelta(minutes=1),
)
other = Holdfast(lifespan=plain_lifespan)
app.queue("mail", concurrency=20, priority=3, retry=Constant(timedelta(seconds=10)), middleware=[Timing()])


@dataclass
class Receipt:
    number: int


# --- declaring -----------------------------------------------------------------------------------------------


@app.task
def bare(name: str, times: int = 1) -> str:
    return name * times


@app.task
async def bare_async(name: str) -> Receipt | None:
    return None


@app.task(
    name="mail.send",
    queue="mail",
    priority=10,
    max_attempts=None,
    retry=Exponential(base=timedelta(seconds=2), jitter=0.1),
    retry_on=Exception,
    fail_on=(ValueError, TypeError),
    timeout=timedelta(seconds=30),
    sensitive=("token",),
    middleware=[Timing()],
)
async def called(to: str, *, token: str) -> Receipt:
    return Receipt(1)


@app.task(executor="process")
def called_sync(number: int) -> list[int]:
    return [number]


@app.task(takes_context=True)
def with_context(ctx: JobContext, path: str, *, width: int = 800) -> bytes:
    ctx.progress(40, "resizing")
    ctx.log.info("now")
    return b""


@app.task(takes_context=True, queue="images")
async def async_with_context(ctx: JobContext, path: str) -> float:
    await ctx.aprogress(40)
    return 1.0


@app.task
def deciding(page: int) -> int | Reschedule:
    return Reschedule(After(timedelta(hours=1)), args={"page": page + 1})


@app.task
async def deciding_much(page: int) -> str | Retry | Snooze | Cancel | MoveToDlq:
    return Snooze(timedelta(minutes=1))


@app.task
def deciding_anything(page: int) -> dict[str, int] | Outcome:
    raise Cancel("withdrawn")


@app.task
async def only_outcomes() -> Reschedule:
    return Reschedule(After(timedelta(hours=1)))


@app.task
def nothing() -> None: ...


router = TaskRouter()


@router.task
def routed(number: int) -> int:
    return number


@router.task(takes_context=True)
async def routed_with_context(ctx: JobContext, number: int) -> int:
    return number


def include_later(app: Holdfast) -> None:
    app.include(router)


app.include(router)
app.include(include_later)
app.include(lambda: None)


class Resize(TaskHandler[Receipt, int]):
    async def run(self, args: Receipt, ctx: JobContext) -> int:
        return args.number


class Again(TaskHandler[Receipt, int]):
    async def run(self, args: Receipt, ctx: JobContext) -> int | Outcome:
        return Retry()


resize = app.add(Resize(), queue="images")
again = router.add(Again())

assert_type(bare("a", times=2), str)
waiting: Coroutine[Any, Any, Receipt | None] = bare_async("a")
assert_type(called.name, str)
assert_type(resize, AsyncContextTask[[Receipt], int])


# --- enqueuing -----------------------------------------------------------------------------------------------

assert_type(bare.enqueue("a"), Job[str])
assert_type(bare.enqueue("a", 2), Job[str])
assert_type(bare.enqueue(name="a", times=2), Job[str])
assert_type(bare_async.enqueue("a"), Job[Receipt | None])
assert_type(called.enqueue("a", token="t"), Job[Receipt])
assert_type(called_sync.enqueue(1), Job[list[int]])
assert_type(with_context.enqueue("a", width=2), Job[bytes])
assert_type(async_with_context.enqueue("a"), Job[float])
assert_type(deciding.enqueue(1), Job[int])
assert_type(deciding_much.enqueue(1), Job[str])
assert_type(deciding_anything.enqueue(1), Job[dict[str, int]])
assert_type(only_outcomes.enqueue(), Job[None])
assert_type(nothing.enqueue(), Job[None])
assert_type(routed.enqueue(1), Job[int])
assert_type(routed_with_context.enqueue(number=1), Job[int])
assert_type(resize.enqueue(Receipt(1)), Job[int])
assert_type(again.enqueue(Receipt(1)), Job[int])

later = called.using(delay=timedelta(minutes=5), priority=50, max_attempts=None, id=UUID(int=1)).using(
    queue="slow"
)
assert_type(later.enqueue("a", token="t"), Job[Receipt])
assert_type(
    called.using(at=datetime.now(UTC), timeout=None, meta={"tenant": "x"}).new("a", token="t"), Draft[Receipt]
)
assert_type(called.job(UUID(int=1)), Job[Receipt])

assert_type(app.enqueue_many([bare.new("a"), bare.new("b")]), list[Job[str]])
assert_type(app.enqueue_many(bare.new(str(number)) for number in range(3)), list[Job[str]])
assert_type(app.enqueue_many([app.new("mail.send", {"to": "a"})]), list[Job[Any]])
mixed: list[Draft[Any]] = [bare.new("a"), called.new("a", token="t")]
assert_type(app.enqueue_many(mixed), list[Job[Any]])
app.enqueue_many([bare.new("a"), called.new("a", token="t"), with_context.new("b")])
assert_type(app.enqueue("mail.send", {"to": "a"}, declare=True, delay=3, meta={"a": [1]}), Job[Any])

enqueuer: Enqueuer = app


def generic(task: BoundTask[[str], str]) -> Job[str]:
    return task.enqueue("a")


def kinds(one: AsyncTask[[str], int], two: SyncContextTask[[int], str], three: SyncTask[[], str]) -> str:
    return two(current_job(), 3) + three()


# --- results and jobs ----------------------------------------------------------------------------------------

assert_type(called.enqueue("a", token="t").result(timeout=1), Receipt)
assert_type(deciding.enqueue(1).result(timedelta(seconds=1)), int)
assert_type(app.jobs.get("x").result(), Any)
assert_type(app.jobs.status(UUID(int=1)), JobState)
assert_type(app.jobs.list(state="failed", queue="mail", task=called, limit=3), list[Job[Any]])
assert_type(app.jobs.cancel(UUID(int=1), force=True), bool)
assert_type(app.jobs.cancel(queue="mail"), int)
assert_type(app.jobs.retry("x"), bool)
assert_type(app.jobs.delete(state=JobState.FAILED), int)
assert_type(app.run_one(), Job[Any] | None)
assert_type(
    app.run_one(tasks=[called, "other"], queues=["mail"], handler=lambda ctx: ctx.attempt), Job[Any] | None
)
assert_type(app.worker().health().ready, bool)
app.run_worker(probe=9000, burst=True)
with capturing() as rc:
    capture_result({"a": 1})
assert_type(rc, ResultCapture)
assert_type(app.dead_letters.list(error=ValueError, reason="timeout", limit=3), list[Job[Any]])
assert_type(app.dead_letters.count(task=called), int)
assert_type(app.dead_letters.redrive("x"), bool)
assert_type(app.dead_letters.redrive(queue="mail"), int)
assert_type(app.dead_letters.purge(all=True), int)
assert_type(app.queues["mail"].purge(), int)
assert_type([queue.stats().oldest_due for queue in app.queues], list[timedelta | None])
app.queue("mail-dead", task=called, retention=Retention(timedelta(days=7), payload="failed"))
app.queue("bulk", dead_letter="mail-dead", retention=Retention.nothing())


with app.testing() as t:
    assert_type(t, Rehearsal)
    assert_type(t.enqueued(called, "a"), list[Job[Receipt]])
    assert_type(t.assert_enqueued(later, to="a"), list[Job[Receipt]])
    assert_type(t.enqueued("mail.send", to="a"), list[Job[Any]])
    assert_type(t.drain(raise_errors=False), Drained)
    assert_type(t.run(bare.enqueue("a")).result(), str)
    assert_type(t.travel(hours=1), datetime)


async def main() -> None:
    async with app.testing() as rehearsal:
        assert_type(await rehearsal.adrain(), Drained)
    assert_type(await app.arun_one(tasks=["other"]), Job[Any] | None)
    assert_type(await bare_async("a"), Receipt | None)
    assert_type(await bare.aenqueue("a"), Job[str])
    assert_type(await later.aenqueue("a", token="t"), Job[Receipt])
    assert_type(await (await called.aenqueue("a", token="t")).aresult(), Receipt)
    assert_type(await app.aenqueue_many([bare.new("a")]), list[Job[str]])
    assert_type(await async_with_context(current_job(), "a"), float)
    assert_type(await resize(current_job(), Receipt(1)), int)
    assert_type(await app.jobs.acancel(UUID(int=1)), bool)
    assert_type(await app.jobs.alist(limit=3), list[Job[Any]])
    assert_type(await app.dead_letters.aredrive(UUID(int=1)), bool)
    assert_type(await app.dead_letters.apurge(all=True), int)


# --- schedules -----------------------------------------------------------------------------------------------


@app.every(timedelta(minutes=5), name="often", args={"path": "a"}, overlap="skip")
@app.cron("0 3 * * *", tz="Europe/Rome", missed="none")
@app.task(name="scheduled")
def scheduled(path: str = "b") -> int:
    return len(path)


@router.every(30)
@router.task(name="ascheduled")
async def ascheduled() -> str:
    return ""


assert_type(scheduled.enqueue("a"), Job[int])
assert_type(ascheduled, AsyncTask[[], str])
assert_type(app.schedules.put("x", scheduled.new("a"), Cron("@daily"), overlap="skip"), StoredSchedule)
app.schedules.put("x", scheduled.using(priority=3).new("a"), Every(5), missed="all", tx=None)
assert_type(app.schedules.preview("x", 3), list[datetime])
assert_type(app.schedules.run_now("x"), Job[Any])
assert_type(app.schedules.get("x").next_at, datetime | None)
Reschedule(Cron("0 9 * * *", tz="Europe/Rome"))
Reschedule(Every(timedelta(hours=1)), args={"page": 2})


# --- limits and rates ----------------------------------------------------------------------------------------

app.queue(
    "limited", limit=5, rate=Rate(10, per=1), fair_by=lambda args: args.tenant, weights={"acme": 3, 7: 1}
)
app.queue(
    "more", limit=[50, Limit(5, key="tenant")], rate=(Rate(1, per=timedelta(days=1), burst=1),), age_after=60
)


def host_of(args: Any) -> UUID | None:
    return None


@app.task(
    limit=Limit(2, name="a"), rate=[Rate(5, per=0.5, key="host")], limit_key=host_of, ordering_key="host"
)
def crawl(host: str) -> int:
    return 1


assert_type(crawl.enqueue("a"), Job[int])
app.add(Again(), name="again", limit=1, ordering_key=lambda args: args)
assert_type(app.limits.list(), list[StoredLimit])
assert_type(app.limits.set("queue:more/key", limit=Limit(5)), list[str])
assert_type(app.limits.set(task=crawl, rate=Rate(5, per=1), limit=1), list[str])
assert_type(app.limits.reset(queue="more"), list[str])


async def limits() -> None:
    assert_type(await app.limits.alist(), list[StoredLimit])
    assert_type(await app.limits.aset(queue="more", weights={"a": 2}), list[str])
    assert_type(await app.limits.areset(task=crawl), list[str])
