"""What goqueue does: typed arguments, metadata, retry policies, a FIFO queue, a dead-letter queue with its worker.

The guide to it is docs/guides/from-typed-job-queue.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Any

from holdfast import (
    Constant,
    EnqueueNext,
    Exponential,
    Holdfast,
    InvalidArguments,
    InvalidOption,
    Job,
    JobContext,
    JobFailed,
    Middleware,
    NewJob,
    Outcome,
    ProcessNext,
)
from place import database, refused, transaction

SHORT = timedelta(milliseconds=20)


@dataclass
class Welcome:
    address: str
    visits: int = 1


class Tenant(Middleware):
    """Around the enqueue and around the run; one that isn't written does nothing."""

    async def enqueue(self, draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        return await call_next(draft.replace(meta={**draft.meta, "tenant": "acme"}))

    async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
        return await call_next(ctx.replace(state=f"for {ctx.meta['tenant']}"))


def main(url: str) -> None:
    policy = Exponential(base=SHORT, max_delay=timedelta(hours=1))  # theirs: two seconds and an hour
    with Holdfast(
        url, schema="holdfast_examples", retry=policy, max_attempts=3, middleware=[Tenant()]
    ) as app:
        app.migrate()
        found, order = Event(), list[int]()

        @app.task(name="welcome", queue="typed", takes_context=True)
        async def welcome(ctx: JobContext, who: Welcome) -> str:
            if "@" not in who.address:
                raise ValueError(f"{who.address} is no address")
            return f"hello {who.address} {ctx.state}"

        @app.task(name="dead", takes_context=True)
        async def dead(ctx: JobContext, who: Welcome) -> None:
            assert ctx.job.dead_letter_of == broken.id
            found.set()

        @app.task(name="step", queue="line", takes_context=True)
        async def step(ctx: JobContext, number: int) -> None:
            order.append(number)
            if number == 2 and ctx.attempt == 1:
                raise ConnectionError("once")

        app.queue("typed", dead_letter="typed-dead")
        app.queue("typed-dead", task=dead)
        app.queue("line", fifo=True)

        with refused(InvalidArguments):
            app.enqueue("welcome", {"who": {"address": "ada@x.y", "visits": "many"}})
        with refused(InvalidOption):
            step.using(priority=5).enqueue(0)

        with transaction(url) as connection:
            fine = welcome.using(tx=connection).enqueue(Welcome("ada@x.y"))
        broken = welcome.using(max_attempts=2, retry=Constant(SHORT)).enqueue(Welcome("nowhere"))
        steps = app.enqueue_many(step.new(number) for number in range(5))

        with app.worker(queues=["typed", "typed-dead", "line"]):
            print(fine.result(timeout=20))
            assert found.wait(20), "the dead-letter queue has a job of its own"
            for job in steps:
                job.result(timeout=20)
        with refused(JobFailed, f"after {broken.refresh().attempt} runs:"):
            broken.result(timeout=0)
        print("in order, the retry included:", order)
        assert order == [0, 1, 2, 2, 3, 4]


if __name__ == "__main__":
    with database() as url:
        main(url)
