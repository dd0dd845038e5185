"""What is known of a job and of all that may keep it from running.

It looks at one moment: on the store's own connections in one snapshot. However much waits, each statement reads a few
rows by an index, or counts to a number beyond which it no longer matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from holdfast.core.facts import HOLDERS, MOST, Facts, Halt, LastError, Seat, Server, Stand
from holdfast.core.lines import decode_limits, is_ordered
from holdfast.core.slots import Rule, rule_of
from holdfast.core.states import JobState, Reason
from holdfast.store.marks import ZERO
from holdfast.store.records import PauseRecord, WorkerRecord
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs.jobs import TRIES, nowhere
from holdfast.store.verbs.limits import rules
from holdfast.store.verbs.pauses import list_pauses
from holdfast.store.verbs.queues import stored_settings
from holdfast.store.verbs.workers import SILENT, list_workers

LIMIT = MOST + 1
IN_HAND = 10_000
"""So many of the jobs that workers hold are looked at."""
WAITING = (JobState.PENDING, JobState.BLOCKED)
NOBODY = "00000000-0000-0000-0000-000000000000"


class Place(msgspec.Struct, frozen=True, array_like=True):
    """The columns of `explain_job`."""

    now: int
    task: str
    queue: str
    overrides: str | None
    limits: str | None
    state: JobState
    lane: int
    run_at: int
    run: int | None
    attempt: int | None
    crashes: int | None
    key: str | None
    """The line in which it waits."""
    reason: Reason | None
    ended_at: int | None
    kept_until: int | None
    expires_at: int | None
    error_run: int | None
    error_attempt: int | None
    error_type: str | None
    error_message: str | None


class Surroundings(msgspec.Struct, frozen=True):
    """What is the same for all jobs of a queue."""

    pauses: list[PauseRecord]
    workers: list[WorkerRecord]
    """Those that live and serve the queue."""
    in_hand: dict[str, tuple[int, int]]
    """Of each worker: the jobs that it holds, and those of them that are of the queue."""
    concurrency: int | None
    unknown: dict[str, int]
    """Tasks that no worker of the queue knows, and since when that is noted."""
    rules: dict[str, Rule]


def explain(job_id: str) -> Verb[Facts | None]:
    """The facts of a job, and of the one that it waits for; None if there is no such job."""
    place = yield from _place(job_id)
    if place is None:
        return None
    if place.state not in WAITING:
        return (yield from _begun(job_id, place))
    around = yield from _look_around(place)
    facts = yield from _waiting(job_id, place, around)
    leader = None if facts.stand is None else facts.stand.turn or facts.stand.first
    if leader in (None, job_id):
        return facts
    return msgspec.structs.replace(facts, leader=(yield from _leader(str(leader), around)))


def _leader(job_id: str, around: Surroundings) -> Verb[Facts | None]:
    """The facts of the job that another waits for, but not of whom that waits for in turn."""
    place = yield from _place(job_id)
    if place is None:
        return None
    if place.state in WAITING:
        return (yield from _waiting(job_id, place, around))
    return (yield from _begun(job_id, place))


# --- one job ------------------------------------------------------------------------------------------------------


def _place(job_id: str) -> Verb[Place | None]:
    rows = yield Statement("explain_job", {"id": job_id})
    return msgspec.convert(list(rows[0]), Place) if rows else None


def _facts(job_id: str, place: Place, **more: Any) -> Facts:
    return Facts(
        now=place.now, job_id=job_id, task=place.task, queue=place.queue, state=place.state, run_at=place.run_at,
        lane=place.lane, run=place.run or 0, attempt=place.attempt or 0, crashes=place.crashes or 0,
        overrides=place.overrides, expires_at=place.expires_at, error=_error(place), **more,
    )  # fmt: skip


def _error(place: Place) -> LastError | None:
    if place.error_run is None:
        return None
    return LastError(
        run=place.error_run,
        attempt=place.error_attempt or 0,
        type=place.error_type or "",
        message=place.error_message or "",
    )


def _begun(job_id: str, place: Place) -> Verb[Facts]:
    """A job that runs or has ended."""
    for _ in range(TRIES):
        if place.state is not JobState.RUNNING:
            return _facts(
                job_id, place, reason=place.reason, ended_at=place.ended_at, kept_until=place.kept_until
            )
        held = yield Statement("leases_naming", {"ids": [job_id]})
        if held:
            _, _, worker, run, attempt, crashes, claimed_at = held[0]
            asked = yield Statement("cancel_requests", {"ids": [job_id]})
            alive = [one.id for one in (yield from list_workers()) if place.now - one.beat_at < SILENT]
            place = msgspec.structs.replace(place, run=run, attempt=attempt, crashes=crashes)
            return _facts(
                job_id, place, worker=worker, worker_alive=worker in alive, claimed_at=claimed_at,
                cancel_requested=(job_id, run) in {(row[0], row[1]) for row in asked},
            )  # fmt: skip
        # On its way between two places, which only a connection without a snapshot can see.
        found = yield from _place(job_id)
        if found is None:
            break
        if found.state in WAITING:
            return (yield from _waiting(job_id, found, (yield from _look_around(found))))
        place = found
    raise nowhere(job_id)


def _waiting(job_id: str, place: Place, around: Surroundings) -> Verb[Facts]:
    """A job that waits."""
    counts = {"higher": 0, "before": 0}
    if place.run_at <= place.now:
        lane = {"queue": place.queue, "lane": place.lane, "limit": LIMIT}
        counts["higher"] = (yield Statement("explain_higher", lane))[0][0]
        if place.key is None:
            rows = yield Statement("explain_before", {"id": job_id, "limit": LIMIT})
            counts["before"] = rows[0][0]
    stand = None if place.key is None else (yield from _stand(job_id, place, place.key))
    return _facts(
        job_id,
        place,
        pauses=tuple(
            Halt(kind=one.kind, name=one.name, who=one.who, why=one.reason, since=one.since)
            for one in around.pauses
            if (one.kind, one.name) in (("all", ""), ("queue", place.queue), ("task", place.task))
        ),
        servers=tuple(_server(one, place.task, around) for one in around.workers),
        concurrency=around.concurrency,
        unknown_since=around.unknown.get(place.task),
        stand=stand,
        seats=(yield from _seats(decode_limits(place.limits), around.rules)),
        **counts,
    )


# --- where it stands ------------------------------------------------------------------------------------------------


def _stand(job_id: str, place: Place, key: str) -> Verb[Stand]:
    line = {"queue": place.queue, "key": key}
    known = yield Statement("explain_line", line)
    turn, slot, ticket = known[0] if known else (None, None, 0)
    if turn is not None and turn != job_id:
        holder = yield from _place(turn)
        if holder is None or holder.state.terminal:
            turn = None  # it has gone, and the next claim sees to that
    ahead = yield Statement("explain_ahead", {"id": job_id, "turn": turn or NOBODY, "limit": LIMIT})
    stand = Stand(key=key, ahead=0 if turn == job_id else ahead[0][0], turn=turn, slot=slot)
    if is_ordered(key):
        if turn is not None or not stand.ahead:
            return stand
        first = yield Statement("heads", {"keys": [(place.queue, key, *ZERO)]})
        return msgspec.structs.replace(stand, first=first[0][2] if first else None)
    if slot is not None:
        waiting = yield Statement("explain_tickets", {"slot": slot, "ticket": ticket, "limit": LIMIT})
        others, before = waiting[0]
        return msgspec.structs.replace(stand, lines_ahead=before, lines_beside=max(0, others - 1))
    if place.run_at > place.now:
        return stand
    beside = yield Statement(
        "explain_beside", {"queue": place.queue, "lane": place.lane, "key": key, "limit": LIMIT}
    )
    return msgspec.structs.replace(stand, lines_beside=beside[0][0])


def _seats(names: Sequence[str], known: dict[str, Rule]) -> Verb[tuple[Seat, ...]]:
    """The slots that a job needs, as far as a rule is known of them."""
    ruled = {name: rule for name in names if (rule := known.get(rule_of(name))) is not None}
    if not ruled:
        return ()
    rows = yield Statement("explain_slots", {"names": list(ruled)})
    found = {row[0]: (row[1], row[2]) for row in rows}
    seats: list[Seat] = []
    for name, rule in ruled.items():
        used, next_free = found.get(name, (0, None))
        holders: tuple[str, ...] = ()
        if rule.most is not None and used >= rule.most:
            held = yield Statement("explain_holders", {"slot": name, "most": IN_HAND, "limit": HOLDERS})
            holders = tuple(row[0] for row in held)
        seats.append(Seat(name=name, rule=rule, used=used, next_free=next_free, holders=holders))
    return tuple(seats)


# --- who is there to run it ---------------------------------------------------------------------------------------


def _look_around(place: Place) -> Verb[Surroundings]:
    workers = yield from list_workers()
    settings = dict((yield from stored_settings()))
    held = yield Statement("explain_in_hand", {"queue": place.queue, "most": IN_HAND})
    noted = yield Statement("unknown_tasks")
    return Surroundings(
        pauses=(yield from list_pauses()),
        workers=[
            one
            for one in workers
            if place.now - one.beat_at < SILENT and (one.queues is None or place.queue in one.queues)
        ],
        in_hand={row[0]: (row[1], row[2]) for row in held},
        concurrency=_concurrency(settings.get(place.queue)),
        unknown={task: since for queue, task, since in noted if queue == place.queue},
        rules=(yield from rules()),
    )


def _server(worker: WorkerRecord, task: str, around: Surroundings) -> Server:
    in_hand, of_queue = around.in_hand.get(worker.id, (0, 0))
    return Server(
        id=worker.id, host=worker.host, pid=worker.pid, concurrency=worker.concurrency, knows=task in worker.tasks,
        restricted=worker.restricted, in_hand=in_hand, of_queue=of_queue,
    )  # fmt: skip


class _Settings(msgspec.Struct):
    concurrency: int | None = None


def _concurrency(settings: str | None) -> int | None:
    """How many jobs of a queue each worker runs at a time, by its stored settings."""
    if settings is None:
        return None
    try:
        return msgspec.json.decode(settings, type=_Settings).concurrency
    except msgspec.DecodeError:  # of a later release, or somebody's own
        return None
