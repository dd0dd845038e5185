"""Pauses: what people have stopped from being claimed, until it is resumed.

The claim itself leaves out what is paused, so a pause holds from its commit on, in every worker. What workers know of
pauses only saves them claims in vain.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.store.records import LaneDue, PauseKind, PauseRecord
from holdfast.store.statement import Statement, Verb, Wake
from holdfast.store.verbs.claim import lanes
from holdfast.store.verbs.limits import rules


def pause(kind: PauseKind, name: str, who: str | None, reason: str | None) -> Verb[bool]:
    """Pause a queue, a task or everything; False if it was paused, and stays so as it was.

    Args:
        kind: of what.
        name: of the queue or task; empty for everything.
        who: did it.
        reason: why.
    """
    rows = yield Statement("pause", {"kind": kind, "name": name, "who": who, "reason": reason})
    yield Wake(control=True)
    return bool(rows)


def resume(kind: PauseKind, name: str) -> Verb[bool]:
    """End a pause; False if there was none."""
    rows = yield Statement("resume", {"kind": kind, "name": name})
    yield Wake(control=True)
    return bool(rows)


def list_pauses() -> Verb[list[PauseRecord]]:
    """All that is paused: everything first, then queues, then tasks."""
    rows = yield Statement("list_pauses")
    return [PauseRecord(*row) for row in rows]


def survey(queues: Sequence[str] | None) -> Verb[tuple[list[LaneDue], list[PauseRecord], list[str]]]:
    """What a worker looks at: the lanes that hold waiting jobs, as `lanes` reads them, what is paused, and the names of
    the limits and rates."""
    pauses = yield from list_pauses()
    known = yield from rules()
    return (yield from lanes(queues)), pauses, list(known)


class Halted:
    """What some pauses halt."""

    __slots__ = ("_queues", "_tasks", "at", "everything")

    def __init__(self, pauses: Sequence[PauseRecord] = ()) -> None:
        self.at = 0.0
        """When a worker learned of it, by its monotonic clock: what it claims later was no longer paused."""
        self.everything = any(one.kind == "all" for one in pauses)
        self._queues = frozenset(one.name for one in pauses if one.kind == "queue")
        self._tasks = frozenset(one.name for one in pauses if one.kind == "task")

    def __bool__(self) -> bool:
        return bool(self.everything or self._queues or self._tasks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Halted) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def queue(self, name: str) -> bool:
        """True if nothing of this queue is claimed."""
        return self.everything or name in self._queues

    def job(self, queue: str, task: str) -> bool:
        """True if no job of this task in this queue is claimed."""
        return self.queue(queue) or task in self._tasks

    def _all(self) -> tuple[bool, frozenset[str], frozenset[str]]:
        return self.everything, self._queues, self._tasks
