"""Statements made ready for PostgreSQL drivers, and values for their parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

import msgspec

from holdfast.core.errors import InvalidOption
from holdfast.store.postgres.literals import array
from holdfast.store.statement import Many
from holdfast.store.text import NOW, load, rename

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

SERVER_TIME = "statement_timestamp()"
"""Not now(): that is when the transaction began, and the caller's may have begun long ago."""

_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def check_schema_name(schema: str) -> str:
    """A name that needs no quoting.

    Raises:
        InvalidOption: anything else.
    """
    if not _SCHEMA_NAME.fullmatch(schema) or schema.startswith("pg_"):
        raise InvalidOption(
            f"schema={schema!r} can't be used: give a name of lower-case letters, digits and underscores, of at most "
            "63 characters, that doesn't begin with a digit or pg_"
        )
    return schema


def qualify(sql: str, schema: str) -> str:
    """The same text for tables in another schema."""
    return sql if schema == "holdfast" else re.sub(r"\bholdfast\b(?=[.;])", schema, sql)


class Prepared(msgspec.Struct, frozen=True):
    """A statement with placeholders `$1`, `$2`, …"""

    sql: str
    """Empty where another statement does the work."""
    parameters: tuple[str, ...]
    json: frozenset[str]


@cache
def prepared(name: str, schema: str, template: str = "${}") -> Prepared:
    """One statement, with its placeholders written as `template` says, which is given their number."""
    text = load("postgres", name)
    parameters = tuple(parameter for parameter in text.parameters if parameter != NOW)
    numbers = {parameter: template.format(n) for n, parameter in enumerate(parameters, 1)}
    sql = rename(qualify(text.sql, schema), {**numbers, NOW: SERVER_TIME})
    return Prepared(sql, parameters, text.json)


def values(parameters: Sequence[str], given: Mapping[str, Any]) -> list[Any]:
    """The values of a statement's parameters: lists as array literals, lists of lists as JSON."""
    return [_value(given[name]) for name in parameters]


def columns(step: Many, parameters: Sequence[str]) -> list[Any]:
    """The values for a statement of many rows: each column an array."""
    by_name = dict(zip(step.columns, zip(*step.rows, strict=True), strict=True))
    return [array(by_name[name]) if name in by_name else _value(step.params[name]) for name in parameters]


def decoded(rows: list[Sequence[Any]], names: Sequence[str], json: frozenset[str]) -> list[Sequence[Any]]:
    """Rows with the columns named in `json` decoded."""
    places = {place for place, name in enumerate(names) if name in json}
    return [
        [
            _decode(value) if place in places and value is not None else value
            for place, value in enumerate(row)
        ]
        for row in rows
    ]


def _value(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return value
    items = cast("Sequence[Any]", value)
    if items and isinstance(items[0], list | tuple):
        return _encode(items).decode()
    return array(items)
