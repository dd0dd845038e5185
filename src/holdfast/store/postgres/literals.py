"""Arrays as PostgreSQL reads them in text: one string a column, built in a few passes, for any driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def array(values: Sequence[Any]) -> str:
    """An array literal of texts, integers, booleans and None."""
    if not values:
        return "{}"
    first = values[0]
    # Many columns of a batch say the same in every row.
    if values.count(first) == len(values):
        return "{" + ",".join([_element(first)] * len(values)) + "}"
    if None in values:
        return "{" + ",".join([_element(value) for value in values]) + "}"
    if not isinstance(first, str):
        return "{" + ",".join(map(str, values)) + "}"
    body = '","'.join(values)
    # Most columns hold nothing that needs escaping: ids, names, numbers.
    if "\\" in body or body.count('"') != 2 * (len(values) - 1):
        body = '","'.join([_escaped(value) for value in values])
    return f'{{"{body}"}}'


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    return f'"{_escaped(value)}"' if isinstance(value, str) else str(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
