"""Turns of FIFO queues and ordering keys: those that are stuck, so that the jobs behind them never run."""

from __future__ import annotations

from holdfast.core.times import SECOND
from holdfast.store.doctor.finding import Finding, error, fine, span, warning
from holdfast.store.doctor.queue import Facts
from holdfast.store.statement import Statement, Verb

LATE = 10 * SECOND
"""Living workers give a turn within a second of its time."""
KEYS = 5000
"""So many keys with blocked jobs are looked at."""
SHOWN = 20
"""So many of each kind are told of."""
PLACES = {
    "finished": "which has ended",
    "blocked": "which itself waits for a turn",
    "nowhere": "which neither waits nor runs",
    "gone": "which doesn't exist",
}


def check(facts: Facts) -> Verb[list[Finding]]:
    """Look for keys that don't go on; nothing that workers are about to do counts.

    Args:
        facts: the queue.
    """
    rows = yield Statement("doctor/stuck_turns", {"late": facts.now - LATE, "keys": KEYS, "limit": SHOWN})
    found: list[Finding] = []
    for what, queue, key, job_id, place, due in rows:
        if what == "held":
            found.append(_held(queue, key, job_id, place))
        elif what == "lost":
            found.append(_lost(queue, key))
        elif facts.alive:  # without a worker nobody is to give it, which other findings say
            found.append(_overdue(queue, key, (facts.now - due) / SECOND))
    return found or [fine("turns", "every FIFO queue and ordering key goes on")]


def _held(queue: str, key: str, job_id: str, place: str) -> Finding:
    way = "set id to NULL and due to the time now in its row of the table of turns: workers then give it to the next"
    remedy = (
        f"This is a bug that we want to know of, or something else has changed the tables. To mend it, {way}"
        if place in ("gone", "nowhere")
        else f"This is a bug that we want to know of. `holdfast jobs delete {job_id}` frees the turn; or {way}"
    )
    return error(
        "turns",
        f"the turn of {_name(queue, key)} is held by job {job_id}, {PLACES[place]}: the jobs behind it never run",
        remedy,
        queue=queue, key=key, job=job_id, place=place,
    )  # fmt: skip


def _lost(queue: str, key: str) -> Finding:
    return error(
        "turns",
        f"jobs of {_name(queue, key)} wait for their turn, and nothing will make a worker look at them",
        "This is a bug that we want to know of, or something else has changed the tables. The next job that is "
        "enqueued there makes workers look at all of them; or add a row to the table of arrivals, with the id of "
        "one of the jobs, the queue and the key",
        queue=queue, key=key,
    )  # fmt: skip


def _overdue(queue: str, key: str, seconds: float) -> Finding:
    return warning(
        "turns",
        f"the turn of {_name(queue, key)} has been free and due for {span(seconds)} although workers live: they don't "
        "give it to the next job",
        "See what locks it: an open transaction that has cancelled or deleted a job of that key, or the workers' logs",
        queue=queue, key=key, seconds=seconds,
    )  # fmt: skip


def _name(queue: str, key: str) -> str:
    return f"ordering key {key!r} in queue {queue!r}" if key else f"FIFO queue {queue!r}"
