"""Schedules: what fires by itself. The row of a schedule is locked by whoever fires or changes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from holdfast.core.errors import HoldfastError, StoreError
from holdfast.core.job import NewJob
from holdfast.core.schedules import decode
from holdfast.core.ticks import due_ticks, following, upcoming
from holdfast.store.records import ScheduleRecord, ScheduleRow
from holdfast.store.statement import Many, Row, Statement, Verb, Wake
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.insert_unique import Met, insert_unique

ROW = ScheduleRow.__struct_fields__
COLUMNS = ScheduleRecord.__struct_fields__
KEPT = 24 * 3600 * 1_000_000
"""Microseconds for which it is remembered which ticks have fired."""
TRIES = 50
"""Others may declare the same schedules at the same moment."""

Make = Callable[[ScheduleRecord, int], NewJob | None]
"""The job of a tick; None if it is to have none."""


class Fired(msgspec.Struct):
    """What a round of firing has done."""

    jobs: int = 0
    failed: dict[str, Exception] = {}
    """Schedules that this process can't fire. They are left as they were."""
    met: dict[str, Met] = {}
    """Unique jobs that other ones have met in place of their own, by the ids of these."""
    next_at: int | None = None
    """When the next fire is due, of any other schedule."""


class CannotFire(Exception):
    """The jobs of a schedule can't be stored."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(f"schedule {name}: {error}")
        self.name = name
        self.error = error


# --- looking ----------------------------------------------------------------------------------------------------


def list_schedules(name: str | None = None) -> Verb[list[ScheduleRecord]]:
    """All schedules by name, or the one of a name; those that were removed by hand as well."""
    return [_record(row) for row in (yield Statement("list_schedules", {"name": name}))]


def next_schedule(but: Sequence[str] = ()) -> Verb[int | None]:
    """When the next fire is due, of all schedules but some."""
    rows = yield Statement("next_schedule", {"but": list(but)})
    return rows[0][0] if rows else None


# --- changing ---------------------------------------------------------------------------------------------------


def declare_schedules(rows: Sequence[ScheduleRow]) -> Verb[None]:
    """Store schedules as code declares them. What people have put in the place of one, or done to it, stays."""
    yield from _store(rows, over_others=False)


def put_schedule(row: ScheduleRow) -> Verb[ScheduleRecord]:
    """Store one at run time, in the place of whatever has its name; it isn't paused then."""
    stored = yield from _store([row], over_others=True)
    return stored[0]


def pause_schedule(name: str) -> Verb[bool]:
    """Let a schedule rest; False if there is none of that name."""
    record = yield from _locked(name)
    if record is None:
        return False
    yield from _write([msgspec.structs.replace(record, paused=True)])
    yield Wake(control=True)
    return True


def resume_schedule(name: str) -> Verb[bool]:
    """Let a schedule fire again, from now on: the ticks of the pause are not caught up."""
    record = yield from _locked(name)
    if record is None:
        return False
    if record.paused:
        yield from _write([(yield from _from_now(msgspec.structs.replace(record, paused=False)))])
        yield Wake(control=True)
    return True


def remove_schedule(name: str) -> Verb[bool]:
    """Remove a schedule; False if there is none. Of one that code declares, or that was put in the
    place of such a one, a mark stays, or code would bring it back."""
    record = yield from _locked(name)
    if record is None:
        return False
    if record.declared or record.covers:
        yield from _write([msgspec.structs.replace(record, removed=True)])
    else:
        yield Statement("delete_schedule", {"name": name})
        yield Statement("delete_fires", {"schedule": name})
    yield Wake(control=True)
    return True


def reset_schedule(name: str, code: ScheduleRow | None = None) -> Verb[bool]:
    """Undo what people have done to a declared schedule: it is neither paused nor removed any more.

    Args:
        name: of the schedule.
        code: as code declares it, for one that was removed after another was put in its place; where that isn't known,
            it rests until a worker that knows it starts.
    """
    rows = yield Statement("lock_schedules", {"names": [name]})
    if not rows:
        return False
    record = _record(rows[0])
    if record.paused or record.removed:
        fresh = msgspec.structs.replace(record, paused=False, removed=False)
        if record.removed and record.covers:
            fresh = yield from _as_code_has_it(fresh, code)
        yield from _write([(yield from _from_now(fresh))])
        yield Wake(control=True)
    return True


def _as_code_has_it(record: ScheduleRecord, code: ScheduleRow | None) -> Verb[ScheduleRecord]:
    """In the place of another that had been put in its."""
    record = msgspec.structs.replace(record, declared=True, covers=False, next_at=None)
    if code is None:
        return record
    now = int((yield Statement("server_time"))[0][0])
    values = {**msgspec.structs.asdict(code), "next_at": following(decode(code.spec), now)}
    return msgspec.structs.replace(record, **values)


def note_job(name: str, job_id: str) -> Verb[None]:
    """A schedule was fired by hand, with this job."""
    record = yield from _locked(name)
    if record is not None:
        yield from _write([msgspec.structs.replace(record, last_job=job_id)])


# --- firing -----------------------------------------------------------------------------------------------------


def fire(make: Make, limit: int = 20, but: Sequence[str] = ()) -> Verb[Fired]:
    """Fire schedules that are due: their jobs, the note that these ticks have fired and the next fire time go into
    one transaction.

    Args:
        make: the job of a tick.
        limit: schedules at a time.
        but: names to leave alone.

    Raises:
        CannotFire: the jobs of one can't be stored; nothing of all is.
    """
    fired = Fired(failed={}, met={})
    written: list[ScheduleRecord] = []
    for row in (yield Statement("due_schedules", {"limit": limit, "but": list(but)})):
        record = _record(row)
        try:
            after = yield from _fire_one(record, row[len(COLUMNS)], make, fired)
        except StoreError:
            raise
        except HoldfastError as error:
            raise CannotFire(record.name, error) from error
        if after is not None:
            written.append(after)
    yield from _write(written)
    fired.next_at = yield from next_schedule([*but, *fired.failed])
    return fired


def _fire_one(record: ScheduleRecord, now: int, make: Make, fired: Fired) -> Verb[ScheduleRecord | None]:
    """Fire one that is locked; returns how its row is to be then."""
    assert record.next_at is not None
    try:
        ticks = due_ticks(decode(record.spec), record.next_at, now, record.missed)
    except Exception as error:  # its zone isn't known on this machine, or the row comes from a later release
        fired.failed[record.name] = error
        return None
    known = {row[0] for row in (yield Statement("known_fires", _since(record)))}
    fires = [at for at in ticks.fires if at not in known]
    firing = fires
    if record.overlap == "skip" and fires:
        last = [] if record.last_job is None else [record.last_job]
        alive = bool(last) and bool((yield Statement("alive_jobs", {"ids": last})))
        # The job of the first would be alive when the second comes.
        firing = [] if alive else fires[:1]
    try:
        jobs = {at: make(record, at) for at in firing}
    except Exception as error:  # a middleware refuses
        fired.failed[record.name] = error
        return None
    stored = [job for job in jobs.values() if job is not None]
    met = yield from _insert(stored)
    fired.met.update(met)
    fired.jobs += len(stored) - len(met)
    ids = {job.job_id: met[job.job_id].job_id if job.job_id in met else job.job_id for job in stored}
    rows = [(record.name, at, ids[job.job_id] if (job := jobs.get(at)) else None) for at in fires]
    if rows:
        yield Many("add_fires", ("schedule", "at", "job"), rows)
    return msgspec.structs.replace(
        record,
        next_at=ticks.next_at,
        last_at=ticks.fires[-1] if ticks.fires else record.last_at,
        last_job=ids[stored[-1].job_id] if stored else record.last_job,
    )


def fired_jobs(fires: Sequence[tuple[str, int]]) -> Verb[set[str]]:
    """The jobs of ticks (schedule and fire time) that were fired, once nobody is about to fire them any more."""
    # Whoever fires one has its row until the end of the transaction.
    yield Statement("lock_schedules", {"names": sorted({name for name, _ in fires})})
    return {row[0] for row in (yield Statement("fired_jobs", {"fires": list(fires)}))}


def _insert(jobs: Sequence[NewJob]) -> Verb[dict[str, Met]]:
    """Store the jobs of a schedule; returns those that others have met in place of their own."""
    if all(job.unique_key is None for job in jobs):
        yield from insert(jobs)
        return {}
    met = yield from insert_unique(jobs)
    return {job.job_id: one for job, one in zip(jobs, met, strict=True) if one is not None}


def clean_fires() -> Verb[None]:
    """Forget which ticks have fired long ago."""
    yield Statement("clean_fires", {"age": KEPT})


# --- how --------------------------------------------------------------------------------------------------------


def _store(rows: Sequence[ScheduleRow], *, over_others: bool) -> Verb[list[ScheduleRecord]]:
    if not rows:
        return []
    names = sorted(row.name for row in rows)
    for _ in range(TRIES):
        known = {row[0]: _record(row) for row in (yield Statement("lock_schedules", {"names": names}))}
        now = int((yield Statement("server_time"))[0][0])
        new = [_first(row, now) for row in rows if row.name not in known]
        if new:
            added = yield Many("add_schedules", COLUMNS, [msgspec.structs.astuple(record) for record in new])
            if added[0][0] != len(new):
                continue  # somebody else has just added one: it can be locked now
        wanted = {record.name: record for record in new}
        changed: list[ScheduleRecord] = []
        for row in rows:
            if row.name in known:
                old = known[row.name]
                wanted[row.name] = record = _changed(old, row, now, over_others=over_others)
                if record != old:
                    changed.append(record)
        yield from _write(changed)
        if new or changed:
            yield Wake(control=True)
        return [wanted[row.name] for row in rows]
    raise StoreError(f"schedule {names[0]} is being changed all the time; try again")


def _first(row: ScheduleRow, now: int) -> ScheduleRecord:
    return ScheduleRecord(**msgspec.structs.asdict(row), next_at=following(decode(row.spec), now))


def _changed(old: ScheduleRecord, row: ScheduleRow, now: int, *, over_others: bool) -> ScheduleRecord:
    """A schedule that was there, as it is to be now."""
    if not over_others and not old.declared:
        # People have put another in its place.
        return msgspec.structs.replace(old, covers=True)
    when = decode(row.spec)
    fresh = msgspec.structs.replace(old, **msgspec.structs.asdict(row))
    if over_others:
        covers = old.covers or old.declared
        fresh = msgspec.structs.replace(fresh, covers=covers, paused=False, removed=False)
        if old.paused or old.removed:
            return msgspec.structs.replace(fresh, next_at=following(when, now))
    # One that rests since it was reset begins now.
    if _same(old.spec, row.spec) and old.next_at is not None:
        # As it is kept, text for text: nothing has changed then.
        return msgspec.structs.replace(fresh, spec=old.spec)
    return msgspec.structs.replace(
        fresh, next_at=following(when, now if old.last_at is None else old.last_at)
    )


def _same(old: str, new: str) -> bool:
    try:
        return decode(old) == decode(new)
    except HoldfastError:
        return False


def _from_now(record: ScheduleRecord) -> Verb[ScheduleRecord]:
    """With the ticks that have passed left out."""
    now = int((yield Statement("server_time"))[0][0])
    if record.next_at is None or record.next_at > now:
        return record
    return msgspec.structs.replace(record, next_at=upcoming(decode(record.spec), record.next_at, now))


def _locked(name: str) -> Verb[ScheduleRecord | None]:
    rows = yield Statement("lock_schedules", {"names": [name]})
    record = _record(rows[0]) if rows else None
    return None if record is None or record.removed else record


def _write(records: Sequence[ScheduleRecord]) -> Verb[None]:
    if records:
        rows = [msgspec.structs.astuple(record) for record in records]
        yield Many("write_schedules", COLUMNS, rows)


def _since(record: ScheduleRecord) -> dict[str, object]:
    return {"schedule": record.name, "since": record.next_at}


def _record(row: Row) -> ScheduleRecord:
    values = dict(zip(COLUMNS, row, strict=False))
    for flag in ("declared", "covers", "paused", "removed"):
        values[flag] = bool(values[flag])
    return ScheduleRecord(**values)
