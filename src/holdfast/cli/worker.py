"""The command `holdfast worker`."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.command import Command
from holdfast.cli.screen import say
from holdfast.cli.target import open_app
from holdfast.cli.text import clean
from holdfast.cli.values import Duration

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.worker.options import WorkerOptions
    from holdfast.worker.running import WorkerSettings

MEGABYTE = 1 << 20
NAMED = 8
"""How many tasks the banner names before it says how many more there are."""


def _checked_probe(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Refused before anything is said or opened."""
    if value is not None:
        from holdfast.core.errors import InvalidOption
        from holdfast.worker.probe import read_address

        try:
            read_address(value)
        except InvalidOption as error:
            raise click.BadParameter(str(error)) from None
    return value


@click.command(
    cls=Command,
    examples=[
        "holdfast --app app:app worker",
        "holdfast --app app:app worker -q mail -q default --threads 8",
        "holdfast --app app:app worker --processes 4 --log-format json",
        "holdfast --app app:app worker --burst       # run what is due, then end",
        "holdfast --app app:app worker --reload      # while you write code",
        "holdfast --app app:app worker --probe 9000  # /health/live, /health/ready, /metrics",
    ],
)
@click.option(
    "--queue", "-q", "queues", multiple=True, metavar="QUEUE", help="Serve this queue; may be repeated."
)
@click.option(
    "--task", "-t", "tasks", multiple=True, metavar="TASK", help="Serve this task; may be repeated."
)
@click.option(
    "--concurrency", "-c", type=click.IntRange(1), metavar="N", help="Async handlers at a time. Default: 100."
)
@click.option(
    "--threads", type=click.IntRange(1), metavar="N", help="Thread handlers at a time. Default: 16."
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    metavar="N",
    help="Run so many whole workers; one that dies is replaced.",
)
@click.option("--burst", is_flag=True, help="End once nothing that is due is left.")
@click.option(
    "--reload", is_flag=True, help="Start anew when *.py below this folder changes (holdfast[reload])."
)
@click.option("--max-jobs", type=click.IntRange(1), metavar="N", help="End after so many runs.")
@click.option("--max-memory", type=click.IntRange(1), metavar="MB", help="End when more memory is used.")
@click.option(
    "--shutdown-timeout",
    type=Duration(),
    help="How long running jobs may go on once told to stop. Default: 30s.",
)
@click.option(
    "--probe",
    metavar="[HOST:]PORT",
    callback=_checked_probe,
    help="Answer /health/live, /health/ready and /metrics over HTTP. Without HOST, on this host only.",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--supervised", is_flag=True, hidden=True, help="Started by --processes, which has said it all."
)
def worker(
    reload: bool,
    processes: int | None,
    supervised: bool,
    probe: str | None,
    log_level: str,
    log_format: str,
    **given: Any,
) -> None:
    """Run jobs until told to stop.

    The first SIGINT (Ctrl-C) or SIGTERM stops it gently: running jobs may finish, what isn't begun is given
    back. The second ends it at once.

    Exit codes: 0 all that was begun is finished, 1 it could not start or go on, 2 used wrongly, 3 stopped before
    all had finished (the rest is given back, uncharged), 4 ended without its database, 5 reached --max-jobs or
    --max-memory.
    """
    from holdfast.worker.logs import configure, configure_rest

    if reload and processes:
        raise click.UsageError("--reload is for one worker, --processes for many; give one of them")
    configure(log_level, "json" if log_format == "json" else "text")
    if reload:
        # The application is for the children to import: here it would stay as it is now.
        from holdfast.cli.reload import Reloader

        raise click.exceptions.Exit(Reloader(_child_command(reload=True), Path.cwd()).run())
    app = open_app(why="a worker")
    configure_rest()
    found = app.worker(**_settings(**given))
    if log_format == "text" and not supervised:
        say(banner(app, found.options, processes or 1))
    if processes:
        from holdfast.worker.supervisor import supervise

        app.close()
        status = supervise(_child_command(), processes, burst=bool(given["burst"]), probe=probe)
    else:
        from holdfast.worker.run import run_worker

        status = run_worker(found, probe=probe)
    raise click.exceptions.Exit(int(status))


def _settings(
    *,
    queues: tuple[str, ...],
    tasks: tuple[str, ...],
    concurrency: int | None,
    threads: int | None,
    burst: bool,
    max_jobs: int | None,
    max_memory: int | None,
    shutdown_timeout: timedelta | None,
) -> WorkerSettings:
    """What was given, under the names of `app.worker`; the rest is left to it."""
    settings: WorkerSettings = {"burst": burst}
    if queues:
        settings["queues"] = queues
    if tasks:
        settings["tasks"] = tasks
    if concurrency is not None:
        settings["concurrency"] = concurrency
    if threads is not None:
        settings["threads"] = threads
    if max_jobs is not None:
        settings["max_jobs"] = max_jobs
    if max_memory is not None:
        settings["max_memory"] = max_memory * MEGABYTE
    if shutdown_timeout is not None:
        settings["shutdown_timeout"] = shutdown_timeout
    return settings


def banner(app: Holdfast, options: WorkerOptions, processes: int) -> str:
    """What a worker says when it begins, in a text log."""
    from holdfast.cli.databases import address
    from holdfast.cli.versions import holdfast_version

    registry = app.client.registry
    registry.load()
    tasks = sorted(options.tasks or registry.names())
    more = f" and {len(tasks) - NAMED} more" if len(tasks) > NAMED else ""
    slots = f"{options.concurrency} async, {options.threads} threads, {options.process_slots} processes"
    lines = [
        f"Holdfast {holdfast_version()}, " + ("a worker" if processes == 1 else f"{processes} workers"),
        f"  database     {address(app)}",
        f"  queues       {', '.join(options.queues) if options.queues else 'all'}",
        f"  tasks        {', '.join(tasks[:NAMED])}{more}",
        f"  concurrency  {slots}" + ("" if processes == 1 else ", each"),
        "  Ends when nothing is due." if options.burst else "  Ctrl-C ends it gently; once more, at once.",
    ]
    return "\n".join(map(clean, lines))


def _child_command(*, reload: bool = False) -> list[str]:
    """The command line of one plain worker: this one's without what makes it more than that."""
    given: list[str] = click.get_current_context().find_root().obj
    arguments: list[str] = []
    supervised = False
    rest = iter(given)
    for argument in rest:
        if argument == "--processes":
            supervised = True
            next(rest)
        elif argument.startswith("--processes="):
            supervised = True
        elif argument == "--probe" and not reload:
            # The supervisor answers for all.
            next(rest)
        elif argument.startswith("--probe=") and not reload:
            pass
        elif argument != "--reload":
            arguments.append(argument)
    # -P: a file called holdfast.py in the current folder is the application's, not this library.
    command = [sys.executable, "-P", "-m", "holdfast", *arguments]
    return [*command, "--supervised"] if supervised else command
