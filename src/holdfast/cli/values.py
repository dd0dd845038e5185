"""Kinds of values on the command line: durations, times, JSON objects."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import click

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
if TYPE_CHECKING:
    Kind = click.ParamType[Any]
else:
    Kind = click.ParamType  # generic in its newest releases only

EXAMPLE = """'{"name": "Ada"}'"""
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


class Duration(Kind):
    """A duration: `90` (seconds), `90s`, `1h30m`, `2d`, `500ms`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        seconds = _seconds(str(value).strip().lower())
        if seconds is None:
            self.fail(f"{value!r} is no duration; write 90s, 5m, 1h30m, 2d or 500ms", param, ctx)
        try:
            return timedelta(seconds=seconds)
        except OverflowError:
            self.fail(f"{value!r} is too long", param, ctx)


DURATION = Duration()


def _seconds(text: str) -> float | None:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


class CountPer(Kind):
    """So many in a time: `100/1m`, `5/s`."""

    name = "rate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, timedelta]:
        if isinstance(value, tuple):
            return cast("tuple[int, timedelta]", value)
        count, mark, time = str(value).strip().partition("/")
        if not mark or not count.isdecimal() or not time:
            self.fail(f"{value!r} is no rate; write 100/1m, 5/s or 1000/1h", param, ctx)
        # `5/s` is 5 in one second.
        return int(count), DURATION.convert(time if time[0].isdigit() else f"1{time}", param, ctx)


class ShareWeight(Kind):
    """What a share weighs: `acme=3`."""

    name = "weight"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return cast("tuple[str, int]", value)
        share, mark, weight = str(value).rpartition("=")
        if not mark or not weight.isdecimal():
            self.fail(f"{value!r} is no weight; write SHARE=N, such as acme=3", param, ctx)
        return share, int(weight)


class When(Kind):
    """A time in ISO 8601; without a zone it is the local time."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value).strip()).astimezone()
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no time; write 2030-01-31T09:00 (local) or 2030-01-31T09:00+01:00", param, ctx
            )


class UtcTime(Kind):
    """A time in ISO 8601, as `--json` prints them; without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(
                f"{value!r} is no time; write 2030-01-31, 2030-01-31T09:00 or 2030-01-31T09:00+01:00",
                param,
                ctx,
            )
        return found if found.utcoffset() is not None else found.replace(tzinfo=UTC)


class JsonObject(Kind):
    """A JSON object, such as `{"to": "a@b.c"}`."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        if isinstance(value, dict):
            return cast(dict[str, Any], value)
        try:
            found = json.loads(value)
        except (ValueError, RecursionError) as error:
            self.fail(
                f"{_short(value)} is no JSON ({error}); in a shell put it into single quotes: {EXAMPLE}",
                param,
                ctx,
            )
        if not isinstance(found, dict):
            self.fail(
                f"{_short(value)} is no JSON object; arguments go by name: {EXAMPLE}",
                param,
                ctx,
            )
        return cast(dict[str, Any], found)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
