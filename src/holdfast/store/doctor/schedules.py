"""Schedules: those that nobody fires, and those that no code declares any more."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.core.errors import HoldfastError
from holdfast.core.schedules import decode
from holdfast.core.times import SECOND
from holdfast.store.doctor.finding import Finding, fine, several, span, warning
from holdfast.store.doctor.queue import Facts
from holdfast.store.records import ScheduleRecord

LATE = 60 * SECOND
"""A fire that has been due for so long is nobody's."""


def check(records: Sequence[ScheduleRecord], facts: Facts, declared: Sequence[str] | None) -> list[Finding]:
    """Look at all schedules.

    Args:
        records: as they are stored.
        facts: the queue.
        declared: the names of those that an application declares; None leaves the comparison out.
    """
    alive = [record for record in records if not record.removed]
    found = [*_unreadable(alive), *_late(alive, facts)]
    if declared is not None:
        found += _left_over(alive, declared)
    resting = sum(record.paused for record in alive)
    return found or [
        fine(
            "schedules",
            f"{len(alive)} schedules, {resting} of them paused",
            schedules=len(alive),
            paused=resting,
        )
    ]


def _unreadable(records: Sequence[ScheduleRecord]) -> list[Finding]:
    found: list[Finding] = []
    for record in records:
        try:
            decode(record.spec)
        except HoldfastError as error:
            found.append(
                warning(
                    "schedules",
                    f"schedule {record.name!r} can't be understood on this machine: {error}",
                    "Workers on machines like this one leave it to others; mend the machine, or put the schedule anew",
                    schedule=record.name,
                )
            )
    return found


def _late(records: Sequence[ScheduleRecord], facts: Facts) -> list[Finding]:
    late = [
        record
        for record in records
        if record.next_at is not None and not record.paused and facts.now - record.next_at > LATE
    ]
    if not late:
        return []
    longest = max(facts.now - (record.next_at or 0) for record in late) / SECOND
    return [
        warning(
            "schedules",
            f"schedules have been due for up to {span(longest)} and nobody fires them: "
            + several([record.name for record in late]),
            "The workers' logs say why they can't be fired" if facts.alive else "Start a worker",
            schedules=[record.name for record in late], seconds=longest,
        )
    ]  # fmt: skip


def _left_over(records: Sequence[ScheduleRecord], declared: Sequence[str]) -> list[Finding]:
    left = [record.name for record in records if record.declared and record.name not in declared]
    if not left:
        return []
    return [
        warning(
            "schedules",
            f"schedules still fire that this application doesn't declare any more: {several(left)}",
            "If no other application declares them: `holdfast schedules remove NAME`",
            schedules=left,
        )
    ]
