"""Lines, in which jobs wait that may not simply run: by an ordering key, in a FIFO queue, for slots or their share.

A job that stands in a line waits in `blocked`. A claim takes the next jobs of lines that may go on
(`claim_lined`). In an ordered line the job that was taken has the turn, also while it waits for its retry, until it
ends or is rescheduled. Jobs side by side only use up slots while they run.

Who ends a job in a transaction of Holdfast's own frees its turn and its slots at once (`leave`). Callers'
transactions, which may be open for long, only add a note: that a job has come (`arrive`) or has gone (`note_gone`).
Workers see to the notes. Nobody can wait for each other here: lines are locked before slots, both in the order of
their names; a claim passes over lines that others hold; and callers add rows that nobody else touches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from holdfast.core.job import Settlement
from holdfast.core.lines import decode_limits, in_lane, is_ordered
from holdfast.core.states import Again
from holdfast.store.statement import Many, Row, Statement, Verb, Wake
from holdfast.store.verbs import slots

BLOCKED = ("queue", "key", "first_due", "id", "lane", "task", "run", "attempt", "crashes")
PENDING = ("queue", "lane", "run_at", "id", "task", "run", "attempt", "crashes")
NOW = 0

Key = tuple[str, str]
"""A queue and the name of a line."""


class Line(msgspec.Struct, array_like=True, gc=False):
    """How it stands with a line."""

    queue: str
    key: str
    epoch: int
    lane: int
    due: int | None
    """When a claim is to look at it; None while nothing of it can go on, as far as is known."""
    id: str | None
    """The job that has the turn, in an ordered line."""
    run: int | None
    """Which of its runs that is."""
    slot: str | None
    """What it waits for."""
    ticket: int
    credit: int

    @property
    def name(self) -> Key:
        return self.queue, self.key

    @property
    def running(self) -> bool:
        """The job that has the turn runs; else, if there is one, it waits for its retry, or for a slot then."""
        return self.id is not None and self.due is None and self.slot is None

    def free(self) -> None:
        """Nobody has the turn: a claim is to look."""
        self.id = self.run = None


SET = ("queue", "key", "epoch", "lane", "due", "id", "run", "slot", "ticket", "credit")


def arrive(rows: Iterable[tuple[str, str, str, int]]) -> Verb[None]:
    """Note that jobs were put into blocked: id, queue, line and lane of each. One of each line is enough."""
    first: dict[Key, Row] = {}
    for row in rows:
        first.setdefault((row[1], row[2]), row)
    if first:
        yield Many("add_notes", ("id", "queue", "key", "lane"), list(first.values()))
        yield Wake(notes=True)


def note_gone(jobs: Iterable[tuple[str, int]], *, ran: bool) -> Verb[None]:
    """Note that jobs have gone which may have had a turn or slots. Before their rows in `jobs` are deleted.

    Args:
        jobs: id and last run of each; those that stand in no line are passed over.
        ran: they were running, not waiting.
    """
    rows = list(jobs)
    if rows:
        counted = yield Many("note_gone", ("id", "run"), rows, {"ran": ran})
        if counted[0][0]:
            yield Wake(notes=True)


def block(settlements: Sequence[Settlement]) -> Verb[None]:
    """Put jobs that were running back into their lines."""
    rows = [
        (s.job.queue, in_lane(s.job.line or "", s.lane), s.run_at, s.job.job_id, s.lane, s.job.task, s.job.run,
         s.attempt, s.crashes)
        for s in settlements
    ]  # fmt: skip
    yield Many("block", BLOCKED, rows)
    # An ordered line is told by what becomes of its turn.
    yield from arrive((row[3], row[0], row[1], row[4]) for row in rows if not is_ordered(row[1]))


def leave(settlements: Sequence[Settlement]) -> Verb[None]:
    """Free the turns and slots of jobs that have ended or wait again, as far as they don't keep them.

    Only in transactions of Holdfast's own: lines and slots are locked.

    Args:
        settlements: of jobs that stand in lines.
    """
    ordered = {
        (s.job.queue, s.job.line): s for s in settlements if s.job.line is not None and is_ordered(s.job.line)
    }
    if ordered:
        held: list[Line] = []
        for line in (yield from locked(ordered)):
            s = ordered[line.queue, line.key]
            if line.id != s.job.job_id:
                continue
            if s.state.terminal or s.again is Again.RESCHEDULE:
                line.free()
                line.due = NOW
            else:
                line.due, line.lane = s.run_at, s.lane
            held.append(line)
        yield from write(held)
        yield Wake(lines=tuple((line.queue, line.lane, line.due) for line in held))
    used = Counter[str]()
    for s in settlements:
        if s.job.lease:  # what only waited holds none
            used.update(decode_limits(s.job.limits))
    if used:
        yield from slots.give_back(used)


def locked(keys: Iterable[Key]) -> Verb[list[Line]]:
    """Lock lines, waiting for whoever has them in hand."""
    rows = yield Statement("lock_lines", {"keys": sorted(keys)})
    return [Line(*row) for row in rows]


def write(lines: Sequence[Line]) -> Verb[None]:
    """Write lines that are locked."""
    if lines:
        yield Many("set_lines", SET, [msgspec.structs.astuple(line) for line in lines])


def drop_idle(limit: int = 1000) -> Verb[int]:
    """Forget some lines without a job, and slots that nobody uses; returns how many."""
    dropped = yield Statement("drop_idle_lines", {"limit": limit})
    return len(dropped) + len((yield Statement("drop_idle_slots", {"limit": limit})))
