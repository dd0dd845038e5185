"""Ends that do more than be noted: jobs that vanish, arguments that go, jobs made in dead-letter queues.

All of it belongs to the transaction of the end. Most jobs come to none of this, and pay nothing for it.

A job that is not kept is deleted from `jobs` where others are noted in `finished`, and the delete that finds its row
is what makes the end count. Its bare id is remembered for a while, so that what was sent twice is told from what is
new: a settlement, and an enqueue whose answer was lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from holdfast.core.job import NewJob, Settlement
from holdfast.core.payload import decode_meta
from holdfast.core.states import JobState
from holdfast.store.statement import Many, Statement, Verb
from holdfast.store.verbs.insert import insert

FORGOTTEN = ("id", "run", "state")
REMEMBERED = 10 * 60 * 1_000_000
"""Microseconds for which the id of a job that was not kept is remembered."""


def is_unusual(ends: Sequence[Settlement]) -> bool:
    """Whether any of some ends does more than be noted. The lease must be locked against everybody then."""
    return any(s.ending is not None for s in ends)


def vanishing(s: Settlement) -> bool:
    """Whether a settlement leaves nothing of its job."""
    return s.ending is not None and not s.ending.kept


def new_letters(ends: Sequence[Settlement]) -> Verb[list[Settlement]]:
    """Those of some ends that are to make a job in a dead-letter queue and have not done so yet.

    To be asked before the ends are written, with their leases locked: what was written by a flush that is now sent
    again has made its jobs then, and they may have run and be gone.
    """
    letters = [s for s in ends if s.ending is not None and s.ending.dead_letter is not None]
    if not letters:
        return []
    rows = yield Statement("finished_runs", {"ids": [s.job.job_id for s in letters]})
    written = {row[0] for row in rows}
    return [s for s in letters if s.job.job_id not in written]


def vanish(ends: Sequence[Settlement]) -> Verb[list[Settlement]]:
    """Delete the jobs of which nothing is kept; returns the ends that found theirs gone already."""
    by_id = {s.job.job_id: s for s in ends if vanishing(s)}
    if not by_id:
        return []
    # In the order of their ids, as everywhere: two that delete some of the same must not wait for each other.
    rows = yield Statement("vanish", {"ids": sorted(by_id)})
    gone = sorted(row[0] for row in rows)
    if gone:
        # Plain text: drivers take a slow way with subclasses of str.
        yield Many("remember", FORGOTTEN, [(i, by_id[i].job.run, by_id[i].state._value_) for i in gone])
        yield Statement("delete_progress", {"ids": gone})
        yield Statement("delete_errors", {"ids": gone})
    found = set(gone)
    return [s for job_id, s in by_id.items() if job_id not in found]


def follow(ends: Sequence[Settlement], letters: Collection[Settlement]) -> Verb[None]:
    """What ends that have been written bring with them.

    Args:
        ends: those that were.
        letters: what `new_letters` has found, less those that were refused.
    """
    without = [s.job.job_id for s in ends if s.ending is not None and s.ending.kept and not s.ending.payload]
    if without:
        yield Statement("drop_args", {"ids": sorted(without)})
    if letters:
        yield from insert([_letter(s) for s in letters])
        origins = [
            (s.ending.dead_letter.job_id, s.job.job_id) for s in letters if s.ending and s.ending.dead_letter
        ]
        yield Many("set_origin", ("id", "origin"), origins)


def _letter(s: Settlement) -> NewJob:
    """The job that is made of a failed one. It has nothing of its overrides: another queue, another policy."""
    if s.ending is None or s.ending.dead_letter is None or not s.ending.dead_letter.job_id:
        raise ValueError(f"the job to be made of {s.job.job_id} in its dead-letter queue was given no id")
    letter, job = s.ending.dead_letter, s.job
    return NewJob(
        job_id=letter.job_id,
        task=letter.task or job.task,
        queue=letter.queue,
        args=job.args,
        priority=letter.priority,
        meta=decode_meta(job.meta),
        ordering_key=letter.ordering_key,
        new_id=True,
    )


# --- what was not kept ---------------------------------------------------------------------------------------


def forgotten_runs(ids: Sequence[str]) -> Verb[list[tuple[str, int, str]]]:
    """Those of some ids that are remembered, each with the run that ended the job and the state that it came to."""
    rows = yield Statement("forgotten_runs", {"ids": list(ids)})
    return [(row[0], row[1], row[2]) for row in rows]


def end_of_unkept(job_id: str) -> Verb[JobState | None]:
    """The state in which a job ended that was not kept; None if there was none, or it is too long ago."""
    rows = yield from forgotten_runs([job_id])
    return JobState(rows[0][2]) if rows else None


def clean_forgotten(before: int, limit: int = 1000, mark: int = 0) -> Verb[tuple[int, int]]:
    """Forget some ids that have been remembered for long enough.

    Args:
        before: those of jobs that ended before this time.
        limit: at most so many, to keep the transaction short.
        mark: the time from which to look; the last call's second value.

    Returns:
        How many were forgotten, and the mark for the next call.
    """
    rows = yield Statement("old_forgotten", {"before": before, "limit": limit, "mark": mark})
    if not rows:
        return 0, mark
    yield Statement("delete_forgotten", {"ids": [row[0] for row in rows]})
    return len(rows), max(row[1] for row in rows)
