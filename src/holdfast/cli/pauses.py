"""Pauses on the command line: who pauses, how they are shown."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.screen import print_json, say
from holdfast.cli.text import NOTHING, when_text

if TYPE_CHECKING:
    from holdfast.client.pauses import Pause

Function = Callable[..., Any]


def _me() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a user without a name, as in some containers
        return socket.gethostname()


def pause_options(function: Function) -> Function:
    """Who pauses, and why."""
    for option in (
        click.option("--reason", "-r", metavar="TEXT", help="Why, for others to read."),
        click.option("--by", default=_me, metavar="NAME", help="Who does it. Default: USER@HOST."),
    ):
        function = option(function)
    return function


def pause_text(pause: Pause | None, now: datetime) -> str:
    """One cell: since when, by whom and why."""
    if pause is None:
        return NOTHING
    by = f" by {pause.by}" if pause.by else ""
    why = f": {pause.reason}" if pause.reason else ""
    return f"{when_text(pause.since, now)}{by}{why}"


def pause_document(pause: Pause | None) -> dict[str, Any] | None:
    """The same for programs."""
    if pause is None:
        return None
    return {
        "kind": pause.kind,
        "name": pause.name,
        "by": pause.by,
        "reason": pause.reason,
        "since": pause.since.isoformat(),
    }


def tell_changed(what: str, changed: Mapping[str, bool], as_json: bool, *, was: str) -> None:
    """Say what was paused or resumed."""
    if as_json:
        print_json({what: dict(changed)})
        return
    for name, done in changed.items():
        say(f"{name} is {what}." if done else f"{name} {was}.")
