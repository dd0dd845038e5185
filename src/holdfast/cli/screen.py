"""Where output goes: tables for people, aligned plain columns for pipes, one JSON document for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from holdfast.cli.text import NOTHING, clean, clean_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STATE_STYLES = {
    "pending": "yellow",
    "blocked": "magenta",
    "running": "cyan",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "bright_black",
}


class Column(NamedTuple):
    """One column of a table."""

    title: str
    right: bool = False
    """Set flush right, for numbers."""
    optional: int = 0
    """0 is always shown; the greatest number goes first when the terminal is narrow."""
    whole: bool = False
    """Never cut off: ids, which are there to be copied."""


def for_people() -> bool:
    """True when standard output is a terminal."""
    return sys.stdout.isatty()


def print_json(document: Any) -> None:
    """One document, indented; times and ids must be text already."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=not _speaks_unicode()))


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def say(text: str) -> None:
    """A line for people, on standard error: what programs read stays free of it."""
    click.echo(text, err=True)


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Print rows of text. A terminal gets a table that fits it; a pipe gets all columns, uncut.

    Args:
        empty: what to say, on standard error, if there are no rows.
    """
    cells = [[clean(cell) or NOTHING for cell in row] for row in rows]
    if not cells:
        say(empty)
    elif for_people():
        _print_rich(columns, cells)
    else:
        _print_plain(columns, cells)


def _print_plain(columns: Sequence[Column], rows: list[list[str]]) -> None:
    titles = [column.title.upper().replace(" ", "_") for column in columns]
    widths = [max(map(len, parts)) for parts in zip(titles, *rows, strict=True)]
    for row in [titles, *rows]:
        line = "  ".join(
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        )
        click.echo(line.rstrip())


def _print_rich(columns: Sequence[Column], rows: list[list[str]]) -> None:
    from rich import box
    from rich.table import Table

    console = make_console()
    kept = _fitting(columns, rows, console.width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for index in kept:
        column = columns[index]
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="fold" if column.whole else "ellipsis",
            min_width=max(len(row[index]) for row in rows) if column.whole else None,
        )
    for row in rows:
        table.add_row(*(styled(row[index], columns[index].title) for index in kept))
    console.print(table)


def _fitting(columns: Sequence[Column], rows: list[list[str]], width: int) -> list[int]:
    """The columns that fit, the optional ones dropped by their rank; those that stay may be cut a little."""
    widths = [max(len(row[i]) for row in [[c.title for c in columns], *rows]) for i in range(len(columns))]
    kept = list(range(len(columns)))
    while sum(widths[i] + 2 for i in kept) > width:
        dropped = max(kept, key=lambda i: columns[i].optional)
        if not columns[dropped].optional:
            break
        kept.remove(dropped)
    return kept


def styled(cell: str, title: str) -> Text:
    """A cell as rich text: never read as markup, states in their colour."""
    from rich.text import Text

    if cell == NOTHING:
        return Text(cell, style="bright_black")
    return Text(cell, style=STATE_STYLES.get(cell, "") if title == "state" else "")


def make_console(*, stderr: bool = False) -> Console:
    """A rich console that takes our texts as they are. It knows NO_COLOR and TERM=dumb by itself."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def print_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Names and values below each other; a value of several lines is indented."""
    known = [(name, clean_lines(value)) for name, value in pairs]
    width = max((len(name) for name, _ in known), default=0)
    console = make_console() if for_people() else None
    for name, value in known:
        first, *rest = (value or NOTHING).split("\n")
        if console is None:
            click.echo(f"{name:<{width}}  {first}".rstrip())
        else:
            from rich.text import Text

            line = Text.assemble((f"{name:<{width}}", "bold"), "  ", styled(first, name))
            console.print(line, soft_wrap=True)
        for more in rest:
            click.echo(f"{'':<{width}}  {more}".rstrip())
