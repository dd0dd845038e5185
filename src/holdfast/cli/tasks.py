"""The commands `holdfast tasks …`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from holdfast.cli.command import Group, json_option
from holdfast.cli.pauses import pause_document, pause_options, pause_text, tell_changed
from holdfast.cli.screen import Column, print_json, print_table
from holdfast.cli.target import named_app, open_database
from holdfast.cli.text import NOTHING

tasks = Group(
    name="tasks",
    help="See and pause tasks.",
    examples=["holdfast --app app:app tasks list", "holdfast --app app:app tasks pause mail.send"],
)

COLUMNS = (Column("task"), Column("queue"), Column("paused"))
_names = click.argument("names", nargs=-1, required=True, metavar="TASK...")


@tasks.command("list", examples=["holdfast --app app:app tasks list"])
@json_option
def list_tasks(as_json: bool) -> None:
    """List the tasks that the application declares, and those that are paused."""
    app = open_database()
    declared = named_app()
    queues: dict[str, str | None] = {}
    if declared is not None:
        queues = {task.name: task.queue for task in declared.client.registry}
    pauses = {pause.name: pause for pause in app.paused() if pause.kind == "task"}
    names = sorted({*queues, *pauses})
    if as_json:
        print_json(
            {
                "tasks": [
                    {"name": name, "queue": queues.get(name), "paused": pause_document(pauses.get(name))}
                    for name in names
                ]
            }
        )
        return
    now = datetime.now(UTC)
    rows = [[name, queues.get(name) or NOTHING, pause_text(pauses.get(name), now)] for name in names]
    print_table(COLUMNS, rows, empty="No task is paused; name the application to see those that it declares.")


@tasks.command(
    "pause",
    short_help="Let no job of some tasks be begun.",
    examples=["holdfast --app app:app tasks pause mail.send --reason 'wrong template'"],
)
@_names
@pause_options
@json_option
def pause(names: tuple[str, ...], by: str, reason: str | None, as_json: bool) -> None:
    """Let no worker begin a job of these tasks, in whichever queue, until they are resumed.

    Jobs that run go on. In a FIFO queue, and behind an ordering key, a job of a paused task holds up those behind it.
    """
    app = open_database()
    changed = {name: app.pause(task=name, by=by, reason=reason) for name in dict.fromkeys(names)}
    tell_changed("paused", changed, as_json, was="was paused already")


@tasks.command(
    "resume",
    short_help="Let the jobs of paused tasks be begun again.",
    examples=["holdfast --app app:app tasks resume mail.send"],
)
@_names
@json_option
def resume(names: tuple[str, ...], as_json: bool) -> None:
    """Let the jobs of paused tasks be begun again."""
    app = open_database()
    changed = {name: app.resume(task=name) for name in dict.fromkeys(names)}
    tell_changed("resumed", changed, as_json, was="wasn't paused")
