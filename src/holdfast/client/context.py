"""What a run knows of itself: the job, its attempt, how long it may take, and a way to speak.

The worker makes one `JobContext` for each run, so making one does next to nothing: what it shows is computed when
it is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.core.errors import InvalidOption, NoCurrentJob
from holdfast.core.payload import decode_meta, encode
from holdfast.core.times import to_datetime
from holdfast.middleware.request_id import REQUEST_ID

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.job import Job
    from holdfast.client.log import JobLog
    from holdfast.client.settling import SettleIn
    from holdfast.client.task import Task
    from holdfast.core.job import Claimed, Settlement


class Runner(Protocol):
    """What a context needs of the worker that runs the job."""

    @property
    def client(self) -> Client: ...

    @property
    def worker_id(self) -> str: ...

    @property
    def state(self) -> Any:
        """What the app's lifespan has yielded."""
        ...

    @property
    def shutdown_deadline(self) -> int | None:
        """Once shutdown has begun: when running jobs are cancelled, in microseconds since 1970."""
        ...

    def success(self, claimed: Claimed, result: str) -> Settlement:
        """The settlement of a run that has succeeded."""
        ...

    def progress(self, ctx: JobContext, percent: int, message: str | None) -> None:
        """Keep the progress of a run. It returns at once and holds back what comes too often."""
        ...


class JobContext:
    """One run of one job.

    Args:
        runner: the worker.
        claimed: the run.
        task: its task.
        deadline: when the run's timeout ends it, in microseconds since 1970.
    """

    __slots__ = ("_cancelled", "_deadline", "_runner", "_seen", "captured", "claimed", "settles", "task")

    def __init__(
        self, runner: Runner, claimed: Claimed, task: Task[Any, Any], deadline: int | None = None
    ) -> None:
        self.claimed = claimed
        self.task = task
        self._runner = runner
        self._deadline = deadline
        self._cancelled = False
        self.captured: str | None = None
        """The last result that `capture_result` was given, as JSON text."""
        self.settles = False
        """The run's success was written in a transaction of the handler's."""
        self._seen: _Seen | None = None

    def __repr__(self) -> str:
        return f"<JobContext {self.task.name} {self.claimed.job_id} run {self.claimed.run}>"

    # --- for handlers --------------------------------------------------------------------------------------

    @property
    def job(self) -> Job[Any]:
        """The job as it was claimed."""
        seen = self._see()
        if seen.job is None:
            from holdfast.client.job import Job

            seen.job = Job[Any].of_run(self._runner.client, self.task, self.claimed, self._runner.worker_id)
        return seen.job

    @property
    def run(self) -> int:
        """How often the job was claimed, this time included. It only grows."""
        return self.claimed.run

    @property
    def attempt(self) -> int:
        """How many charged runs there were, this one included: 1 for the first."""
        return self.claimed.attempt

    @property
    def deadline(self) -> datetime | None:
        """When the run will be ended: at its timeout or, once shutdown began, when that ends; the earlier."""
        times = [at for at in (self._deadline, self._runner.shutdown_deadline) if at is not None]
        return to_datetime(min(times)) if times else None

    @property
    def cancelled(self) -> bool:
        """True once the run was asked to end. Async handlers are cancelled besides; others look at this."""
        origin = None if self._seen is None else self._seen.origin
        return self._cancelled if origin is None else origin.cancelled

    @property
    def app(self) -> Any:
        """The `Holdfast` object."""
        return self._runner.client.app

    @property
    def state(self) -> Any:
        """What the app's lifespan has yielded in this process."""
        replaced = None if self._seen is None else self._seen.state
        return self._runner.state if replaced is None else replaced

    @property
    def meta(self) -> dict[str, Any]:
        """The job's metadata."""
        seen = self._see()
        if seen.meta is None:
            seen.meta = decode_meta(self.claimed.meta)
        return seen.meta

    @property
    def request_id(self) -> str | None:
        """The id of the request that enqueued the job, where one is known."""
        return self.meta.get(REQUEST_ID)

    @property
    def log(self) -> JobLog:
        """A logger whose lines carry the job's fields. Its name ends with the queue's."""
        seen = self._see()
        if seen.log is None:
            from holdfast.client.log import job_log

            seen.log = job_log(self, self._runner.client.logger)
        return seen.log

    def progress(self, percent: float, message: str | None = None) -> None:
        """Say how far the run is; it is seen at once in lists and pages. It never waits for the database.

        Args:
            percent: 0 … 100.
            message: a few words.

        Raises:
            InvalidOption: less than 0 or more than 100.
        """
        if isinstance(percent, bool) or not isinstance(percent, (int, float)) or not 0 <= percent <= 100:  # type: ignore[redundant-expr]  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"progress is a number from 0 to 100, not {percent!r}")
        self._runner.progress(self, int(percent), message)

    async def aprogress(self, percent: float, message: str | None = None) -> None:
        """The same for async code."""
        self.progress(percent, message)

    def settle_in(self, tx: Any, result: Any = None) -> SettleIn:
        """Have this run's success commit with your own transaction: `with ctx.settle_in(tx): …`, or `async with`.

        What you write in `tx` and the end of the job then happen both or neither, exactly once. The task must be
        declared with `transactional=True`. Commit before the handler returns; what it returns is not kept.

        Args:
            tx: your connection or session, as for an enqueue.
            result: of the job; None takes what `capture_result` was given until the end of the block.

        Raises:
            InvalidOption: the task isn't transactional.
            LeaseLost: at the end of the block: the job is another run's by now, and you must roll back.
            InvalidTransaction: `tx` can't be used.
        """
        from holdfast.client.settling import SettleIn

        return SettleIn(self, tx, result)

    # --- for middleware ------------------------------------------------------------------------------------

    def replace(
        self,
        *,
        args: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        state: Any = None,
    ) -> JobContext:
        """A copy for a middleware to pass on: the same run, seen differently by what lies within.

        Args:
            args: all the arguments that the handler is to get, by name, in place of the job's.
            meta: in place of the job's metadata.
            state: in place of the lifespan's.
        """
        copy = JobContext(self._runner, self.claimed, self.task, self._deadline)
        before = self._see()
        seen = copy._see()
        seen.origin = self
        seen.job, seen.meta, seen.args, seen.state = before.job, before.meta, before.args, before.state
        if args is not None:
            seen.args = encode(
                dict(args), what=f"arguments of {self.task.name} as a middleware replaced them"
            )
        if meta is not None:
            seen.meta = dict(meta)
        if state is not None:
            seen.state = state
        return copy

    # --- for the worker ------------------------------------------------------------------------------------

    @property
    def args(self) -> str:
        """The arguments to decode, as the text of one JSON object."""
        replaced = None if self._seen is None else self._seen.args
        return self.claimed.args if replaced is None else replaced

    @property
    def client(self) -> Client:
        return self._runner.client

    @property
    def worker_id(self) -> str:
        return self._runner.worker_id

    @property
    def root(self) -> JobContext:
        """The context that the worker made, of which this may be a copy by a middleware."""
        origin = None if self._seen is None else self._seen.origin
        return self if origin is None else origin.root

    def success(self, result: str) -> Settlement:
        """The settlement of this run as a success."""
        return self._runner.success(self.claimed, result)

    def capture(self, value: Any) -> None:
        """Keep a result, in case the handler returns none. Raises InvalidResult."""
        self.root.captured = self.task.signature.encode_captured(value)

    def mark_settled(self) -> None:
        """The run's success is being written by its handler. Called on a copy, the worker's own sees it."""
        origin = None if self._seen is None else self._seen.origin
        if origin is not None:
            origin.mark_settled()
        self.settles = True

    def mark_cancelled(self) -> None:
        """The run was asked to end. Called on the context that the worker made, it is seen by all copies."""
        self._cancelled = True

    def _see(self) -> _Seen:
        if self._seen is None:
            self._seen = _Seen()
        return self._seen


class _Seen:
    """What was computed when it was looked at, and what a middleware has replaced."""

    __slots__ = ("args", "job", "log", "meta", "origin", "state")

    def __init__(self) -> None:
        self.args: str | None = None
        self.job: Job[Any] | None = None
        self.log: JobLog | None = None
        self.meta: dict[str, Any] | None = None
        self.origin: JobContext | None = None
        self.state: Any = None


CURRENT: ContextVar[JobContext] = ContextVar("holdfast.current_job")
"""Set by the worker around each run."""


def current_job() -> JobContext:
    """The context of the run that this code is part of, however deep.

    Raises:
        NoCurrentJob: it is part of none.
    """
    try:
        return CURRENT.get()
    except LookupError:
        raise NoCurrentJob(
            "no job is running here: current_job() works in a handler and in what it calls, in the same thread or "
            "task, and not in a child process"
        ) from None
