"""Durations, times and numbers as they are written for people."""

from __future__ import annotations

from datetime import datetime

NOTHING = "-"
"""What stands in a cell without a value, so that columns can be counted."""


def seconds_text(seconds: float) -> str:
    """A duration in the two units that matter: `340 ms`, `4.2 s`, `3 min 5 s`, `2 d 4 h`."""
    if seconds < 0:
        return f"-{seconds_text(-seconds)}"
    if seconds < 0.9995:
        return f"{seconds * 1000:.{0 if seconds >= 0.01 else 1}f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, size, smaller, smaller_size in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def when_text(when: datetime | None, now: datetime) -> str:
    """A time as seen from now: `3 min ago`, `in 5 s`."""
    if when is None:
        return NOTHING
    away = (when - now).total_seconds()
    if away > 0.5:
        return f"in {_coarse(away)}"
    return f"{_coarse(-away)} ago" if away < -0.5 else "now"


def _coarse(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(1, round(seconds))} s"


def count_text(n: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: `1 job`, `1,204 jobs`."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def moment_text(when: datetime, now: datetime) -> str:
    """A time as it is, and as seen from now: `2026-01-31T09:00:00.000+00:00 (in 3 min)`."""
    return f"{when.isoformat(timespec='milliseconds')} ({when_text(when, now)})"


def bytes_text(size: float) -> str:
    """A size in decimal units: `812 B`, `3.4 MB`."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(amount) < 999.5 or unit == "TB":
            return f"{amount:.0f} {unit}" if unit == "B" or abs(amount) >= 99.95 else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError
