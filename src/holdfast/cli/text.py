"""How single values are written for people: times, durations, sizes, names that may hold anything."""

from __future__ import annotations

from datetime import timedelta

from holdfast.core.phrases import NOTHING, count_text, moment_text, seconds_text, when_text
from holdfast.core.printable import clean, clean_lines

__all__ = [
    "NOTHING", "bytes_text", "clean", "clean_lines", "count_text", "duration_text", "moment_text", "seconds_text",
    "when_text",
]  # fmt: skip


def duration_text(value: timedelta | None) -> str:
    return NOTHING if value is None else seconds_text(value.total_seconds())


def bytes_text(size: float) -> str:
    """A size in decimal units: `812 B`, `3.4 MB`."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(amount) < 999.5 or unit == "TB":
            return f"{amount:.0f} {unit}" if unit == "B" or abs(amount) >= 99.95 else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError
