"""Arrays as PostgreSQL reads them in text: one string a column, built in a few passes, for any driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def array(values: Sequence[Any]) -> str:
    """An array literal of texts, integers, booleans and None."""
    if None in values:
        return "{" + ",".join([_element(value) for value in values]) + "}"
    if not values:
        return "{}"
    if not isinstance(values[0], str):
        return "{" + ",".join([_element(value) for value in values]) + "}"
    body = '","'.join(values)
    # Most columns hold nothing that needs escaping: ids, names, numbers.
    if "\\" in body or body.count('"') != 2 * (len(values) - 1):
        body = '","'.join([value.replace("\\", "\\\\").replace('"', '\\"') for value in values])
    return f'{{"{body}"}}'


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)
