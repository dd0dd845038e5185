"""Runs the steps of verbs on a psycopg connection."""

from __future__ import annotations

from typing import Any

import psycopg

from holdfast.store.postgres.text import columns, decoded, prepared, values
from holdfast.store.statement import Many, Rows, Statement, Step, Wake


class PostgresAdapter:
    """Runs steps on one connection, in whatever transaction its owner has opened, and gathers their news."""

    def __init__(self, connection: psycopg.Connection[Any], schema: str) -> None:
        # A raw cursor takes $1, $2 as the server does: nothing has to be parsed or rewritten on the way.
        self._cursor = psycopg.RawCursor(connection)
        self._schema = schema
        self.news: list[Wake] = []

    def run(self, step: Step) -> Rows:
        if isinstance(step, Wake):
            self.news.append(step)
            return []
        text = prepared(step.name, self._schema)
        if not text.sql:
            return [(len(step.rows) if isinstance(step, Many) else 0,)]
        if isinstance(step, Statement):
            given = values(text.parameters, step.params)
        elif step.rows:
            given = columns(step, text.parameters)
        else:
            return [(0,)]
        # Text in both ways for values, binary for rows: psycopg's quickest.
        cursor = self._cursor.execute(text.sql.encode(), given, prepare=False, binary=True)
        if cursor.description is None:
            return [(cursor.rowcount,)]
        rows: Rows = cursor.fetchall()
        if isinstance(step, Many):
            return [(len(rows),)]
        if text.json:
            return decoded(rows, [column.name for column in cursor.description], text.json)
        return rows
