"""Nobody is at work: what must hold on both sides before a move may begin."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial

from holdfast.core.errors import MoveRefused
from holdfast.core.job import Claimed, Failure, Settlement
from holdfast.core.lifecycle import settle
from holdfast.core.outcomes import Interrupted
from holdfast.core.policy import DEFAULT
from holdfast.store.base import Store
from holdfast.store.move.place import Place
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs.rescue import rescue
from holdfast.store.verbs.workers import beats, list_workers

LEASE = 30.0
"""Seconds of silence after which a worker is dead."""
LOOK = 0.25
"""Seconds between two looks at the beats."""

Say = Callable[[str], object]


def find_dead(place: Place, say: Say, *, lease: float = LEASE) -> list[tuple[str, int]]:
    """The workers that have a row, all of them dead; each with the beat at which it stands.

    On SQLite a file lock proves life and death at once; elsewhere a worker is watched until it beats, or for the
    lease time.

    Raises:
        MoveRefused: one is alive.
    """
    store = place.store
    seen = dict(store.read(beats))
    for worker in seen:
        if place.proves_life(worker):
            raise _alive(place, worker)
    watched = {worker for worker in seen if not store.known_dead(worker)}
    if watched:
        say(f"{place.name} lists {len(watched)} worker(s); watching for {lease:.0f} s whether they live")
    # By the number of looks, not by the clock: a process that was stopped for a while has seen nothing meanwhile.
    for _ in range(math.ceil(lease / LOOK)):
        if not watched:
            break
        time.sleep(LOOK)
        now = dict(store.read(beats))
        watched &= now.keys()
        for worker in watched:
            if now[worker] != seen[worker]:
                raise _alive(place, worker)
        seen = {worker: beat for worker, beat in seen.items() if worker in now}
    return list(seen.items())


def give_back(store: Store, dead: list[tuple[str, int]]) -> int:
    """Remove dead workers and give back, uncharged, what they held; returns how many jobs that was.

    Uncharged, because whoever moves has stopped the workers: that they died says nothing of their jobs.
    """
    given = 0
    while True:
        now = store.now()
        settled = store.write(rescue, dead, partial(_given_back, now))
        given += len(settled)
        dead = []
        if not settled:
            if not store.read(_leases_left):
                return given
            time.sleep(LOOK)


def _given_back(now: int, job: Claimed, _: str) -> Settlement:
    return settle(job, Interrupted(started=False), DEFAULT, now, describe=_describe)


def _describe(error: BaseException) -> Failure:
    return Failure(type(error).__name__, str(error))


def _leases_left() -> Verb[bool]:
    """True while there are leases of nobody: one that another process has locked is passed over by a rescue."""
    workers, leases = (yield Statement("move/held"))[0]
    return bool(leases and not workers)


def _alive(place: Place, worker: str) -> MoveRefused:
    record = next((record for record in place.store.read(list_workers) if record.id == worker), None)
    where = f" (process {record.pid} on {record.host})" if record is not None else ""
    return MoveRefused(
        f"worker {worker}{where} of {place.name} is alive. Stop all workers of both databases with SIGTERM, wait "
        "until they have ended, and run the same command again"
    )
