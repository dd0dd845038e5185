"""The commands `holdfast jobs …`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import click

from holdfast.cli.command import Group, json_option, yes_option
from holdfast.cli.screen import Column, print_json, print_pairs, print_table, say
from holdfast.cli.target import open_database
from holdfast.cli.text import clean
from holdfast.cli.values import Duration, JsonObject, When
from holdfast.core.states import STORED

if TYPE_CHECKING:
    from holdfast.client.jobs import Which

Function = Callable[..., Any]

jobs = Group(
    name="jobs",
    help="See and change jobs.",
    examples=[
        "holdfast --app app:app jobs list --state failed",
        "holdfast --app app:app jobs show 01890a5d-ac96-774b-bcce-b302099a8057",
        "holdfast --app app:app jobs retry --state failed --queue mail",
    ],
)

_STATES = click.Choice([state.value for state in STORED])

COLUMNS = (
    Column("id", whole=True),
    Column("task"),
    Column("queue", optional=3),
    Column("state"),
    Column("attempt", right=True, optional=2),
    Column("when", optional=1),
    Column("note", optional=4),
)


def _filters(function: Function) -> Function:
    """The options that choose jobs by what they are."""
    for option in (
        click.option("--task", "-t", metavar="TASK", help="Only jobs of this task."),
        click.option("--queue", "-q", metavar="QUEUE", help="Only jobs of this queue."),
        click.option("--state", "-s", type=_STATES, help="Only jobs in this state."),
    ):
        function = option(function)
    return function


def _chosen(function: Function) -> Function:
    """Ids or filters, for the commands that change jobs."""
    function = click.argument("ids", nargs=-1, metavar="[ID]...")(function)
    return json_option(yes_option(_filters(function)))


@jobs.command(
    "list",
    examples=[
        "holdfast --app app:app jobs list",
        "holdfast --app app:app jobs list --state failed --queue mail --limit 200",
        "holdfast --app app:app jobs list --json | jq -r '.jobs[].id'",
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
def list_jobs(
    state: str | None,
    queue: str | None,
    task: str | None,
    limit: int,
    after: str | None,
    reveal: bool,
    as_json: bool,
) -> None:
    """List jobs, newest first."""
    from holdfast.cli.jobview import document, row

    app = open_database()
    page = app.jobs.list(state=state, queue=queue, task=task, limit=limit, after=after)
    more = str(page[-1].id) if len(page) == limit else None
    if as_json:
        print_json({"jobs": [document(app, job, reveal=reveal) for job in page], "next": more})
        return
    now = datetime.now(UTC)
    print_table(COLUMNS, [row(job, now) for job in page], empty="There are no such jobs.")
    if more:
        say(f"There may be more: --after {more}")


@jobs.command(
    "show",
    examples=[
        "holdfast --app app:app jobs show 01890a5d-ac96-774b-bcce-b302099a8057",
        "holdfast --app app:app jobs show 01890a5d-ac96-774b-bcce-b302099a8057 --traceback",
    ],
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--traceback", is_flag=True, help="Show the tracebacks of all failed runs.")
@click.option("--reveal", is_flag=True, help="Show arguments in clear, sensitive ones too.")
@json_option
def show(ids: tuple[str, ...], traceback: bool, reveal: bool, as_json: bool) -> None:
    """Show all that is known of a job. The beginning of its id will do where no other begins so.

    Arguments that a task declares as sensitive are masked. Where the task isn't known, because only --url is
    given, all are.
    """
    from holdfast.cli.jobview import document, known, pairs
    from holdfast.cli.short import whole_id

    app = open_database()
    found = [app.jobs.get(whole_id(app, job_id)) for job_id in ids]
    if as_json:
        documents = [document(app, job, reveal=reveal, history=True) for job in found]
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    now = datetime.now(UTC)
    for number, job in enumerate(found):
        if number:
            click.echo()
        print_pairs(pairs(app, job, now, reveal=reveal, traceback=traceback))
    if not reveal and any(job.args and not known(app, job) for job in found):
        say(
            "Arguments are masked: without the application nobody knows which are sensitive. --reveal shows them."
        )


@jobs.command(
    "explain",
    short_help="Say why a job is not running.",
    examples=[
        "holdfast --app app:app jobs explain 01890a5d-ac96-774b-bcce-b302099a8057",
        "holdfast --app app:app jobs explain 01890a5d --json | jq -r '.reasons[].kind'",
    ],
)
@click.argument("id", metavar="ID")
@json_option
def explain(id: str, as_json: bool) -> None:
    """Say why a job is not running, with every reason that applies, the most decisive first.

    It may be paused, not due, behind another job of its FIFO queue or ordering key, kept by a limit or a rate, or
    nobody is there to run it. The beginning of its id will do where no other begins so.
    """
    from holdfast.cli.jobview import explanation
    from holdfast.cli.short import whole_id

    app = open_database()
    found = app.jobs.explain(whole_id(app, id))
    if as_json:
        print_json(explanation(found))
    else:
        click.echo(clean(str(found)))


@jobs.command(
    "cancel",
    short_help="Cancel jobs.",
    examples=[
        "holdfast --app app:app jobs cancel 01890a5d-ac96-774b-bcce-b302099a8057",
        "holdfast --app app:app jobs cancel --state pending --task report.daily",
    ],
)
@_chosen
@click.option("--force", is_flag=True, help="Take running jobs away from their worker: cancelled now.")
def cancel(ids: tuple[str, ...], yes: bool, as_json: bool, force: bool, **filters: str | None) -> None:
    """Cancel jobs: waiting ones at once, running ones on request."""
    from holdfast.cli.selection import Selection

    app = open_database()
    Selection(
        ids, filters, verb="cancel", done="cancelled or asked to stop", refused="had ended already"
    ).change(
        each=lambda job_id: app.jobs.cancel(job_id, force=force),
        all_of=lambda chosen: app.jobs.cancel(force=force, **chosen),
        app=app,
        yes=yes,
        as_json=as_json,
    )


@jobs.command(
    "retry",
    short_help="Bring ended jobs back.",
    examples=[
        "holdfast --app app:app jobs retry 01890a5d-ac96-774b-bcce-b302099a8057",
        "holdfast --app app:app jobs retry --state failed --queue mail --yes",
    ],
)
@_chosen
def retry(ids: tuple[str, ...], yes: bool, as_json: bool, **filters: str | None) -> None:
    """Bring ended jobs back: the same ids, attempt 0, their history kept."""
    from holdfast.cli.selection import Selection

    app = open_database()
    Selection(ids, filters, verb="retry", done="waiting again", refused="hasn't ended").change(
        each=app.jobs.retry,
        all_of=lambda chosen: app.jobs.retry(**chosen),
        app=app,
        yes=yes,
        as_json=as_json,
    )


@jobs.command(
    "change",
    short_help="Change jobs that wait.",
    examples=[
        "holdfast --app app:app jobs change 01890a5d-ac96-774b-bcce-b302099a8057 --to-priority 50",
        "holdfast --app app:app jobs change --queue mail --to-queue slow --yes",
    ],
)
@_chosen
@click.option("--to-priority", type=int, metavar="N", help="-100 … 100, higher first.")
@click.option("--to-queue", metavar="QUEUE", help="Another queue.")
@click.option("--delay", type=Duration(), help="Not before this long from now.")
@click.option("--at", type=When(), help="Not before this time, ISO 8601; without a zone: local.")
@click.option("--args", "arguments", type=JsonObject(), help="All arguments anew, by parameter name.")
def change(
    ids: tuple[str, ...],
    yes: bool,
    as_json: bool,
    to_priority: int | None,
    to_queue: str | None,
    delay: timedelta | None,
    at: datetime | None,
    arguments: dict[str, Any] | None,
    **filters: str | None,
) -> None:
    """Change the priority, queue, time or arguments of jobs that wait; others stay as they are."""
    from holdfast.cli.selection import Selection

    given = {"priority": to_priority, "queue": to_queue, "delay": delay, "at": at, "args": arguments}
    changes: Any = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise click.UsageError("say what to change: --to-priority, --to-queue, --delay, --at or --args")
    app = open_database()
    Selection(ids, filters, verb="change", done="changed", refused="doesn't wait any more").change(
        each=lambda job_id: app.jobs.change(job_id, **changes),
        all_of=lambda chosen: app.jobs.change(cast("Which", chosen), **changes),
        app=app,
        yes=yes,
        as_json=as_json,
    )


@jobs.command(
    "delete",
    short_help="Delete jobs with their history.",
    examples=[
        "holdfast --app app:app jobs delete 01890a5d-ac96-774b-bcce-b302099a8057",
        "holdfast --app app:app jobs delete --state cancelled --yes",
    ],
)
@_chosen
def delete(ids: tuple[str, ...], yes: bool, as_json: bool, **filters: str | None) -> None:
    """Delete jobs with all that is kept of them; running ones are refused."""
    from holdfast.cli.selection import Selection

    app = open_database()
    Selection(ids, filters, verb="delete", done="deleted", refused="doesn't exist").change(
        each=app.jobs.delete,
        all_of=lambda chosen: app.jobs.delete(**chosen),
        app=app,
        yes=yes,
        as_json=as_json,
    )
