"""The commands `holdfast queues …`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.command import Group, json_option, yes_option
from holdfast.cli.pauses import pause_document, pause_options, pause_text, tell_changed
from holdfast.cli.screen import Column, print_json, print_table, say
from holdfast.cli.target import open_database
from holdfast.cli.text import count_text, when_text
from holdfast.core.times import to_datetime

if TYPE_CHECKING:
    from holdfast.client.pauses import Pause
    from holdfast.store.records import QueueRecord

queues = Group(
    name="queues",
    help="See, pause and empty queues.",
    examples=["holdfast --app app:app queues list", "holdfast --app app:app queues purge mail"],
)

COLUMNS = (
    Column("queue"),
    Column("pending", right=True),
    Column("due", right=True),
    Column("blocked", right=True),
    Column("running", right=True),
    Column("failed", right=True),
    Column("succeeded", right=True, optional=2),
    Column("cancelled", right=True, optional=3),
    Column("due since", optional=1),
    Column("paused", optional=0),
)


PAUSE_LENGTH = 40


@queues.command(
    "list",
    examples=["holdfast --app app:app queues list", "holdfast --url sqlite:///jobs.db queues list --json"],
)
@json_option
def list_queues(as_json: bool) -> None:
    """List the queues and what is in them.

    `pending` counts all that wait, scheduled ones too; `due` those whose time has come;
    `blocked` those that stand in lines, scheduled ones too: in a FIFO queue, behind others of their key, for a limit, a
    rate or their share. Ended jobs count for as long as they are kept.
    """
    from holdfast.cli.databases import queue_records

    app = open_database()
    records = queue_records(app)
    pauses = {(pause.kind, pause.name): pause for pause in app.paused()}
    everything = pauses.get(("all", ""))
    if as_json:
        documents = [_document(queue, pauses.get(("queue", queue.name), everything)) for queue in records]
        print_json({"queues": documents, "paused": pause_document(everything)})
        return
    now = datetime.now(UTC)
    rows = [
        [*_row(queue, now), _cut(pause_text(pauses.get(("queue", queue.name), everything), now))]
        for queue in records
    ]
    print_table(COLUMNS, rows, empty="There are no queues yet.")
    if everything is not None:
        say(f"Everything is paused ({pause_text(everything, now)}): `holdfast queues resume --all` ends it.")


@queues.command(
    "pause",
    short_help="Let no job of some queues be begun.",
    examples=[
        "holdfast --app app:app queues pause mail --reason 'provider is down'",
        "holdfast --app app:app queues pause --all",
    ],
)
@click.argument("names", nargs=-1, metavar="[QUEUE]...")
@click.option("--all", "-a", "everything", is_flag=True, help="Every queue there is and will be.")
@pause_options
@json_option
def pause(names: tuple[str, ...], everything: bool, by: str, reason: str | None, as_json: bool) -> None:
    """Let no worker begin a job of these queues until they are resumed, over restarts and deployments.

    It holds from when the command ends. Jobs that run go on, and new ones may be enqueued.
    """
    app = open_database()
    changed: dict[str, bool] = {}
    for name in _chosen(names, everything):
        changed[name or "everything"] = (
            app.queues[name].pause(by=by, reason=reason) if name else app.pause(by=by, reason=reason)
        )
    tell_changed("paused", changed, as_json, was="was paused already")


@queues.command(
    "resume",
    short_help="Let the jobs of paused queues be begun again.",
    examples=["holdfast --app app:app queues resume mail", "holdfast --app app:app queues resume --all"],
)
@click.argument("names", nargs=-1, metavar="[QUEUE]...")
@click.option("--all", "-a", "everything", is_flag=True, help="End the pause of everything.")
@json_option
def resume(names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Let the jobs of paused queues be begun again.

    `--all` ends what `pause --all` began: queues and tasks that were paused by name stay so.
    """
    app = open_database()
    changed: dict[str, bool] = {}
    for name in _chosen(names, everything):
        changed[name or "everything"] = app.queues[name].resume() if name else app.resume()
    tell_changed("resumed", changed, as_json, was="wasn't paused")


def _chosen(names: tuple[str, ...], everything: bool) -> list[str]:
    """The names; an empty one is everything."""
    if bool(names) == everything:
        raise click.UsageError("name queues, or give --all")
    return list(dict.fromkeys(names)) or [""]


@queues.command(
    "purge",
    short_help="Delete all jobs that wait in queues.",
    examples=[
        "holdfast --app app:app queues purge mail",
        "holdfast --app app:app queues purge mail reports --yes",
    ],
)
@click.argument("names", nargs=-1, required=True, metavar="QUEUE...")
@yes_option
@json_option
def purge(names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete all jobs that wait in queues, scheduled ones too. Jobs that run, and ended ones, stay."""
    app = open_database()
    chosen = [app.queues[name] for name in dict.fromkeys(names)]
    found = sum(stats.pending + stats.blocked for stats in (queue.stats() for queue in chosen))
    if found and not yes:
        number = count_text(found, "job")
        if not sys.stdin.isatty():
            raise click.UsageError(f"this would delete {number}; to do so without being asked, give --yes")
        click.confirm(f"Delete {number} that wait in {', '.join(names)}?", abort=True, err=True)
    deleted = {queue.name: queue.purge() for queue in chosen}
    if as_json:
        print_json({"deleted": deleted})
        return
    for name, count in deleted.items():
        say(f"{name}: {count_text(count, 'job')} deleted.")


def _document(queue: QueueRecord, paused: Pause | None) -> dict[str, Any]:
    return {
        "name": queue.name,
        "declared": queue.declared,
        "pending": queue.pending,
        "due": queue.due,
        "blocked": queue.blocked,
        "running": queue.running,
        "succeeded": queue.succeeded,
        "failed": queue.failed,
        "cancelled": queue.cancelled,
        "oldest_due": None if queue.oldest_due is None else to_datetime(queue.oldest_due).isoformat(),
        "paused": pause_document(paused),
    }


def _row(queue: QueueRecord, now: datetime) -> list[str]:
    counts = (
        queue.pending,
        queue.due,
        queue.blocked,
        queue.running,
        queue.failed,
        queue.succeeded,
        queue.cancelled,
    )
    since = None if queue.oldest_due is None else to_datetime(queue.oldest_due)
    return [queue.name, *(f"{count:,}" for count in counts), when_text(since, now)]


def _cut(pause: str) -> str:
    """What people have written as a reason may not take the room of the numbers."""
    return pause if len(pause) <= PAUSE_LENGTH else f"{pause[: PAUSE_LENGTH - 1]}…"
