"""How single values are written for people: times, durations, sizes, names that may hold anything."""

from __future__ import annotations

from datetime import timedelta

from holdfast.core.phrases import NOTHING, bytes_text, count_text, moment_text, seconds_text, when_text
from holdfast.core.printable import clean, clean_lines

__all__ = [
    "NOTHING", "bytes_text", "clean", "clean_lines", "count_text", "duration_text", "moment_text", "seconds_text",
    "when_text",
]  # fmt: skip


def duration_text(value: timedelta | None) -> str:
    return NOTHING if value is None else seconds_text(value.total_seconds())
