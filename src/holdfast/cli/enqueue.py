"""The command `holdfast enqueue`."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import Any

import click

from holdfast.cli.command import Command, json_option
from holdfast.cli.screen import print_json, say
from holdfast.cli.target import open_app, open_database
from holdfast.cli.text import count_text
from holdfast.cli.values import Duration, JsonObject, When


@click.command(
    cls=Command,
    examples=[
        """holdfast --app app:app enqueue mail.send '{"to": "a@b.c", "subject": "hi"}'""",
        "holdfast --app app:app enqueue report.daily --delay 1h30m",
        "holdfast --app app:app enqueue resize - < arguments.jsonl   # a job for each line",
        """holdfast --url sqlite:///jobs.db enqueue app.greet '{"name": "Ada"}' --queue mail --declare""",
    ],
)
@click.argument("task")
@click.argument("arguments", nargs=-1, metavar="[JSON]...")
@click.option("--delay", type=Duration(), help="Not before this long from now: 90s, 5m, 1h30m, 2d.")
@click.option("--at", type=When(), help="Not before this time, ISO 8601; without a zone: local.")
@click.option("--priority", type=int, metavar="N", help="-100 … 100, higher first.")
@click.option("--queue", "-q", metavar="QUEUE", help="Another queue than the task's own.")
@click.option("--max-attempts", type=int, metavar="N", help="Charged runs in all.")
@click.option("--timeout", type=Duration(), help="Of one run.")
@click.option(
    "--expires", type=Duration(), help="It fails unless it has begun so long after it was first due."
)
@click.option("--id", "job_id", metavar="UUID", help="The job's id, a UUID; an id that exists is refused.")
@click.option("--meta", type=JsonObject(), help="A JSON object that goes with the job.")
@click.option("--declare", is_flag=True, help="The task isn't declared here, but a worker knows it.")
@json_option
def enqueue(task: str, arguments: tuple[str, ...], declare: bool, as_json: bool, **options: Any) -> None:
    """Put jobs into the queue and print their ids.

    Each JSON is one object with the arguments of one job, by parameter name; without any, one job without
    arguments is made. Several jobs are made in one transaction. `-` reads an object from each line of the
    standard input.
    """
    rows: list[dict[str, Any]] = (
        [row for argument in arguments for row in _rows(argument)] if arguments else [{}]
    )
    chosen = _chosen(**options)
    if len(rows) > 1 and "id" in chosen:
        raise click.UsageError("--id names one job, and there are arguments for several")
    app = open_database() if declare else open_app(why="enqueue (without --declare)")
    if len(rows) == 1:
        jobs = [app.enqueue(task, rows[0], declare=declare, **chosen)]
    else:
        jobs = app.enqueue_many([app.new(task, row, declare=declare, **chosen) for row in rows])
    if as_json:
        print_json({"task": task, "ids": [str(job.id) for job in jobs]})
        return
    for job in jobs:
        click.echo(str(job.id))
    say(f"{count_text(len(jobs), 'job')} of {task} enqueued")


def _rows(argument: str) -> list[dict[str, Any]]:
    kind = JsonObject()
    if argument != "-":
        return [kind.convert(argument, None, None)]
    return [kind.convert(line, None, None) for line in sys.stdin if line.strip()]


def _chosen(
    *,
    delay: timedelta | None,
    at: datetime | None,
    priority: int | None,
    queue: str | None,
    max_attempts: int | None,
    timeout: timedelta | None,
    expires: timedelta | None,
    job_id: str | None,
    meta: dict[str, Any] | None,
) -> dict[str, Any]:
    """The options that were given, under the names of `using`."""
    if delay is not None and at is not None:
        raise click.UsageError("--delay and --at both say when the job is to run; give one of them")
    options = {
        "delay": delay,
        "at": at,
        "priority": priority,
        "queue": queue,
        "max_attempts": max_attempts,
        "timeout": timeout,
        "expires": expires,
        "id": job_id,
        "meta": meta,
    }
    return {name: value for name, value in options.items() if value is not None}
