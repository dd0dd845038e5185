"""Pausing queues, tasks or everything, and what is paused."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.client.flow import Flow, Read, Write
from holdfast.client.names import check_name
from holdfast.core.errors import InvalidOption
from holdfast.core.times import to_datetime
from holdfast.store.records import PauseKind, PauseRecord
from holdfast.store.verbs import pauses as verbs

if TYPE_CHECKING:
    from holdfast.client.task import Task

LONGEST = 500
"""Characters that `by` and `reason` may have."""
EVERYTHING: tuple[PauseKind, str] = ("all", "")


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """What is paused, by whom, since when and why."""

    kind: PauseKind
    """"queue", "task", or "all" for everything."""
    name: str
    """Of the queue or task; empty for everything."""
    by: str | None
    reason: str | None
    since: datetime


def of_task(task: str | Task[Any, Any] | None) -> tuple[PauseKind, str]:
    """What `app.pause(task=…)` means; None is everything.

    Raises:
        InvalidOption: no task can have that name.
    """
    if task is None:
        return EVERYTHING
    return "task", check_name(task if isinstance(task, str) else task.name, what="task")


def pause(what: tuple[PauseKind, str], by: str | None, reason: str | None) -> Flow[bool]:
    """True if it was not paused before."""
    done: bool = yield Write(verbs.pause, (*what, _text(by, "by"), _text(reason, "reason")))
    return done


def resume(what: tuple[PauseKind, str]) -> Flow[bool]:
    """True if it was paused."""
    done: bool = yield Write(verbs.resume, what)
    return done


def paused() -> Flow[list[Pause]]:
    """All that is paused."""
    found: list[PauseRecord] = yield Read(verbs.list_pauses, ())
    return [
        Pause(kind=one.kind, name=one.name, by=one.who, reason=one.reason, since=to_datetime(one.since))
        for one in found
    ]


def of_queue(name: str) -> Flow[Pause | None]:
    """The pause that holds for a queue: its own, else that of everything."""
    found = {(one.kind, one.name): one for one in (yield from paused())}
    return found.get(("queue", name)) or found.get(EVERYTHING)


def _text(value: object, what: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > LONGEST or "\0" in value:
        raise InvalidOption(f"{what}= takes text of at most {LONGEST} characters, not {value!r:.100}")
    return value or None
