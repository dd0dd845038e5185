"""How values are written on a page. Everything is text: what templates add to it is escaped."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup

from holdfast.client.queue_api import DEEPEST
from holdfast.core.phrases import bytes_text, seconds_text, when_text
from holdfast.core.printable import clean, clean_lines
from holdfast.core.times import to_datetime

LONGEST = 64 * 1024
"""Characters of a value that are shown."""


def ago(when: datetime | int | None) -> str | Markup:
    """A time as seen from now, with the time itself on demand. The page's script keeps it right."""
    if when is None:
        return ""
    at = to_datetime(when) if isinstance(when, int) else when.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        at.isoformat(timespec="milliseconds"),
        at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03}",
        when_text(at, datetime.now(UTC)),
    )


def moment(when: datetime) -> str:
    """A time as it is, in UTC."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") + f".{when.microsecond // 1000:03}"


def span(value: timedelta | float) -> str:
    """A duration."""
    return seconds_text(value.total_seconds() if isinstance(value, timedelta) else value)


def number(value: int) -> str:
    return f"{value:,}"


def depth(value: int) -> str:
    """A count that ends somewhere."""
    return f"{value:,}+" if value >= DEEPEST else f"{value:,}"


def pretty(value: Any) -> str:
    """What JSON holds, as JSON, on several lines."""
    return shortened(json.dumps(value, indent=2, ensure_ascii=False))


def shortened(text: str) -> str:
    """Text of several lines without what turns the direction of writing, and not too much of it."""
    if len(text) > LONGEST:
        text = (
            f"{text[:LONGEST]}\n… {len(text) - LONGEST:,} more characters; `holdfast jobs show` has them all"
        )
    return clean_lines(text)


FILTERS = {
    "ago": ago,
    "bytes": bytes_text,
    "clean": clean,
    "depth": depth,
    "moment": moment,
    "number": number,
    "pretty": pretty,
    "shortened": shortened,
    "span": span,
}
