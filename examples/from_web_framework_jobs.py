"""What the jobs of the burrow framework do: enqueuers, batches, results, priorities, cancelling, shutdown.

The guide to it is docs/guides/from-web-framework-jobs.md.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from threading import Event, Lock

from holdfast import (
    Constant,
    Enqueuer,
    Holdfast,
    JobContext,
    JobFailed,
    TaskRouter,
    UnknownTask,
    capture_result,
)
from place import database, refused

posts = TaskRouter()  # theirs: an app with HasJobs
order: list[str] = []
begun, order_lock = Event(), Lock()


@posts.task(name="deliver", queue="web", max_attempts=3, retry=Constant(timedelta(milliseconds=20)))
def deliver(follower: str) -> None:
    with order_lock:
        order.append(follower)


@posts.task(name="deliver-first", queue="web", priority=10)
def deliver_first(follower: str) -> None:
    deliver(follower)  # a task stays a function


@posts.task(name="count", queue="web")
def count(words: list[str]) -> dict[str, int]:
    return {word: len(word) for word in words}


@posts.task(name="probe", queue="web", max_attempts=1)
def probe() -> None:
    check()


@posts.task(name="stay", queue="web-long", takes_context=True)
async def stay(ctx: JobContext) -> str:
    begun.set()
    while ctx.deadline is None:  # noqa: ASYNC110 - there is one once the shutdown has begun
        await asyncio.sleep(0.01)
    left = ctx.deadline - datetime.now(UTC)
    assert timedelta(0) < left <= timedelta(seconds=30)
    return "with its deadline in sight"


def check() -> None:
    capture_result({"seen": 3})  # from below the handler; kept with a failed run too
    raise ConnectionError("the third one is down")


def publish(jobs: Enqueuer, followers: list[str]) -> list[str]:
    """Code that registers nothing and knows tasks by their names only."""
    drafts = [jobs.new("deliver", {"follower": one}) for one in followers]
    return [str(job.id) for job in jobs.enqueue_many(drafts)]


def main(url: str) -> None:
    with Holdfast(url, schema="holdfast_examples") as app:
        app.migrate()
        app.include(lambda app: app.include(posts))  # called once, before anything is enqueued or claimed

        with refused(UnknownTask):
            app.enqueue("delivr", {"follower": "ada"})

        ids = publish(app, ["ada", "bob", "cyd"])
        assert publish(app, []) == [] and ids == sorted(ids)
        deliver_first.enqueue("first")
        counted = count.enqueue(["one", "three"])
        failed = probe.enqueue()
        tomorrow = app.enqueue("deliver", {"follower": "dan"}, at=datetime.now(UTC) + timedelta(days=1))
        assert tomorrow.cancel() and tomorrow.state == "cancelled"  # theirs: Dequeue(id)
        tomorrow.delete()
        print("enqueued, one of them cancelled")

        app.run_worker(queues=["web"], threads=1, burst=True)
        print("delivered:", *order)
        assert order == ["first", "ada", "bob", "cyd"]
        print("result:", counted.result(timeout=0))
        with refused(JobFailed, f"kept in spite of it, {failed.refresh().kept_result}:"):
            failed.result(timeout=0)
        assert {app.jobs.status(one) for one in ids} == {"succeeded"}

        long = stay.enqueue()
        worker = app.worker(queues=["web-long"], shutdown_timeout=30)
        worker.start()
        assert begun.wait(20) and worker.health().ready
        assert worker.stop(), "all that it had begun was finished"
        print("finished while shutting down,", long.result(timeout=0))


if __name__ == "__main__":
    with database() as url:
        main(url)
