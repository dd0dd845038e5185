"""What both type checkers must refuse: exactly the lines that say so. Nothing here is run."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_type

from holdfast import (
    Cron,
    Holdfast,
    Job,
    JobContext,
    Limit,
    Middleware,
    NewJob,
    ProcessNext,
    Rate,
    Retention,
    TaskHandler,
)

app = Holdfast()


@app.task
def send(to: str, times: int = 1) -> str:
    return to * times


@app.task(queue="mail")
async def asend(to: str, *, token: str) -> int:
    return 1


@app.task(takes_context=True)
def resize(ctx: JobContext, path: str) -> bytes:
    return b""


class Handler(TaskHandler[int, str]):
    async def run(self, args: int, ctx: JobContext) -> str:
        return ""


handled = app.add(Handler())

# --- arguments of an enqueue ---------------------------------------------------------------------------------

send.enqueue(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
send.enqueue()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
send.enqueue("a", "b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
send.enqueue("a", unknown=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
send.enqueue("a", 1, 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
asend.enqueue("a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
asend.enqueue("a", "t")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
resize.enqueue(None, "a.png")  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
handled.enqueue("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# The same after `using`, however often, and for drafts.
send.using(priority=1).enqueue(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
send.using(priority=1).using(queue="slow").enqueue("a", times="b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
send.new(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
send.using(delay=timedelta(minutes=5)).new("a", None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.enqueue_many([send.new("a"), send.new(2)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.enqueue_many(send.new(number) for number in range(3))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.enqueue_many(["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# --- options -------------------------------------------------------------------------------------------------

send.using(prioritee=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
send.using(priority="high")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
send.using(delay="5 minutes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
send.using(id=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.enqueue("mail.send", ["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.enqueue("mail.send", {}, prioritee=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
app.run_worker(queue="mail")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
app.queue("mail", concurency=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Holdfast(middleware=[send])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
app.jobs.list(stat="failed")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
app.queue("mail", retention="1 day")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.dead_letters.redrive("x", queue="mail")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
Retention(payload="sometimes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Retention(timedelta(1), True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
app.jobs.cancel("x", queue="mail")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]

# --- declarations --------------------------------------------------------------------------------------------


@app.task(prioritee=1)  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportCallIssue, reportUntypedFunctionDecorator]
def misspelt() -> None: ...


@app.task(executor="gpu")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportArgumentType]
def elsewhere() -> None: ...


@app.task(takes_context=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator]
def without_context(path: str) -> None: ...


class Wrong(Middleware):
    async def process(self, ctx: JobContext, call_next: ProcessNext) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return 1


class Late(Middleware):
    async def enqueue(self, draft: NewJob) -> Job[str]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        raise NotImplementedError


@app.every(5, overlap="perhaps")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
@app.task
def overlapping() -> None: ...


@app.every(5)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator]
def no_task() -> None: ...


app.schedules.put("x", send.new("a"), "0 3 * * *")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.schedules.put("x", send, Cron("@daily"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# --- results -------------------------------------------------------------------------------------------------


def want_number(value: int) -> None: ...


def want_job(job: Job[int]) -> None: ...


want_number(send.enqueue("a").result())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
want_job(send.enqueue("a"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
want_number(send("a"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
resize("a.png")  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]


async def main() -> None:
    want_job(await send.aenqueue("a"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    want_number(await (await send.aenqueue("a")).aresult())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await asend.aenqueue(1, token="t")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await send("a")  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    assert_type(await asend.using(priority=1).aenqueue("a", token="t"), Job[str])  # type: ignore[assert-type]  # pyright: ignore[reportAssertTypeFailure]


# --- limits --------------------------------------------------------------------------------------------------

app.queue("a", limit="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.queue("b", rate=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.queue("c", fair_by=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Rate(5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Limit(5, "tenant")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
