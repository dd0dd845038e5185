"""Whose turn it is: FIFO queues and ordering keys.

Jobs with a key wait in `blocked`. The first of each queue and key gets the turn once it is due, and goes to pending; it
keeps the turn through retries and snoozes, until it ends or is rescheduled. Then the next gets it.

Who ends a job in a transaction of Holdfast's own hands the turn over at once (`hand_over`). Callers' transactions,
which may be open for long, only free it (`free`), or add a note of a job that has come (`arrive`); workers then look
(`give`). No two workers and no caller can wait for each other here: turns are locked in the order of their keys; a
worker that gives turns passes over what others hold; and callers add rows that nobody else touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdfast.core.job import Settlement
from holdfast.store.statement import Many, Row, Statement, Verb, Wake

BLOCKED = ("queue", "key", "first_due", "id", "lane", "task", "run", "attempt", "crashes")
PENDING = ("queue", "lane", "run_at", "id", "task", "run", "attempt", "crashes")
AT_ONCE = 0
HELD_UP = 100_000
"""Microseconds until another look at a job that a caller's transaction holds."""

Key = tuple[str, str]
"""A queue and an ordering key; the key of a FIFO queue is empty."""


def arrive(rows: Iterable[tuple[str, str, str]]) -> Verb[None]:
    """Note that jobs were put into blocked: id, queue and key of each. One of each key is enough."""
    first: dict[Key, str] = {}
    for job_id, queue, key in rows:
        first.setdefault((queue, key), job_id)
    yield Many("add_arrivals", ("id", "queue", "key"), [(job_id, *key) for key, job_id in first.items()])
    yield Wake(turns=True)


def block(settlements: Sequence[Settlement]) -> Verb[None]:
    """Put jobs that were running into blocked, as new ones: a reschedule gives up the turn."""
    rows = [
        (s.job.queue, s.job.key, s.run_at, s.job.job_id, s.lane, s.job.task, s.job.run, s.attempt, s.crashes)
        for s in settlements
    ]
    yield Many("block", BLOCKED, rows)


def hand_over(held: Iterable[tuple[str, str, str]]) -> Verb[None]:
    """Give the turns of jobs that have ended to the next of their keys.

    Only in transactions of Holdfast's own at READ COMMITTED: the turn is locked first, so that a job which comes
    meanwhile is either seen here or finds the turn free.

    Args:
        held: queue, key and id of each job.
    """
    holders = {(queue, key): job_id for queue, key, job_id in held}
    rows = yield Statement("lock_turns", {"keys": sorted(holders)})
    yield from _pass_on([(queue, key) for queue, key, job_id in rows if holders[queue, key] == job_id])


def free(ids: list[str]) -> Verb[None]:
    """Free the turns of jobs that end, of those that have one. Before their rows in jobs are deleted."""
    if (yield Statement("free_turns", {"ids": ids})):
        yield Wake(turns=True)


def give(limit: int = 500) -> Verb[int | None]:
    """Give free turns to jobs that are due, where any have arrived or become due.

    Args:
        limit: at most about so many, to keep the transaction short.

    Returns:
        When to look again: `AT_ONCE` where there may be more, else when the next free turn is due, if any is.
    """
    arrived = yield Statement("take_arrivals", {"limit": limit})
    keys: set[Key] = set()
    if arrived:
        wanted = sorted({(queue, key) for _, queue, key in arrived})
        yield Many("add_turns", ("queue", "key"), wanted)
        rows = yield Statement("lock_unlocked_turns", {"keys": wanted})
        keys = {(queue, key) for queue, key, job_id in rows if job_id is None}
        # Whoever holds the others may be about to free them, or not: look again later.
        seen = {(row[0], row[1]) for row in rows}
        unseen = [row for row in arrived if (row[1], row[2]) not in seen]
        if unseen:
            yield Many("add_arrivals", ("id", "queue", "key"), unseen)
    due = yield Statement("lock_due_turns", {"limit": limit})
    keys.update((queue, key) for queue, key in due)
    yield from _pass_on(sorted(keys))
    if limit in (len(due), len(arrived)):
        return AT_ONCE
    rows = yield Statement("next_turn")
    return rows[0][0] if rows else None


def put_in_order(queue: str, limit: int = 500) -> Verb[int]:
    """Have some jobs of a FIFO queue wait for its turn that were enqueued before it was one, or by a program that
    didn't know of it; returns how many. Call again while there are any."""
    stray = {"queue": queue, "limit": limit}
    pending = yield Statement("stray_pending", stray)
    yield Statement("delete_pending", {"ids": [row[2] for row in pending]})
    blocked = yield Statement("drop_other_keys", stray)
    rows = [(queue, "", *row[1:]) for row in (*pending, *blocked)]
    if rows:
        yield from adopt(rows, [(queue, row[0], row[2]) for row in pending if row[0] is not None])
    return len(rows)


def adopt(rows: Sequence[Row], held: Sequence[tuple[str, str, str]]) -> Verb[None]:
    """Put jobs into blocked with the one key of their FIFO queue.

    Args:
        rows: as they are to be in blocked.
        held: queue, key and id of those that had the turn of another key.
    """
    yield Statement("adopt", {"ids": [row[3] for row in rows]})
    yield Many("block", BLOCKED, rows)
    yield from arrive((row[3], row[0], "") for row in rows)
    if held:
        yield from hand_over(held)


def drop_idle(limit: int = 1000) -> Verb[int]:
    """Forget some turns of keys that have no job; returns how many."""
    return len((yield Statement("drop_idle_turns", {"limit": limit})))


def _pass_on(keys: Sequence[Key]) -> Verb[None]:
    """Give locked turns to the first jobs of their keys where these are due."""
    if not keys:
        return
    heads: dict[Key, Row] = {
        (row[0], row[1]): row for row in (yield Statement("heads", {"keys": list(keys)}))
    }
    due = [job_id for _, _, job_id, first_due, now in heads.values() if first_due <= now]
    moved = (yield Statement("unblock", {"ids": due})) if due else []
    if moved:
        yield Many("wait", PENDING, [row[1:] for row in moved])
    holders = {(row[1], row[0]): row[4] for row in moved}
    yield Many("set_turns", ("queue", "key", "id", "due"), [_turn(key, holders, heads) for key in keys])
    first: dict[tuple[str, int], int] = {}
    for row in moved:
        first[row[1], row[2]] = min(row[3], first.get((row[1], row[2]), row[3]))
    if first:
        yield Wake(due=tuple((queue, lane, at) for (queue, lane), at in first.items()))


def _turn(key: Key, holders: dict[Key, str], heads: dict[Key, Row]) -> Row:
    """The new row of a turn: held by a job, or free until the first one is due."""
    if key in holders:
        return (*key, holders[key], None)
    if key not in heads:
        return (*key, None, None)
    first_due, now = heads[key][3:5]
    # Due and not moved: somebody's transaction is about to cancel or delete it, or is not.
    return (*key, None, first_due if first_due > now else now + HELD_UP)
