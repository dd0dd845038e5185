"""The command `holdfast stats`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from holdfast.cli.command import Command, json_option
from holdfast.cli.screen import print_json, print_pairs
from holdfast.cli.target import open_database
from holdfast.cli.text import count_text, when_text
from holdfast.core.times import to_datetime

if TYPE_CHECKING:
    from holdfast.store.records import QueueRecord

COUNTED = ("pending", "due", "blocked", "running", "succeeded", "failed", "cancelled")


@click.command(
    cls=Command,
    examples=[
        "holdfast --app app:app stats",
        "holdfast --url sqlite:///jobs.db stats --json | jq .jobs.failed",
    ],
)
@json_option
def stats(as_json: bool) -> None:
    """Show how many jobs are where, in all queues together.

    `due` is the part of `pending` whose time has come. Ended jobs count for as long as they are kept.
    """
    from holdfast.cli.databases import address, queue_records, worker_records

    app = open_database()
    queues, workers = queue_records(app), worker_records(app)
    jobs = {name: sum(getattr(queue, name) for queue in queues) for name in COUNTED}
    oldest = _oldest(queues)
    if as_json:
        print_json(
            {
                "database": address(app),
                "jobs": jobs,
                "oldest_due": None if oldest is None else oldest.isoformat(),
                "queues": len(queues),
                "workers": len(workers),
            }
        )
        return
    since = "" if oldest is None else f", the oldest since {when_text(oldest, datetime.now(UTC))}"
    pairs = [("database", address(app)), ("queues", str(len(queues))), ("workers", str(len(workers)))]
    for name in ("pending", "blocked", "running", "succeeded", "failed", "cancelled"):
        due = f" ({count_text(jobs['due'], 'job')} due{since})" if name == "pending" and jobs["due"] else ""
        pairs.append((name, f"{jobs[name]:,}{due}"))
    print_pairs(pairs)


def _oldest(queues: list[QueueRecord]) -> datetime | None:
    times = [queue.oldest_due for queue in queues if queue.oldest_due is not None]
    return to_datetime(min(times)) if times else None
