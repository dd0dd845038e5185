"""What a benchmark reports: rows that people and programs can read."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One measure: ours beside a reference of the same run."""

    name: str
    store: str
    ours: float
    reference: float
    unit: str
    target: float | None
    """For `ratio`; None where there is only something to watch."""
    better: Literal["higher", "lower"] = "higher"
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.reference if self.reference else float("nan")

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.ratio >= self.target if self.better == "higher" else self.ratio <= self.target


def median_row(
    name: str,
    store: str,
    pairs: Sequence[tuple[float, float]],
    unit: str,
    target: float | None,
    better: Literal["higher", "lower"] = "higher",
    note: str = "",
) -> Row:
    """The medians of alternating rounds, each a pair of ours and the reference."""
    ours = statistics.median(pair[0] for pair in pairs)
    reference = statistics.median(pair[1] for pair in pairs)
    return Row(name, store, ours, reference, unit, target, better, note)


def show(rows: Sequence[Row]) -> str:
    """A table for people."""
    head = ("measure", "store", "ours", "reference", "unit", "ratio", "target", "")
    lines = [head]
    for row in rows:
        mark = {True: "met", False: "MISSED", None: ""}[row.met]
        sign = "" if row.target is None else (">= " if row.better == "higher" else "<= ")
        target = "" if row.target is None else f"{sign}{row.target:g}"
        figures = (f"{row.ours:,.4g}" if row.ours < 100 else f"{row.ours:,.0f}",)
        figures += (f"{row.reference:,.4g}" if row.reference < 100 else f"{row.reference:,.0f}",)
        lines.append((row.name, row.store, *figures, row.unit, f"{row.ratio:.2f}", target, mark))
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )


def to_json(rows: Sequence[Row]) -> str:
    """The rows as a JSON list."""
    return json.dumps([{**asdict(row), "ratio": row.ratio, "met": row.met} for row in rows], indent=2)
