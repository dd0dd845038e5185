"""One job as applications see it: a snapshot, and the verbs that go with it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, cast
from uuid import UUID

import msgspec

from holdfast.client.failed_run import FailedRun
from holdfast.client.snapshot import (
    UNREAD,
    Found,
    as_dict,
    optional_time,
    record_of_draft,
    record_of_run,
    updated_at,
)
from holdfast.core.errors import JobCancelled, JobFailed, JobNotFound, ResultNotKept
from holdfast.core.job import Claimed, JobRecord, NewJob, RunError
from holdfast.core.payload import decode_meta
from holdfast.core.states import JobState, Reason
from holdfast.core.times import to_datetime

if TYPE_CHECKING:
    from holdfast.client.change import Changes
    from holdfast.client.client import Client
    from holdfast.client.task import Task
    from holdfast.core.explain import Explanation

R_co = TypeVar("R_co", covariant=True)

UNKEPT = "null"
"""Stands in place of arguments that were not kept."""
MASK = "•••"
"""Stands in place of a sensitive argument."""


class Job(Generic[R_co]):
    """A snapshot of one job. `refresh` takes a new one; the verbs do so too. Two are equal if they are one job.

    One that comes from an enqueue shows what was asked for, without reading it back: it is pending, and its times
    are those of this host's clock. Any thread may use it.

    Attributes:
        is_new: True if it comes from the enqueue that has stored it; False if that met it in place of a unique job of
            its own, and wherever else it comes from.
    """

    __slots__ = ("_at", "_client", "_draft", "_errors", "_id", "_record", "_task", "is_new")

    def __init__(
        self,
        client: Client,
        task: Task[Any, R_co] | None,
        *,
        record: JobRecord | None = None,
        errors: list[RunError] | None = None,
        draft: NewJob | None = None,
        at: int = 0,
    ) -> None:
        self._client = client
        self._task = task
        self._record = record
        self._errors = errors
        self._draft = draft
        self._at = at
        self.is_new = draft is not None
        self._id = cast(NewJob | JobRecord, draft or record).job_id

    @classmethod
    def of_run(cls, client: Client, task: Task[Any, R_co], claimed: Claimed, worker: str) -> Job[R_co]:
        """The job of a run that goes on."""
        return cls(client, task, record=record_of_run(claimed, worker))

    def __repr__(self) -> str:
        return f"<Job {self.task} {self._id} {self.state}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self._id == other._id

    def __hash__(self) -> int:
        return hash(self._id)

    # --- what it is ----------------------------------------------------------------------------------------

    @property
    def record(self) -> JobRecord:
        """The snapshot, in the units of the store."""
        if self._record is None:
            self._record = record_of_draft(cast(NewJob, self._draft), self._at)
        return self._record

    @property
    def id(self) -> UUID:
        return UUID(self._id)

    @property
    def task(self) -> str:
        """The task's name."""
        return (self._draft or self.record).task

    @property
    def queue(self) -> str:
        return (self._draft or self.record).queue

    @property
    def priority(self) -> int:
        return self.record.priority

    @property
    def ordering_key(self) -> str | None:
        """Jobs of one queue and key run one at a time, in order. None in a FIFO queue, too, which is in order as a
        whole."""
        return self.record.ordering_key or None

    @property
    def args(self) -> dict[str, Any]:
        """The arguments that were given, by parameter name, as JSON gives them; none where they were not kept."""
        return cast(dict[str, Any], msgspec.json.decode(self.record.args) or {})

    @property
    def has_args(self) -> bool:
        """False if a retention policy has removed its arguments: it can't be retried then."""
        return self.record.args != UNKEPT

    @property
    def dead_letter_of(self) -> UUID | None:
        """The failed job that this one was made of, in a dead-letter queue. A run reads it when first asked."""
        if self.record.origin == UNREAD:
            origin = self._client.jobs.look(self._id).record.origin
            self._record = msgspec.structs.replace(self.record, origin=origin)
        return None if self.record.origin is None else UUID(self.record.origin)

    @property
    def masked_args(self) -> dict[str, Any]:
        """The same with the sensitive ones masked: for logs, pages and lists.

        Where the task isn't known, nobody knows which are sensitive, and none is masked.
        """
        sensitive = () if self._task is None else self._task.sensitive
        return {name: MASK if name in sensitive else value for name, value in self.args.items()}

    @property
    def meta(self) -> dict[str, Any]:
        return decode_meta(self.record.meta)

    @property
    def state(self) -> JobState:
        return self.record.state

    @property
    def reason(self) -> Reason | None:
        """Why it failed."""
        return self.record.reason

    @property
    def attempt(self) -> int:
        """Charged runs so far."""
        return self.record.attempt

    @property
    def run(self) -> int:
        """How often it was claimed. It only grows."""
        return self.record.run

    @property
    def crashes(self) -> int:
        """How many of its runs died with their worker."""
        return self.record.crashes

    @property
    def worker(self) -> str | None:
        """The id of the worker that runs it, or ran it last."""
        return self.record.worker

    @property
    def cancel_requested(self) -> bool:
        """It runs, and was asked to end."""
        return self.record.cancel_requested

    # --- when ----------------------------------------------------------------------------------------------

    @property
    def created_at(self) -> datetime:
        return to_datetime(self.record.created_at)

    @property
    def run_at(self) -> datetime:
        """When it may run next; of one that waits no more, when it first was to run."""
        return to_datetime(self.record.run_at)

    @property
    def last_attempt_at(self) -> datetime | None:
        """When its last run began. Of a job that waits for its retry, when that run failed."""
        if self.record.started_at is None and self.record.run:
            last = self.last_error
            return None if last is None else last.at
        return optional_time(self.record.started_at)

    @property
    def finished_at(self) -> datetime | None:
        return optional_time(self.record.finished_at)

    @property
    def updated_at(self) -> datetime:
        """The latest that is known to have happened to it."""
        return to_datetime(updated_at(Found(self.record, self._errors)))

    # --- how it goes ---------------------------------------------------------------------------------------

    @property
    def progress(self) -> int | None:
        """0 … 100, if its run has said so."""
        return self.record.progress

    @property
    def progress_message(self) -> str | None:
        return self.record.progress_message

    @property
    def errors(self) -> list[FailedRun]:
        """Its failed runs that are kept, the latest last.

        Known after `get` and `refresh`; a job from a list or an enqueue reads them from the store when first asked.
        """
        if self._errors is None:
            self._errors = self._client.jobs.errors(self._id) if self._draft is None else []
        return [FailedRun.of(error) for error in self._errors]

    @property
    def last_error(self) -> FailedRun | None:
        errors = self.errors
        return errors[-1] if errors else None

    def to_dict(self, *, masked: bool = True) -> dict[str, Any]:
        """The snapshot as plain data for JSON: ids and times as text.

        Args:
            masked: put a mark in place of sensitive arguments.
        """
        return as_dict(Found(self.record, self._errors), self.masked_args if masked else self.args)

    def to_json(self, *, masked: bool = True) -> str:
        """The same as the text of a JSON object."""
        return msgspec.json.encode(self.to_dict(masked=masked)).decode()

    @property
    def kept_result(self) -> Any:
        """The result that is kept with it, as JSON gives it, whatever became of it; None if there is none.

        A job that has failed has one if `capture_result` was called in its last run.
        """
        text = self.record.result
        return None if text is None else msgspec.json.decode(text)

    # --- its result ----------------------------------------------------------------------------------------

    def result(self, timeout: timedelta | float | None = None) -> R_co:
        """What the task returned, once it has; typed by the task's return annotation where the task is known here.

        Args:
            timeout: how long to wait, in seconds or as a timedelta; None waits for as long as it takes.

        Raises:
            JobFailed: with the reason and the last error.
            JobCancelled: it was cancelled.
            ResultTimeout: it had not ended by then; it goes on.
            ResultNotKept: it succeeded, and its result was not kept. Of a job of which nothing is kept this and how it
                ended are known for ten minutes; then it is not found.
            JobNotFound: it doesn't exist; perhaps the transaction that enqueued it has not been committed.
        """
        return self._end(self._client.results.wait(self._id, timeout))

    async def aresult(self, timeout: timedelta | float | None = None) -> R_co:  # noqa: ASYNC109 - it is asked for
        """The same for async code."""
        return self._end(await self._client.results.await_end(self._id, timeout))

    def _end(self, found: Found) -> R_co:
        self._take(found)
        record = found.record
        if record.state is JobState.CANCELLED:
            raise JobCancelled(f"job {self._id} of {record.task} was cancelled")
        if record.state is JobState.FAILED:
            last = self.last_error
            why = "" if last is None else f": {last.type}: {last.message}"
            raise JobFailed(
                f"job {self._id} of {record.task} has failed ({record.reason}){why}", reason=record.reason
            )
        if record.result is None:
            raise ResultNotKept(f"job {self._id} of {record.task} has succeeded, and its result was not kept")
        if self._task is None:
            return cast(R_co, msgspec.json.decode(record.result))
        result: R_co = self._task.signature.decode_result(record.result)
        return result

    # --- verbs ---------------------------------------------------------------------------------------------

    def refresh(self) -> Job[R_co]:
        """Take a new snapshot; returns this very job.

        Raises:
            JobNotFound: it no longer exists.
        """
        return self._take(self._client.jobs.look(self._id))

    async def arefresh(self) -> Job[R_co]:
        """The same for async code, as with every `a…` below."""
        return self._take(await self._client.jobs.alook(self._id))

    def explain(self, *, tx: Any = None) -> Explanation:
        """Why it is not running: every reason that applies now, as data and as a sentence.

        Raises:
            JobNotFound: it doesn't exist.
        """
        return self._client.jobs.explain(self._id, tx=tx)

    async def aexplain(self, *, tx: Any = None) -> Explanation:
        return await self._client.jobs.aexplain(self._id, tx=tx)

    def cancel(self, *, force: bool = False, tx: Any = None) -> bool:
        """End it at once if it waits, ask it to end if it runs. False if it had ended.

        Args:
            force: end it at once even if it runs; what the run then decides is refused.
            tx: your own connection, in whose transaction this happens.

        Raises:
            JobNotFound: it doesn't exist.
        """
        done = self._client.jobs.cancel(self._id, force=force, tx=tx)
        try:
            self._take(self._client.jobs.look(self._id, tx=tx))
        except JobNotFound:  # nothing is kept of it
            self._gone()
        return done

    async def acancel(self, *, force: bool = False, tx: Any = None) -> bool:
        done = await self._client.jobs.acancel(self._id, force=force, tx=tx)
        try:
            self._take(await self._client.jobs.alook(self._id, tx=tx))
        except JobNotFound:
            self._gone()
        return done

    def change(self, *, tx: Any = None, **changes: Unpack[Changes]) -> bool:
        """Change its priority, time, queue or arguments while it waits. False if it runs or has ended.

        Args:
            tx: your own connection, in whose transaction this happens.
            changes: `priority=`, `at=` or `delay=`, `queue=`, `args=`; see `app.jobs.change`.

        Raises:
            JobNotFound: it doesn't exist.
            InvalidOption: a value makes no sense, or not in its queue.
            InvalidArguments: the arguments don't fit its task.
        """
        done = self._client.jobs.change(self._id, tx=tx, **changes)
        self._take(self._client.jobs.look(self._id, tx=tx))
        return done

    async def achange(self, *, tx: Any = None, **changes: Unpack[Changes]) -> bool:
        done = await self._client.jobs.achange(self._id, tx=tx, **changes)
        self._take(await self._client.jobs.alook(self._id, tx=tx))
        return done

    def retry(self, *, tx: Any = None) -> bool:
        """Bring it back as pending, with attempt 0 and its history kept. False if it has not ended.

        Raises:
            JobNotFound: it doesn't exist.
            WrongState: its arguments were not kept.
            JobExists: it is unique, and another job has its key now.
        """
        done = self._client.jobs.retry(self._id, tx=tx)
        self._take(self._client.jobs.look(self._id, tx=tx))
        return done

    async def aretry(self, *, tx: Any = None) -> bool:
        done = await self._client.jobs.aretry(self._id, tx=tx)
        self._take(await self._client.jobs.alook(self._id, tx=tx))
        return done

    def delete(self, *, tx: Any = None) -> bool:
        """Remove it with all that is kept of it. False if it was gone.

        Raises:
            WrongState: it runs.
        """
        done = self._client.jobs.delete(self._id, tx=tx)
        self._gone()
        return done

    async def adelete(self, *, tx: Any = None) -> bool:
        done = await self._client.jobs.adelete(self._id, tx=tx)
        self._gone()
        return done

    def _take(self, found: Found) -> Job[R_co]:
        self._record, self._errors, self._draft = found.record, found.errors, None
        return self

    def _gone(self) -> None:
        self._record = msgspec.structs.replace(self.record, state=JobState.NOT_FOUND)
        self._draft = None
