"""The statements, read from their files: one file each, the same names for both dialects, `:name` parameters."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

Dialect = Literal["sqlite", "postgres"]

_COMMENT = re.compile(r"--[^\n]*")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_JSON = re.compile(r"^-- json: (.+)$", re.MULTILINE)

NOW = "now"
"""The parameter that no verb gives: the store's time."""


class Text(msgspec.Struct, frozen=True):
    """One statement as its file has it."""

    name: str
    sql: str
    """Without comments; empty where another statement of this dialect does the work."""
    parameters: tuple[str, ...]
    """Each once, in the order of first use."""
    json: frozenset[str] = frozenset()
    """Columns of its rows that hold JSON text, to be decoded; named in a comment `-- json: a b`."""


@cache
def load(dialect: Dialect, name: str) -> Text:
    """One statement of a dialect.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    source = (files("holdfast.store") / "sql" / dialect / f"{name}.sql").read_text("utf-8")
    json = frozenset(word for line in _JSON.findall(source) for word in line.split())
    sql = _COMMENT.sub("", source).strip()
    return Text(name, sql, tuple(dict.fromkeys(_PARAMETER.findall(sql))), json)


def rename(sql: str, new: dict[str, str]) -> str:
    """The same statement with each `:name` replaced by what a driver wants there."""
    return _PARAMETER.sub(lambda found: new[found[1]], sql)


def names(dialect: Dialect) -> set[str]:
    """Every statement of a dialect."""
    folder = files("holdfast.store") / "sql" / dialect
    return {entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")}


@cache
def migrations(dialect: Dialect) -> tuple[tuple[int, str, str], ...]:
    """Number, name and text of each migration, in order."""
    folder = files("holdfast.store") / "sql" / dialect / "migrations"
    found = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(
        (int(name[:4]), name.removesuffix(".sql"), (folder / name).read_text("utf-8")) for name in found
    )
