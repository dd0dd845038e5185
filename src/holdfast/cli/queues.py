"""The commands `holdfast queues …`."""

from __future__ import annotations

from datetime import UTC, datetime

from holdfast.cli.command import Group, json_option
from holdfast.cli.screen import Column, print_json, print_table
from holdfast.cli.target import open_database
from holdfast.cli.text import when_text
from holdfast.core.times import to_datetime

queues = Group(
    name="queues",
    help="See queues.",
    examples=["holdfast --app app:app queues list"],
)

COLUMNS = (
    Column("queue"),
    Column("pending", right=True),
    Column("due", right=True),
    Column("running", right=True),
    Column("failed", right=True),
    Column("succeeded", right=True, optional=2),
    Column("cancelled", right=True, optional=3),
    Column("due since", optional=1),
)


@queues.command(
    "list",
    examples=["holdfast --app app:app queues list", "holdfast --url sqlite:///jobs.db queues list --json"],
)
@json_option
def list_queues(as_json: bool) -> None:
    """List the queues and what is in them.

    `pending` counts all that wait, scheduled ones too; `due` those whose time has come. Ended jobs count for as
    long as they are kept.
    """
    from holdfast.cli.databases import queue_records

    records = queue_records(open_database())
    if as_json:
        print_json(
            {
                "queues": [
                    {
                        "name": queue.name,
                        "declared": queue.declared,
                        "pending": queue.pending,
                        "due": queue.due,
                        "running": queue.running,
                        "succeeded": queue.succeeded,
                        "failed": queue.failed,
                        "cancelled": queue.cancelled,
                        "oldest_due": None
                        if queue.oldest_due is None
                        else to_datetime(queue.oldest_due).isoformat(),
                    }
                    for queue in records
                ]
            }
        )
        return
    now = datetime.now(UTC)
    rows = [
        [
            queue.name,
            f"{queue.pending:,}",
            f"{queue.due:,}",
            f"{queue.running:,}",
            f"{queue.failed:,}",
            f"{queue.succeeded:,}",
            f"{queue.cancelled:,}",
            "" if queue.oldest_due is None else when_text(to_datetime(queue.oldest_due), now),
        ]
        for queue in records
    ]
    print_table(COLUMNS, rows, empty="There are no queues yet.")
