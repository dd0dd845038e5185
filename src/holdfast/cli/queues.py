"""The commands `holdfast queues …`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from holdfast.cli.command import Group, json_option
from holdfast.cli.screen import Column, print_json, print_table
from holdfast.cli.target import open_database
from holdfast.cli.text import when_text
from holdfast.core.times import to_datetime

if TYPE_CHECKING:
    from holdfast.store.records import QueueRecord

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
        print_json({"queues": [_document(queue) for queue in records]})
        return
    now = datetime.now(UTC)
    print_table(COLUMNS, [_row(queue, now) for queue in records], empty="There are no queues yet.")


def _document(queue: QueueRecord) -> dict[str, Any]:
    return {
        "name": queue.name,
        "declared": queue.declared,
        "pending": queue.pending,
        "due": queue.due,
        "running": queue.running,
        "succeeded": queue.succeeded,
        "failed": queue.failed,
        "cancelled": queue.cancelled,
        "oldest_due": None if queue.oldest_due is None else to_datetime(queue.oldest_due).isoformat(),
    }


def _row(queue: QueueRecord, now: datetime) -> list[str]:
    counts = (queue.pending, queue.due, queue.running, queue.failed, queue.succeeded, queue.cancelled)
    since = None if queue.oldest_due is None else to_datetime(queue.oldest_due)
    return [queue.name, *(f"{count:,}" for count in counts), when_text(since, now)]
