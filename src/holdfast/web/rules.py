"""Limits and rates in a few words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from holdfast.core.limits import Limit, Rate
from holdfast.core.phrases import seconds_text

if TYPE_CHECKING:
    from holdfast.client.limits import Said, StoredLimit


class RuleRow(msgspec.Struct, frozen=True):
    """A limit, a rate or fair shares as a row of a table."""

    rule: str
    counts: str
    holds: str
    code: str
    """What code says, where something else was set at run time."""


def rows_of(limits: Iterable[StoredLimit]) -> list[RuleRow]:
    """Rows of a table."""
    return [
        RuleRow(
            one.rule,
            "by key" if one.by_key else "all together",
            _text(one.now),
            "" if one.changed is None else _text(one.declared) or "nothing",
        )
        for one in limits
    ]


def _text(said: Said | None) -> str:
    if said is None:
        return ""
    if isinstance(said, Limit):
        return f"{said.most:,} at a time"
    if isinstance(said, Rate):
        per = said.per.total_seconds() if isinstance(said.per, timedelta) else said.per
        burst = "" if said.burst in (None, 1) else f", {said.burst:,} at once"
        return f"{said.count:,} in {seconds_text(per)}{burst}"
    weights = ", ".join(f"{share} {weight}" for share, weight in said.items())
    return f"fair shares: {weights}" if weights else "fair shares, equal weights"
