"""The commands `holdfast dlq …`: failed jobs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from holdfast.cli.command import Group, json_option, yes_option
from holdfast.cli.screen import Column, print_json, print_table, say
from holdfast.cli.target import open_database
from holdfast.cli.values import UtcTime
from holdfast.core.states import Reason

Function = Callable[..., Any]

dlq = Group(
    name="dlq",
    help="See failed jobs, bring them back, remove them.",
    examples=[
        "holdfast --app app:app dlq list --since 2026-01-31",
        "holdfast --app app:app dlq redrive --queue mail --error ConnectionError",
        "holdfast --app app:app dlq purge --until 2026-01-01 --yes",
    ],
)

OPTIONS = "--queue, --task, --reason, --error, --since, --until or --all"
COLUMNS = (
    Column("id", whole=True),
    Column("task"),
    Column("queue", optional=3),
    Column("reason"),
    Column("attempt", right=True, optional=4),
    Column("failed", optional=1),
    Column("error", optional=2),
)


def _filters(function: Function) -> Function:
    """The options that choose failed jobs."""
    for option in (
        click.option(
            "--until",
            type=UtcTime(),
            metavar="TIME",
            help="Only jobs that failed before this time (UTC, or with a zone).",
        ),
        click.option(
            "--since",
            type=UtcTime(),
            metavar="TIME",
            help="Only jobs that failed at this time (UTC, or with a zone) or later.",
        ),
        click.option("--error", "-e", metavar="TYPE", help="Only jobs whose last error was of this type."),
        click.option(
            "--reason",
            "-r",
            type=click.Choice([reason.value for reason in Reason]),
            help="Only jobs that failed for this reason.",
        ),
        click.option("--task", "-t", metavar="TASK", help="Only jobs of this task."),
        click.option("--queue", "-q", metavar="QUEUE", help="Only jobs of this queue."),
    ):
        function = option(function)
    return function


def _chosen(function: Function) -> Function:
    """Ids, filters or all, for the commands that change jobs."""
    function = click.argument("ids", nargs=-1, metavar="[ID]...")(function)
    function = click.option("--all", is_flag=True, help="All failed jobs.")(function)
    return json_option(yes_option(_filters(function)))


@dlq.command(
    "list",
    examples=[
        "holdfast --app app:app dlq list",
        "holdfast --app app:app dlq list --reason timeout --queue mail --limit 200",
        "holdfast --app app:app dlq list --json | jq -r '.jobs[].id'",
    ],
)
@_filters
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(1, 10_000),
    default=50,
    metavar="N",
    help="At most so many. Default: 50.",
)
@click.option("--after", metavar="ID", help="Go on behind this job: the last of the page before.")
@click.option("--reveal", is_flag=True, help="With --json: arguments in clear, sensitive ones too.")
@json_option
def list_letters(limit: int, after: str | None, reveal: bool, as_json: bool, **filters: Any) -> None:
    """List failed jobs, those enqueued last first."""
    from holdfast.cli.jobview import letter_document, letter_row

    app = open_database()
    which = _which(filters)
    page = app.dead_letters.list(limit=limit, after=after, **which)
    more = str(page[-1].id) if len(page) == limit else None
    if as_json:
        documents = [letter_document(app, job, reveal=reveal) for job in page]
        print_json({"jobs": documents, "next": more, "count": app.dead_letters.count(**which)})
        return
    now = datetime.now(UTC)
    print_table(COLUMNS, [letter_row(job, now) for job in page], empty="There are no such failed jobs.")
    if more:
        say(f"There may be more: --after {more}")


@dlq.command(
    "redrive",
    short_help="Bring failed jobs back.",
    examples=[
        "holdfast --app app:app dlq redrive 01890a5d-ac96-774b-bcce-b302099a8057",
        "holdfast --app app:app dlq redrive --queue mail --error ConnectionError --yes",
        "holdfast --app app:app dlq redrive --all",
    ],
)
@_chosen
def redrive(ids: tuple[str, ...], yes: bool, as_json: bool, **filters: Any) -> None:
    """Bring failed jobs back: the same ids, attempt 0, their history kept.

    Those whose arguments were not kept can't run again: one that is named is an error, others are passed over.
    """
    from holdfast.cli.selection import Selection

    app = open_database()
    Selection(
        ids, _which(filters), verb="redrive", done="waiting again", refused="hasn't failed", options=OPTIONS,
        count=lambda chosen: app.dead_letters.count(**_filter_of(chosen)),
    ).change(
        each=app.dead_letters.redrive,
        all_of=lambda chosen: app.dead_letters.redrive(**chosen),
        app=app,
        yes=yes,
        as_json=as_json,
    )  # fmt: skip


@dlq.command(
    "purge",
    short_help="Delete failed jobs with their history.",
    examples=[
        "holdfast --app app:app dlq purge 01890a5d-ac96-774b-bcce-b302099a8057",
        "holdfast --app app:app dlq purge --until 2026-01-01 --yes",
    ],
)
@_chosen
def purge(ids: tuple[str, ...], yes: bool, as_json: bool, **filters: Any) -> None:
    """Delete failed jobs with all that is kept of them."""
    from holdfast.cli.selection import Selection

    app = open_database()
    Selection(
        ids, _which(filters), verb="purge", done="deleted", refused="hasn't failed", options=OPTIONS,
        count=lambda chosen: app.dead_letters.count(**_filter_of(chosen)),
    ).change(
        each=app.dead_letters.purge,
        all_of=lambda chosen: app.dead_letters.purge(**chosen),
        app=app,
        yes=yes,
        as_json=as_json,
    )  # fmt: skip


def _which(filters: dict[str, Any]) -> dict[str, Any]:
    """What was chosen by."""
    return {name: value for name, value in filters.items() if value is not None and value is not False}


def _filter_of(chosen: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in chosen.items() if name != "all"}
