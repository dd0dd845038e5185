"""What a verb yields, and what drives it.

A verb is a generator: it yields statements, receives their rows and returns its value. The same text of a verb
serves both stores, sync and async, and connections that are the caller's own, since it never touches one.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

Row = Sequence[Any]
Rows = list[Row]


class Statement(msgspec.Struct, frozen=True, gc=False):
    """One statement by the name of its file, with its parameters by name. It receives rows."""

    name: str
    params: Mapping[str, Any] = {}


class Many(msgspec.Struct, frozen=True, gc=False):
    """One statement for many rows of parameters. It receives `[[n]]`, the number of rows that it changed.

    On SQLite it runs once a row, in one call. On PostgreSQL it runs once, each column an array.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    params: Mapping[str, Any] = {}
    """The same for every row."""


class Wake(msgspec.Struct, frozen=True, gc=False):
    """News for other threads and processes, to be heard once the transaction has committed. It receives no rows."""

    due: tuple[tuple[str, int, int | None], ...] = ()
    """Jobs to claim: queue, lane, and when the earliest may run; None is at once."""
    finished: tuple[str, ...] = ()
    """Ids of jobs that ended."""
    cancel: tuple[str, ...] = ()
    """Ids of running jobs that were asked to cancel, or whose lease was taken away."""
    lines: tuple[tuple[str, int, int | None], ...] = ()
    """Lines that may go on: queue, lane, and from when; None or 0 is at once."""
    notes: bool = False
    """There are notes of lines to see to, or slots that lines wait for may have room."""
    control: bool = False
    """Something that workers go by was changed, such as a pause."""
    anything: bool = False
    """Something has changed, and what is not known: look at everything."""


Step = Statement | Many | Wake
Verb = Generator[Step, Rows, T]
"""A verb that returns a T."""
