"""Applying what runs have decided, under the rules that keep every job in exactly one place.

To an end: lock the lease, see that it still owns the job, append to finished. Back to waiting: lock, and then in a
second statement, which sees what was committed meanwhile, check again; release the job from the lease; append to
pending. Locks are taken in the order of lease ids, leases are deleted last, and all of it is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdfast.core.job import Settlement
from holdfast.core.states import JobState
from holdfast.store.statement import Many, Statement, Verb, Wake
from holdfast.store.verbs import expiry, lines
from holdfast.store.verbs.ending import follow, forgotten_runs, is_unusual, new_letters, vanish, vanishing
from holdfast.store.verbs.unique import release_ended

FINISHED = (
    "id",
    "state",
    "reason",
    "run",
    "attempt",
    "crashes",
    "worker",
    "result",
    "started_at",
    "finished_at",
    "expires_at",
)
WAITING = ("queue", "lane", "run_at", "id", "task", "run", "attempt", "crashes")
ERROR = ("id", "run", "attempt", "worker", "at", "type", "message", "traceback")
KEPT_ERRORS = 20
"""Failed runs whose errors are kept for each job."""


def settle(
    worker: str, settlements: Sequence[Settlement], over: Sequence[str] = ()
) -> Verb[list[Settlement]]:
    """Apply a flush of settlements; returns those that were refused because their lease is lost.

    Args:
        worker: the id of the worker that ran them.
        settlements: of any kinds and leases. Sending one again after a broken connection is harmless.
        over: leases whose last job is among these; they are deleted.
    """
    ends = [s for s in settlements if s.state.terminal]
    back = [s for s in settlements if not s.state.terminal]
    leases = sorted({s.job.lease for s in settlements}.union(over))
    unusual = is_unusual(ends)
    # Slots are given back by number: a flush that is sent twice must not do it twice, not even side by side.
    alone = over or back or unusual or any(s.job.limits is not None for s in ends)
    name = "lock_leases" if alone else "lock_leases_shared"
    rows = yield Statement(name, {"leases": leases})
    released: dict[str, set[str]] = {row[0]: set(row[2]) for row in rows if row[1] == worker}

    refused: list[Settlement] = []
    ends = _owned(ends, released, refused)
    back = _owned(back, released, refused)
    if back:
        back = yield from _not_finished(back, refused)
    if back or unusual:
        # A job that vanishes leaves its lease as well: nothing else would say that it owns it no more.
        left = [*back, *(s for s in ends if vanishing(s))]
        yield Many(
            "release", ("lease", "id"), [(s.job.lease, s.job.job_id) for s in left if s.job.lease not in over]
        )
    refused += yield from apply(worker, ends, back)
    if over:
        yield Statement("delete_leases", {"leases": list(over)})
    return (yield from _lost(refused))


def apply(
    worker: str | None, ends: Sequence[Settlement], back: Sequence[Settlement], *, own: bool = True
) -> Verb[list[Settlement]]:
    """Write settlements whose leases are locked and own them; returns ends that were in finished already.

    Args:
        worker: the id of the worker that ran them; None if none did.
        ends: to an end.
        back: back to waiting.
        own: False in a transaction of the caller's.
    """
    refused: list[Settlement] = []
    letters: list[Settlement] = []
    noted = ends
    before = yield from _ended_before(ends)
    unusual = is_unusual(ends)
    if unusual:
        if not own:
            # Before the jobs vanish: their lines are read from them.
            yield from _leave([s for s in ends if vanishing(s) and s.job.job_id not in before], own)
        letters = yield from new_letters(ends)
        refused = yield from vanish(ends)
        noted = [s for s in ends if not vanishing(s)]
    if noted:
        counted = yield Many("finish", FINISHED, [_finished_row(worker, s) for s in noted])
        if counted[0][0] != len(noted):
            refused += yield from _other_run(noted)
    if refused:
        ends = [s for s in ends if s not in refused]
    if unusual:
        yield from follow(ends, [s for s in letters if s not in refused])
    if back:
        yield from _wait(back)
        changed = [(s.job.job_id, s.args) for s in back if s.args is not None]
        if changed:
            yield Many("change_args", ("id", "args"), changed)
    yield from _keep_errors(worker, [*ends, *back])
    unique = [s for s in ends if s.job.unique is not None]
    if unique:
        yield from release_ended(unique)
    yield from expiry.drop([*ends, *back])
    # Last: what others may need is locked here.
    yield from _leave([s for s in (*ends, *back) if s.job.job_id not in before], own)
    back = [s for s in back if s.state is JobState.PENDING]
    due = {(s.job.queue, s.lane): s.run_at for s in sorted(back, key=lambda s: -(s.run_at or 0))}
    yield Wake(
        finished=tuple(s.job.job_id for s in ends),
        due=tuple((queue, lane, run_at) for (queue, lane), run_at in due.items()),
    )
    return refused


def _wait(back: Sequence[Settlement]) -> Verb[None]:
    blocked = [s for s in back if s.state is JobState.BLOCKED]
    if blocked:
        yield from lines.block(blocked)
    # Whoever claims one with new arguments finds out what limits it now, and in which line it is to stand.
    anew = [
        (s.job.job_id, s.job.line if s.state is JobState.BLOCKED else None, None)
        for s in back
        if s.args is not None and s.job.line is not None
    ]
    if anew:
        yield Many("adopt", ("id", "line", "limits"), anew)
    if len(blocked) < len(back):
        yield Many("wait", WAITING, [_waiting_row(s) for s in back if s.state is not JobState.BLOCKED])


def _ended_before(ends: Sequence[Settlement]) -> Verb[set[str]]:
    """Those of some ends that an earlier flush has written already, of jobs that hold slots."""
    limited = [s.job.job_id for s in ends if s.job.limits is not None and s.job.lease]
    if not limited:
        return set()
    return {row[0] for row in (yield Statement("finished_runs", {"ids": limited}))}


def _leave(settlements: Sequence[Settlement], own: bool) -> Verb[None]:
    """Have jobs that stand in lines leave their turns and slots."""
    lined = [s for s in settlements if s.job.line is not None]
    if lined and own:
        yield from lines.leave(lined)
    elif lined:
        yield from lines.note_gone([(s.job.job_id, s.job.run) for s in lined], ran=True)


def _owned(
    settlements: Iterable[Settlement], released: dict[str, set[str]], refused: list[Settlement]
) -> list[Settlement]:
    """Those whose lease owns them still. A second decision of the same run in one flush finds it gone."""
    owned: list[Settlement] = []
    for s in settlements:
        gone = released.get(s.job.lease)
        if gone is None or s.job.job_id in gone:
            refused.append(s)
        else:
            gone.add(s.job.job_id)
            owned.append(s)
    return owned


def _not_finished(back: list[Settlement], refused: list[Settlement]) -> Verb[list[Settlement]]:
    rows = yield Statement("finished_runs", {"ids": [s.job.job_id for s in back]})
    finished = {row[0] for row in rows}
    if not finished:
        return back
    refused += [s for s in back if s.job.job_id in finished]
    return [s for s in back if s.job.job_id not in finished]


def _other_run(ends: Sequence[Settlement]) -> Verb[list[Settlement]]:
    """Of ends that met a row in finished: those whose row is of another run, or not theirs."""
    rows = yield Statement("finished_runs", {"ids": [s.job.job_id for s in ends]})
    done = {(row[0], row[1], row[2]) for row in rows}
    return [s for s in ends if (s.job.job_id, s.job.run, s.state) not in done]


def _lost(refused: list[Settlement]) -> Verb[list[Settlement]]:
    """A refusal is a lost lease only if finished doesn't show this very run: the flush may have been sent twice."""
    ends = [s for s in refused if s.state.terminal]
    if not ends:
        return refused
    rows = yield Statement("finished_runs", {"ids": [s.job.job_id for s in ends]})
    done = {(row[0], row[1], row[2]) for row in rows}
    done.update((yield from forgotten_runs([s.job.job_id for s in ends if vanishing(s)])))
    return [s for s in refused if (s.job.job_id, s.job.run, s.state) not in done]


def _keep_errors(worker: str | None, settlements: Sequence[Settlement]) -> Verb[None]:
    rows = [
        (
            s.job.job_id,
            s.job.run,
            s.job.attempt,
            worker,
            s.at,
            s.failure.type,
            s.failure.message,
            s.failure.traceback,
        )
        for s in settlements
        if s.failure is not None and not vanishing(s)
    ]
    if not rows:
        return
    yield Many("add_errors", ERROR, rows)
    long = [(row[0],) for row in rows if row[1] > KEPT_ERRORS]
    if long:
        yield Many("trim_errors", ("id",), long, {"keep": KEPT_ERRORS})


def _finished_row(worker: str | None, s: Settlement) -> tuple[object, ...]:
    job = s.job
    return (
        job.job_id,
        # Plain text: drivers take a slow way with subclasses of str.
        s.state._value_,
        s.reason._value_ if s.reason is not None else None,
        job.run,
        s.attempt,
        s.crashes,
        worker,
        s.result,
        job.started_at,
        s.at,
        s.expires_at,
    )


def _waiting_row(s: Settlement) -> tuple[object, ...]:
    job = s.job
    return (job.queue, s.lane, s.run_at, job.job_id, job.task, job.run, s.attempt, s.crashes)
