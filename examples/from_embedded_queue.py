"""What backlite does: many tasks in one call, a worker in the background, the client in a handler, retention.

The guide to it is docs/guides/from-embedded-queue.md.
"""

from __future__ import annotations

from datetime import timedelta
from threading import Event

from holdfast import (
    Constant,
    DuplicateTask,
    Holdfast,
    JobContext,
    JobFailed,
    JobNotFound,
    ResultNotKept,
    Retention,
    WrongState,
)
from place import database, refused, transaction

BACKOFF = Constant(timedelta(milliseconds=20))
DAY = timedelta(days=1)


def main(url: str) -> None:
    # theirs: ClientConfig. ReleaseAfter has no counterpart: only what a dead worker held is released.
    with Holdfast(url, schema="holdfast_examples", default_timeout=600, cleanup_interval=60) as app:
        app.migrate()  # theirs: Install
        followed = Event()

        app.queue(
            "orders", max_attempts=5, timeout=10, retry=BACKOFF, retention=Retention(DAY, payload="failed")
        )
        app.queue("quiet", retention=Retention.nothing())  # theirs without a Retention
        app.queue("failures", max_attempts=1, retention=Retention(only_failed=True, payload="never"))
        with refused(DuplicateTask):
            app.queue("orders")

        @app.task(name="order", queue="orders", takes_context=True)
        def new_order(ctx: JobContext, order: int) -> str:
            if ctx.attempt == 1:
                raise ConnectionError("mail server away")
            ctx.app.enqueue("ping", {"order": order})  # theirs: FromContext(ctx).Add(…)
            return f"order {order}"

        @app.task(name="ping", queue="quiet")
        def ping(order: int) -> None:
            followed.set()

        @app.task(name="check", queue="failures")
        def check(stock: int) -> None:
            if stock == 0:
                raise ValueError("out of stock")

        # theirs: client.Add(a, b, c).Tx(tx).Save(). No Notify afterwards.
        with app.worker(threads=10, queues=["orders", "quiet", "failures"]) as worker:
            with transaction(url) as connection:
                drafts = [new_order.new(7), check.new(3), check.new(0)]
                order, good, bad = app.enqueue_many(drafts, tx=connection)
                assert app.jobs.status(order.id) == "not found"  # not committed yet
            print(order.result(timeout=20), "on attempt", order.attempt)
            assert followed.wait(20)
            for job, end in ((good, ResultNotKept), (bad, JobFailed)):
                with refused(end, "ended:"):
                    job.result(timeout=20)
            waiting = ping.using(delay=timedelta(hours=1)).enqueue(8)  # theirs: Wait; At is at=
            assert worker.stop(timeout=20), "everything that had begun was finished"

        print("kept:", app.jobs.status(order.id), "without its arguments:", not order.has_args)
        print("of the good one:", app.jobs.status(good.id), "- of the bad one:", bad.refresh().state)
        print("waiting:", app.jobs.status(waiting.id))
        with refused(JobNotFound):
            good.refresh()
        with refused(WrongState):
            app.dead_letters.redrive(bad.id)
        assert app.queues["quiet"].purge() >= 1 and app.dead_letters.purge(bad.id)


if __name__ == "__main__":
    with database() as url:
        main(url)
