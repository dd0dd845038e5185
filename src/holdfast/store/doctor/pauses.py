"""Pauses that may have been forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.core.times import DAY, SECOND
from holdfast.store.doctor.finding import Finding, fine, span, warning
from holdfast.store.records import PauseRecord

LONG = DAY


def check(records: Sequence[PauseRecord], now: int) -> list[Finding]:
    """Is something paused, and for how long?"""
    found = [_forgotten(one, now) for one in records if now - one.since > LONG]
    if found:
        return found
    names = [_name(one) for one in records]
    said = f"paused: {', '.join(names)}" if names else "nothing is paused"
    return [fine("pauses", said, paused=names)]


def _forgotten(one: PauseRecord, now: int) -> Finding:
    by = f" by {one.who}" if one.who else ""
    why = f" ({one.reason})" if one.reason else ""
    command = {
        "all": "queues resume --all",
        "queue": f"queues resume {one.name}",
        "task": f"tasks resume {one.name}",
    }
    return warning(
        "pauses",
        f"{_name(one)} was paused {span((now - one.since) / SECOND)} ago{by}{why}: no job of it is run",
        f"If that is over: `holdfast {command[one.kind]}`",
        kind=one.kind, name=one.name, by=one.who, reason=one.reason, seconds=(now - one.since) / SECOND,
    )  # fmt: skip


def _name(one: PauseRecord) -> str:
    return "everything" if one.kind == "all" else f"{one.kind} {one.name!r}"
