"""Runs the steps of verbs on a `sqlite3` connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec

from holdfast.store.statement import Many, Rows, Statement, Step, Wake
from holdfast.store.text import NOW, load, rename

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_LISTS = (list, tuple)


class Plan(msgspec.Struct, frozen=True):
    """A statement made ready for `sqlite3`: numbered placeholders, and what goes into them in which order."""

    sql: str
    parameters: tuple[str, ...]
    json: frozenset[str]


@cache
def _plan(name: str, columns: tuple[str, ...] = ()) -> Plan:
    """Placeholders numbered by column for rows of parameters, then by first use for the others."""
    text = load("sqlite", name)
    others = tuple(parameter for parameter in text.parameters if parameter not in columns)
    numbers = {parameter: f"?{n}" for n, parameter in enumerate((*columns, *others), 1)}
    return Plan(rename(text.sql, numbers), others, text.json)


class SqliteAdapter:
    """Runs steps on one connection and gathers the news that they give.

    Args:
        connection: in whatever transaction its owner has opened.
        clock: the store's time in microseconds.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self._connection = connection
        self._clock = clock
        self.news: list[Wake] = []

    def run(self, step: Step) -> Rows:
        if isinstance(step, Statement):
            return self._statement(step)
        if isinstance(step, Many):
            return self._many(step)
        self.news.append(step)
        return []

    def _statement(self, step: Statement) -> Rows:
        plan = _plan(step.name)
        cursor = self._cursor()
        cursor.execute(plan.sql, [self._value(step.params, name) for name in plan.parameters])
        if cursor.description is None:
            return [(cursor.rowcount,)]
        rows: Rows = cursor.fetchall()
        return _decoded(cursor, rows, plan.json) if plan.json else rows

    def _many(self, step: Many) -> Rows:
        plan = _plan(step.name, step.columns)
        rows: Sequence[Sequence[Any]] = step.rows
        if plan.parameters:
            same = tuple(self._value(step.params, name) for name in plan.parameters)
            rows = [(*row, *same) for row in rows]
        cursor = self._cursor()
        cursor.executemany(plan.sql, rows)
        return [(cursor.rowcount,)]

    def _cursor(self) -> sqlite3.Cursor:
        cursor = self._connection.cursor()
        # A caller's own connection may make something else of rows.
        cursor.row_factory = None
        return cursor

    def _value(self, params: Any, name: str) -> Any:
        if name == NOW:
            return self._clock()
        value = params[name]
        return _encode(value).decode() if isinstance(value, _LISTS) else value


def _decoded(cursor: sqlite3.Cursor, rows: Rows, names: frozenset[str]) -> Rows:
    places = {place for place, column in enumerate(cursor.description) if column[0] in names}
    return [
        [
            _decode(value) if place in places and value is not None else value
            for place, value in enumerate(row)
        ]
        for row in rows
    ]
