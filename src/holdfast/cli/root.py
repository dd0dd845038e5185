"""The command `holdfast` itself: its help, its commands, and how errors end it."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from holdfast.cli.command import Group
from holdfast.core.errors import HoldfastError

FAILURE = 1
USAGE = 2
INTERRUPTED = 130
READER_GONE = 141
"""As a shell reports a program that SIGPIPE ended."""

MEMBERS = {
    "demo": "holdfast.cli.demo.command:demo",
    "worker": "holdfast.cli.worker:worker",
    "migrate": "holdfast.cli.migrate:migrate",
    "enqueue": "holdfast.cli.enqueue:enqueue",
    "jobs": "holdfast.cli.jobs:jobs",
    "dlq": "holdfast.cli.dlq:dlq",
    "queues": "holdfast.cli.queues:queues",
    "tasks": "holdfast.cli.tasks:tasks",
    "limits": "holdfast.cli.limits:limits",
    "schedules": "holdfast.cli.schedules:schedules",
    "workers": "holdfast.cli.workers:workers",
    "stats": "holdfast.cli.stats:stats",
    "web": "holdfast.cli.web:web",
    "doctor": "holdfast.cli.doctor:doctor",
    "move": "holdfast.cli.move:move",
}


class Root(Group):
    """The outermost group: the one place that sees whatever a command raises."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read our output has seen enough, as in `holdfast jobs list | head -1`.
            raise click.exceptions.Exit(READER_GONE) from None
        except HoldfastError as error:
            if ctx.find_root().meta.get("holdfast.debug"):
                traceback.print_exc()
            else:
                click.echo(f"Error: {error}", err=True)
            raise click.exceptions.Exit(FAILURE) from None


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from holdfast.cli.versions import describe

        click.echo(describe())
        ctx.exit()


def _version_option() -> click.Option:
    return click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Print the versions of Holdfast, Python and SQLite.",
    )


root = Root(
    name="holdfast",
    members=MEMBERS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    params=[_version_option()],
    outermost=True,
    help="""Durable background jobs in SQLite or PostgreSQL.

    Commands that need your tasks want --app (or HOLDFAST_APP); those that only look at a database
    are content with --url. Exit codes: 0 done, 1 failed, 2 used wrongly.
    """,
    examples=[
        "holdfast demo                              # a real workload, on the spot",
        "holdfast --app app:app worker              # run jobs until Ctrl-C",
        """holdfast --app app:app enqueue app.greet '{"name": "Ada"}'""",
        "holdfast --url sqlite:///jobs.db jobs list --state failed",
    ],
)


def run(argv: Sequence[str] | None) -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that this terminal can't show must not end the program.
            stream.reconfigure(errors="backslashreplace")
    code = _invoke(argv)
    try:
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        _silence_stdout()
        code = READER_GONE
    return code


def _invoke(argv: Sequence[str] | None) -> int:
    try:
        arguments = sys.argv[1:] if argv is None else list(argv)
        # The arguments go along as they were given: a worker starts others with them.
        result = root.main(args=arguments, prog_name="holdfast", standalone_mode=False, obj=list(arguments))
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as abort:
        interrupted = isinstance(abort.__cause__, KeyboardInterrupt)
        click.echo("Interrupted." if interrupted else "Aborted.", err=True)
        return INTERRUPTED if interrupted else FAILURE
    return result if isinstance(result, int) else 0


def _silence_stdout() -> None:
    # Otherwise the interpreter tries again at its end and complains.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
