"""`app.schedules`: schedules looked up and changed while the program runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from holdfast.client import clock
from holdfast.client.flow import Flow, Read, Write
from holdfast.client.names import check_name
from holdfast.client.stored_schedule import StoredSchedule
from holdfast.client.timetables import Missed, Overlap, check_words, schedule_row
from holdfast.core import overrides
from holdfast.core.errors import InvalidOption, ScheduleNotFound
from holdfast.core.job import NewJob
from holdfast.core.payload import decode_meta
from holdfast.core.schedules import Cron, Every
from holdfast.core.times import to_datetime
from holdfast.store.verbs import schedules as verbs

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.draft import Draft
    from holdfast.client.job import Job
    from holdfast.client.task import Task
    from holdfast.store.records import ScheduleRecord, ScheduleRow
    from holdfast.store.statement import Verb

T = TypeVar("T")
MOST = 10_000
"""Fires of a preview."""


# Within the class below, `list` is its method.
StoredSchedules: TypeAlias = list[StoredSchedule]
Times: TypeAlias = list[datetime]


class SchedulesApi:
    """The schedules of an app. With `tx=`, a method works on that connection of the caller's, in its transaction.

    What is done here wins over code: a declared schedule that was paused or removed stays so when workers start again,
    until `reset`; one that was put in the place of a declared one stays, and once it is removed, neither comes back.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    # --- looking -------------------------------------------------------------------------------------------

    def get(self, name: str, *, tx: Any = None) -> StoredSchedule:
        """One schedule.

        Raises:
            ScheduleNotFound: none of that name is stored, or it was removed.
        """
        return self._client.run(_get(name), tx)

    async def aget(self, name: str, *, tx: Any = None) -> StoredSchedule:
        """The same for async code, as with every `a…` below."""
        return await self._client.arun(_get(name), tx)

    def list(self, *, removed: bool = False, tx: Any = None) -> StoredSchedules:
        """All that are stored, by name. Those of code are, once a worker has started.

        Args:
            removed: also those that were removed by hand although code declares them.
            tx: see the class.
        """
        return self._client.run(_list(removed=removed), tx)

    async def alist(self, *, removed: bool = False, tx: Any = None) -> StoredSchedules:
        return await self._client.arun(_list(removed=removed), tx)

    def preview(self, name: str, n: int = 5) -> Times:
        """The next `n` fires, in the schedule's time zone; without those of a pause, if it rests now.

        Raises:
            ScheduleNotFound: none of that name is stored.
        """
        found = self.get(name)
        return _preview(found, _count(n), self._client.store.now())

    async def apreview(self, name: str, n: int = 5) -> Times:
        import asyncio

        found = await self.aget(name)
        now = await asyncio.to_thread(self._client.store.now)
        return _preview(found, _count(n), now)

    # --- changing ------------------------------------------------------------------------------------------

    def put(
        self,
        name: str,
        draft: Draft[Any],
        when: Cron | Every,
        *,
        overlap: Overlap = "allow",
        missed: Missed = "latest",
        tx: Any = None,
    ) -> StoredSchedule:
        """Store a schedule, in the place of whatever has its name.

        If another timetable had that name, the next fire is counted from the last one, else from now.

        Args:
            name: unique.
            draft: the job of each fire, from `task.new(…)` or `task.using(…).new(…)`. It gets a new id each time.
            when: `Cron(…)` or `Every(…)`.
            overlap: "skip" leaves a tick out while the job of the one before is alive.
            missed: of ticks that have passed while no worker ran, fire the "latest", "all", or "none".
            tx: see the class.

        Raises:
            InvalidOption: a value makes no sense.
        """
        return self._client.run(_put(self._row(name, draft, when, overlap, missed)), tx)

    async def aput(
        self,
        name: str,
        draft: Draft[Any],
        when: Cron | Every,
        *,
        overlap: Overlap = "allow",
        missed: Missed = "latest",
        tx: Any = None,
    ) -> StoredSchedule:
        return await self._client.arun(_put(self._row(name, draft, when, overlap, missed)), tx)

    def pause(self, name: str, *, tx: Any = None) -> None:
        """Let a schedule rest, over restarts and deployments, until `resume`.

        Raises:
            ScheduleNotFound: none of that name is stored.
        """
        self._client.run(_change(verbs.pause_schedule, name), tx)

    async def apause(self, name: str, *, tx: Any = None) -> None:
        await self._client.arun(_change(verbs.pause_schedule, name), tx)

    def resume(self, name: str, *, tx: Any = None) -> None:
        """Let it fire again. What would have fired during the pause is not caught up.

        Raises:
            ScheduleNotFound: none of that name is stored.
        """
        self._client.run(_change(verbs.resume_schedule, name), tx)

    async def aresume(self, name: str, *, tx: Any = None) -> None:
        await self._client.arun(_change(verbs.resume_schedule, name), tx)

    def remove(self, name: str, *, tx: Any = None) -> None:
        """Remove it. One that code declares doesn't come back with the next start, but by `reset`; nor does it after
        another was put in its place and is removed.

        Raises:
            ScheduleNotFound: none of that name is stored.
        """
        self._client.run(_change(verbs.remove_schedule, name), tx)

    async def aremove(self, name: str, *, tx: Any = None) -> None:
        await self._client.arun(_change(verbs.remove_schedule, name), tx)

    def reset(self, name: str, *, tx: Any = None) -> None:
        """Undo pauses and removals: a declared schedule is again as code has it, at the latest when a worker starts.

        Raises:
            ScheduleNotFound: none of that name is stored.
        """
        self._client.run(self._reset(name), tx)

    async def areset(self, name: str, *, tx: Any = None) -> None:
        await self._client.arun(self._reset(name), tx)

    def run_now(self, name: str) -> Job[Any]:
        """Enqueue its job now, besides its ticks, paused or not.

        Raises:
            ScheduleNotFound: none of that name is stored.
        """
        record = self.get(name).record
        task = self._client.registry.find(record.task)
        job: Job[Any] = self._client.enqueues.one(job_of(record, task), task, None)
        self._client.store.write(verbs.note_job, name, str(job.id))
        return job

    async def arun_now(self, name: str) -> Job[Any]:
        from holdfast.client.bridge import outcome

        record = (await self.aget(name)).record
        task = self._client.registry.find(record.task)
        job: Job[Any] = await self._client.enqueues.aone(job_of(record, task), task, None)
        store = await self._client.astore()
        await outcome(store.submit(verbs.note_job, name, str(job.id)))
        return job

    def _reset(self, name: str) -> Flow[None]:
        registry = self._client.registry
        registry.load()
        code = next((row for row in registry.schedule_rows() if row.name == name), None)
        return _change(verbs.reset_schedule, name, code)

    def _row(
        self, name: str, draft: Draft[Any], when: Cron | Every, overlap: Overlap, missed: Missed
    ) -> ScheduleRow:
        from holdfast.client.draft import Draft

        if not isinstance(draft, Draft):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"a schedule takes what task.new(…) returns, not {draft!r}")
        if not isinstance(when, (Cron, Every)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"a schedule fires by Cron(…) or Every(…), not by {when!r}")
        if draft.job.run_at is not None or draft.job.delay is not None:
            raise InvalidOption("the schedule says when its jobs run: leave out at= and delay=")
        own = ("existing", None) if draft.task is None else (draft.task.on_conflict, draft.task.unique)
        if draft.job.unique != own[1] or draft.job.on_conflict != (own[0] or "existing"):
            raise InvalidOption(
                "the jobs of a schedule are unique as their task says: leave out unique= and on_conflict= here, and "
                'declare them with the task. overlap="skip" leaves a tick out while the job of the one before is alive'
            )
        check_words(overlap, missed)
        job = self._client.enqueues.placed(draft.job)
        return schedule_row(check_name(name, what="schedule"), job, when, overlap, missed, declared=False)


def job_of(record: ScheduleRecord, task: Task[Any, Any] | None, at: int | None = None) -> NewJob:
    """A job of a schedule, for a tick or by hand; its metadata tells which.

    It is unique as its task says. A tick that meets another job there is dealt with, not an error.
    """
    on_conflict = None if task is None else task.on_conflict
    meta = decode_meta(record.meta)
    meta["schedule"] = record.name
    if at is not None:
        meta["scheduled_for"] = to_datetime(at).isoformat()
    return NewJob(
        job_id=clock.ids.next(),
        task=record.task,
        queue=record.queue,
        args=record.args,
        priority=record.priority,
        meta=meta,
        overrides=overrides.decode(record.overrides),
        ordering_key=record.ordering_key,
        unique=None if task is None else task.unique,
        on_conflict="existing" if on_conflict in (None, "raise") else on_conflict,
    )


def _get(name: str) -> Flow[StoredSchedule]:
    found: list[ScheduleRecord] = yield Read(verbs.list_schedules, (check_name(name, what="schedule"),))
    if not found or found[0].removed:
        raise _missing(name)
    return StoredSchedule(found[0])


def _list(*, removed: bool) -> Flow[StoredSchedules]:
    found: list[ScheduleRecord] = yield Read(verbs.list_schedules, ())
    return [StoredSchedule(record) for record in found if removed or not record.removed]


def _put(row: ScheduleRow) -> Flow[StoredSchedule]:
    record: ScheduleRecord = yield Write(verbs.put_schedule, (row,))
    return StoredSchedule(record)


def _change(verb: Callable[..., Verb[bool]], name: str, *args: object) -> Flow[None]:
    if not (yield Write(verb, (check_name(name, what="schedule"), *args))):
        raise _missing(name)


def _missing(name: str) -> ScheduleNotFound:
    return ScheduleNotFound(
        f"no schedule is called {name!r}; `holdfast schedules list` shows those that there are. One that code declares "
        "is stored when a worker starts"
    )


def _count(n: object) -> int:
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST:
        raise InvalidOption(f"a preview shows 1 to {MOST:,} fires, not {n!r}")
    return n


def _preview(found: StoredSchedule, n: int, now: int) -> Times:
    when, first = found.when, found.record.next_at
    if first is None or first <= now or found.paused:
        return when.preview(n, to_datetime(now))
    begin = to_datetime(first)
    if isinstance(when, Cron):
        begin = begin.astimezone(when.zone)
    return [begin, *when.preview(n - 1, begin)]
