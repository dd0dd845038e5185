"""Durations, times and JSON on the command line; values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from holdfast.cli.text import bytes_text, clean, count_text, seconds_text, when_text
from holdfast.cli.values import Duration, JsonObject, When


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172800),
        ("500ms", 0.5),
        ("1w", 604800),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "-5", "5 minutes", "m5", "1h-30m", "9" * 30 + "d", "nan", "1e5"])
def test_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)


def test_time_with_a_zone() -> None:
    assert When().convert("2030-01-31T09:00+01:00", None, None) == datetime(2030, 1, 31, 8, tzinfo=UTC)


def test_time_without_a_zone_is_local() -> None:
    found = When().convert("2030-01-31T09:00", None, None)
    assert found.tzinfo is not None
    assert (found.hour, found.minute) == (9, 0)


@pytest.mark.parametrize("text", ["", "tomorrow", "2030-13-01", "09:00"])
def test_no_time(text: str) -> None:
    with pytest.raises(click.BadParameter):
        When().convert(text, None, None)


def test_json_object() -> None:
    assert JsonObject().convert('{"a": [1]}', None, None) == {"a": [1]}


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "null", "{name: 1}", "[" * 100_000])
def test_no_json_object(text: str) -> None:
    with pytest.raises(click.BadParameter, match="JSON"):
        JsonObject().convert(text, None, None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 ms"), (0.0042, "4.2 ms"), (0.34, "340 ms"), (0.9999, "1.0 s"), (4.21, "4.2 s"), (59.6, "1 min"),
     (185, "3 min 5 s"), (7200, "2 h"), (187200, "2 d 4 h"), (-3, "-3.0 s")],
)  # fmt: skip
def test_seconds(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (0, "now"),
        (5, "in 5 s"),
        (-5, "5 s ago"),
        (-200, "3 min ago"),
        (7300, "in 2 h"),
        (-200_000, "2 d ago"),
    ],
)
def test_when(away: float, text: str) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert when_text(now + timedelta(seconds=away), now) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (3.4e6, "3.4 MB"), (2e15, "2000 TB")],
)
def test_bytes(size: float, text: str) -> None:
    assert bytes_text(size) == text


def test_count() -> None:
    assert [count_text(n, "copy", "copies") for n in (0, 1, 1204)] == ["0 copies", "1 copy", "1,204 copies"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("naïve ☃", "naïve ☃"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb", "a\\nb"),
        ("\u202egpj", "\\u202egpj"),
        ("\udc80", "\\udc80"),
    ],
)
def test_a_terminal_is_given_nothing_to_obey(text: str, shown: Any) -> None:
    assert clean(text) == shown
