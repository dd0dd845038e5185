"""What bgjob with the handlers of bgjobx does: outcomes, cron, middleware, metrics, dead letters.

The guide to it is docs/guides/from-bgjob.md.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from threading import Event
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from holdfast import (
    Cron,
    Holdfast,
    JobContext,
    JobExists,
    JobFailed,
    Metrics,
    MoveToDlq,
    Recovery,
    RequestId,
    Reschedule,
    Retry,
    TaskRouter,
    events,
)
from place import database, refused, transaction

router = TaskRouter()  # theirs: a mux


@router.task(name="mail.send", queue="mail", takes_context=True)
def send(ctx: JobContext, to: str) -> str:
    if to == "nobody":
        raise MoveToDlq("no such address")
    if ctx.attempt == 1:
        raise Retry(after=timedelta(milliseconds=50), cause=ConnectionError("busy"))
    return f"sent to {to} on attempt {ctx.attempt}"


@router.task(name="mail.report", queue="mail")
def report(page: int) -> Reschedule:
    return Reschedule(Cron("0 9 * * *", tz="Europe/Rome"), args={"page": page + 1})


@router.task(name="mail.divide", queue="mail")
def divide(a: int, b: int) -> float:
    return a / b


class Numbers(list[str]):
    """A metric storage: any object with these five methods, which threads call side by side."""

    def observe_execute_duration(self, queue: str, task: str, seconds: float) -> None:
        self.append("runs")

    def inc_success(self, queue: str, task: str) -> None:
        self.append("success")

    def inc_retry(self, queue: str, task: str) -> None:
        self.append("retry")

    def inc_dlq(self, queue: str, task: str) -> None:
        self.append("dlq")

    def inc_internal_error(self) -> None:
        self.append("internal errors")


def main(url: str) -> None:
    numbers, heard, rescheduled = Numbers(), Counter[str](), Event()
    chain = [RequestId(), Metrics(numbers), Recovery(panics=(ZeroDivisionError,))]  # the first is outermost
    with Holdfast(url, schema="holdfast_examples", middleware=chain) as app:
        app.migrate()
        app.include(router)
        app.on(events.JobEvent, lambda event: heard.update([type(event).__name__]))  # theirs: an observer
        app.on(events.Rescheduled, lambda event: rescheduled.set())

        with transaction(url) as connection:
            first = send.using(tx=connection).enqueue("ada")
        with transaction(url) as connection:
            undone = send.using(tx=connection).enqueue("bob")
            connection.rollback()
        assert app.jobs.status(undone.id) == "not found"
        print("enqueued with its transaction, and gone with another")

        own = uuid5(NAMESPACE_URL, f"invoice {first.id}")  # their ids are any text, ours are UUIDs
        later = send.using(id=own, delay=timedelta(hours=1)).enqueue("cyd")
        with refused(JobExists):
            send.using(id=own).enqueue("cyd")

        lost, paged, panicked = app.enqueue_many([send.new("nobody"), report.new(1), divide.new(1, 0)])
        assert len({job.meta["request_id"] for job in (lost, paged, panicked)}) == 1
        with app.worker(queues=["mail"]):
            print(first.result(timeout=20))
            for job in (lost, panicked):
                with refused(JobFailed, "dead letter:"):
                    job.result(timeout=20)
            assert rescheduled.wait(20)
        paged.refresh()
        print(f"{paged.state} at {paged.run_at.astimezone(ZoneInfo('Europe/Rome')):%H:%M} with {paged.args}")

        assert {lost.id, panicked.id} <= {job.id for job in app.dead_letters.list(queue="mail")}
        assert app.dead_letters.redrive(lost.id) and lost.refresh().attempt == 0
        assert app.dead_letters.purge(panicked.id)
        print(f"one is {lost.state} again, one is purged")
        for job in (later, lost, paged):
            job.delete()
    counted = Counter(numbers)
    print("metrics:", dict(sorted(counted.items())))
    assert counted == {"runs": 5, "success": 1, "retry": 1, "dlq": 2}
    assert (heard["Succeeded"], heard["Retried"], heard["Failed"], heard["Rescheduled"]) == (1, 1, 2, 1)


if __name__ == "__main__":
    with database() as url:
        main(url)
