"""What a check has found."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """The queue works, but something will hurt, or hurts already."""
    ERROR = "error"
    """Jobs don't run, or may be lost."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    level: Level
    check: str
    what: str
    """What it is, and what it does to the queue."""
    remedy: str = ""
    """What to do; empty where all is well."""
    data: dict[str, Any] = {}
    """The same for programs."""


def fine(check: str, what: str, **data: Any) -> Finding:
    return Finding(Level.OK, check, what, "", data)


def warning(check: str, what: str, remedy: str, **data: Any) -> Finding:
    return Finding(Level.WARNING, check, what, remedy, data)


def error(check: str, what: str, remedy: str, **data: Any) -> Finding:
    return Finding(Level.ERROR, check, what, remedy, data)


def span(seconds: float) -> str:
    """A duration in one unit: `340 ms`, `12 s`, `5 min`, `3 h`, `2 d`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(number: float) -> str:
    """Bytes in decimal units: `812 B`, `3.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def several(names: list[str], most: int = 5) -> str:
    """Some names of a list that may be long."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
