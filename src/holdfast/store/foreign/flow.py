"""All that happens on a caller's connection to PostgreSQL, as one text for every driver, blocking or awaited.

A flow yields the calls to make on the driver and receives their results, as a verb does with statements.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

import msgspec

from holdfast.store.postgres.notify import notification
from holdfast.store.postgres.text import columns, decoded, prepared, values
from holdfast.store.statement import Many, Row, Rows, Step, Verb, Wake

T = TypeVar("T")

Script = tuple[str, str, str]
"""How a verb begins, ends well, and ends badly."""

# PostgreSQL lets names of savepoints repeat and takes the latest, so this can't touch one of the caller's.
JOINED: Script = ("SAVEPOINT holdfast", "RELEASE holdfast", "ROLLBACK TO holdfast; RELEASE holdfast")
"""Inside the caller's transaction: an error leaves it as it was."""
ALONE: Script = ("BEGIN", "COMMIT", "ROLLBACK")
"""On a connection in autocommit mode."""


class Call(msgspec.Struct, frozen=True, gc=False):
    """Something to run on the driver's connection."""

    sql: str
    values: Sequence[Any] | None = None
    """For the placeholders of one statement; None for a script of several that has none."""
    rows: bool = False
    """Its rows are wanted, if it has any; otherwise only how many it changed."""


class Result(msgspec.Struct, frozen=True, gc=False):
    """What came of a call."""

    count: int = 0
    rows: list[Row] | None = None
    """None if the statement has none."""
    columns: Sequence[str] = ()


Flow = Generator[Call, Result, T]


class Manner(msgspec.Struct, frozen=True):
    """How statements are written and what goes with them."""

    schema: str
    placeholder: str
    """How the driver's placeholders are written, around their number."""
    notify: bool


def enclosed(
    verb: Callable[[], Verb[T]], script: Script, manner: Manner, first: Flow[None] | None
) -> Flow[T]:
    """A verb in a transaction or under a savepoint, with its news at the end of it.

    Args:
        verb: makes the verb.
        script: what encloses it.
        manner: of the driver and the store.
        first: what to see to before the verb.
    """
    begin, end, undo = script
    yield Call(begin)
    try:
        if first is not None:
            yield from first
        news: list[Wake] = []
        value = yield from _carried(verb(), manner, news)
        told = notification(news, manner.schema).decode() if manner.notify and news else ""
        yield Call(told + end)
    except GeneratorExit:
        raise  # the driver is gone as well
    except BaseException:
        # Of a broken connection nothing is left to undo, and the first error says more.
        with contextlib.suppress(Exception):
            yield Call(undo)
        raise
    return value


def _carried(verb: Verb[T], manner: Manner, news: list[Wake]) -> Flow[T]:
    try:
        step = next(verb)
        while True:
            try:
                rows = yield from _run(step, manner, news)
            except Exception as error:
                step = verb.throw(error)
            else:
                step = verb.send(rows)
    except StopIteration as end:
        value: T = end.value
        return value


def _run(step: Step, manner: Manner, news: list[Wake]) -> Flow[Rows]:
    if isinstance(step, Wake):
        news.append(step)
        return []
    text = prepared(step.name, manner.schema, manner.placeholder)
    if isinstance(step, Many):
        if not text.sql or not step.rows:
            return [(len(step.rows),)]
        result = yield Call(text.sql, columns(step, text.parameters))
        return [(result.count,)]
    if not text.sql:
        return [(0,)]
    result = yield Call(text.sql, values(text.parameters, step.params), rows=True)
    if result.rows is None:
        return [(result.count,)]
    return decoded(result.rows, result.columns, text.json) if text.json else result.rows
