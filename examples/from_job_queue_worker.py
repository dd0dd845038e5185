"""What entropy's job-queue worker does: kinds, strict retries, panics, bytes, one job at a time by hand.

The guide to it is docs/guides/from-job-queue-worker.md.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from msgspec import Raw

from holdfast import DuplicateTask, Holdfast, JobContext, JobFailed, Retry
from place import database, refused

SHORTEST = timedelta(milliseconds=200)  # theirs: five seconds


def main(url: str) -> None:
    # Strict: only a Retry is tried again, and that without a limit; whatever else is raised fails at once.
    with Holdfast(url, schema="holdfast_examples", retry_on=Retry, max_attempts=None) as app:
        app.migrate()
        app.queue("kinds", min_retry_delay=SHORTEST)

        @app.task(name="print", queue="kinds", takes_context=True)
        def print_kind(ctx: JobContext, payload: bytes) -> bytes:
            if payload == b"busy" and ctx.attempt < 3:
                raise Retry(after=timedelta(0), cause=TimeoutError("not yet"))
            if payload == b"wrong":
                raise ValueError("no good")
            if payload == b"panic":
                raise SystemExit("aborted")
            return b"\x00 done on attempt %d" % ctx.attempt

        @app.task(name="raw", queue="by-hand")
        def raw(document: Raw) -> int:
            return len(bytes(document))

        with refused(DuplicateTask):
            app.task(name="print")(lambda: None)

        payloads = (b"busy", b"wrong", b"panic")
        jobs = app.enqueue_many(print_kind.new(payload) for payload in payloads)  # all or nothing
        past = print_kind.using(at=datetime(2020, 1, 1, tzinfo=UTC)).enqueue(b"from the past")
        document = raw.enqueue(Raw(b'{"left": "as it is"}'))

        with app.worker(tasks=["print"], threads=4):
            assert past.result(timeout=20) == b"\x00 done on attempt 1"
            assert jobs[0].result(timeout=20) == b"\x00 done on attempt 3"
            for job in jobs[1:]:
                with refused(JobFailed, "failed at once:"):
                    job.result(timeout=20)
                assert job.attempt == 1
        busy = jobs[0].refresh()
        assert busy.last_attempt_at is not None and busy.last_attempt_at - busy.created_at >= 2 * SHORTEST
        print(
            f"{busy.state} on attempt {busy.attempt}, after {busy.last_error and busy.last_error.message!r}"
        )

        # theirs: Dequeue(kinds, fn). The handler stands in for the task's own function.
        assert document.refresh().state == "pending"  # the worker serves other kinds
        taken = app.run_one(tasks=["raw"], handler=lambda ctx: 2 * len(ctx.job.args["document"]))
        assert taken == document and document.result(timeout=0) == 2
        assert app.run_one(tasks=["raw"]) is None
        print("by hand:", sorted(json.loads(document.to_json()))[:4], "…")


if __name__ == "__main__":
    with database() as url:
        main(url)
