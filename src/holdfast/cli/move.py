"""The command `holdfast move`."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

import click

from holdfast.cli.command import Command, json_option
from holdfast.cli.screen import Column, make_console, print_json, print_table, say
from holdfast.cli.target import asked_schema
from holdfast.cli.text import clean, count_text, seconds_text, when_text
from holdfast.core.errors import MoveRefused, StoreError
from holdfast.core.times import to_datetime

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from holdfast.store.move.mover import Moved
    from holdfast.store.move.place import Place

LINE_EVERY = 2.0
"""Seconds between two lines of progress where there is no terminal to draw a bar in."""

COLUMNS = (
    Column("table"),
    Column("rows", right=True),
    Column("source", whole=True),
    Column("target", whole=True),
)


@click.command(
    cls=Command,
    examples=[
        "holdfast move sqlite:///jobs.db postgresql://localhost/shop",
        "holdfast move postgresql://localhost/shop sqlite:////var/lib/shop/jobs.db",
        "holdfast move sqlite:///jobs.db postgresql://localhost/shop --undo       # give up a move that was cut short",
    ],
)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--from-schema", metavar="NAME", help="The schema of FROM (PostgreSQL). Default: --schema.")
@click.option("--to-schema", metavar="NAME", help="The schema of TO (PostgreSQL). Default: --schema.")
@click.option(
    "--undo", "undoing", is_flag=True, help="Give up a move that has not ended, and open FROM again."
)
@json_option
def move(
    source: str, target: str, from_schema: str | None, to_schema: str | None, undoing: bool, as_json: bool
) -> None:
    """Bring all jobs from one database into another.

    Ids, order, history and queues are kept. Stop the workers of both databases first. From its beginning FROM is
    closed: enqueues there fail with an error that says so. TO takes new jobs at once, so deploy your
    application with the new URL right away, and start its workers when the move has ended.

    A move that was cut short goes on when the same command is run again. Before it says that it is done, it compares
    every row on both sides. FROM is left as it was, but closed; delete it when you like.
    """
    from holdfast.store.move import mover
    from holdfast.store.move.place import open_source, open_target

    schema = asked_schema()
    with ExitStack() as stack:
        here = stack.enter_context(_opened(open_source(source, from_schema or schema)))
        there = stack.enter_context(_opened(open_target(target, to_schema or schema)))
        if undoing:
            with _Screen() as screen:
                taken = mover.undo(here, there, screen)
            _print_undone(here, taken, as_json)
            return
        began = time.monotonic()
        with _Screen() as screen:
            moved = mover.move(here, there, screen)
        _print_moved(here, there, moved, time.monotonic() - began, as_json)


@contextmanager
def _opened(place: Place) -> Generator[Place]:
    try:
        yield place
    finally:
        place.store.close()


class _Screen:
    """A bar on the terminal, or a line now and then; on standard error."""

    def __init__(self) -> None:
        self._console = make_console(stderr=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._what = ""
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, _: object) -> None:
        if isinstance(error, StoreError | KeyboardInterrupt) and not isinstance(error, MoveRefused):
            self.say("Nothing is lost: run the same command again to go on, or with --undo to give up.")
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(clean(text), soft_wrap=True)
        else:
            say(clean(text))

    def progress(self, what: str, done: int, total: int) -> None:
        if self._console.is_terminal:
            self._draw(what, done, total)
        elif what != self._what or done >= total or time.monotonic() - self._told >= LINE_EVERY:
            self._what, self._told = what, time.monotonic()
            say(f"{what}: {done:,} of {count_text(total, 'job')}")

    def _draw(self, what: str, done: int, total: int) -> None:
        if self._bar is None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description:<12}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console)
            self._bar.start()
        if what != self._what or self._task is None:
            self._what = what
            self._task = self._bar.add_task(what, total=total)
        self._bar.update(self._task, completed=done)


def _print_moved(here: Place, there: Place, moved: Moved, seconds: float, as_json: bool) -> None:
    if as_json:
        print_json(_document(here, there, moved, seconds))
        return
    if not moved.tables:
        when = when_text(to_datetime(moved.ended_at), to_datetime(here.store.now()))
        say(f"The jobs of {here.name} were moved to {there.name} before ({when}); nothing was left to do.")
        return
    print_table(COLUMNS, [[t.table, f"{t.rows:,}", t.source, t.target] for t in moved.tables], empty="")
    rate = f" ({moved.copied / seconds:,.0f} jobs/s)" if moved.copied and seconds else ""
    if moved.given_back:
        say(f"{count_text(moved.given_back, 'job')} that dead workers had held will run again, uncharged.")
    for table, rows in moved.stray.items():
        say(f"{count_text(rows, 'row')} of {table} belonged to no job and stayed behind.")
    say(f"Moved {count_text(moved.jobs, 'job')} in {seconds_text(seconds)}{rate}. Both sides hold the same.")
    say(f"Workers may start on {there.name} now. {here.name} stays closed; delete it when you like.")


def _print_undone(here: Place, taken: int, as_json: bool) -> None:
    if as_json:
        print_json({"taken_back": taken})
    else:
        say(f"{here.name} is open again; {count_text(taken, 'job')} of it were deleted from the target.")


def _document(here: Place, there: Place, moved: Moved, seconds: float) -> dict[str, Any]:
    return {
        "id": moved.id,
        "from": here.name,
        "to": there.name,
        "ended_at": to_datetime(moved.ended_at).isoformat(),
        "jobs": moved.jobs,
        "copied": moved.copied,
        "given_back": moved.given_back,
        "stray": moved.stray,
        "seconds": round(seconds, 3),
        "tables": [
            {"table": t.table, "rows": t.rows, "source": t.source, "target": t.target} for t in moved.tables
        ],
    }
