"""One job, here and now: a worker that claims no second one."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from holdfast.client.build import task as build_task
from holdfast.client.job import Job
from holdfast.client.snapshot import record_of_settlement
from holdfast.client.task import Task
from holdfast.core import payload
from holdfast.core.errors import InvalidOption, LeaseLost
from holdfast.core.signature import Signature
from holdfast.worker.here import Here
from holdfast.worker.observers import Observer
from holdfast.worker.worker import Worker

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.core.job import Settlement
    from holdfast.worker.lifespan import Lifespan
    from holdfast.worker.options import WorkerOptions

RunHandler = Callable[..., Any]
"""Takes the `JobContext` of a run in place of its task's own function."""


def run_one(
    client: Client,
    options: WorkerOptions,
    handler: RunHandler | None,
    *,
    lifespan: Lifespan | None = None,
    observers: Sequence[Observer] = (),
) -> Job[Any] | None:
    """Claim one due job, run it and settle it; a plain function runs in this very thread.

    Args:
        client: of the app.
        options: of a worker, with `burst` and `max_jobs=1`.
        handler: called with the run's context; None runs what the task declares.
        lifespan: as for a worker.
        observers: as for a worker.

    Returns:
        The job as it was settled; None if nothing was due.

    Raises:
        LeaseLost: what the run decided was refused.
    """
    here, ear = Here(), _Ear()
    worker = _OneJob(client, options, handler, here=here, lifespan=lifespan, observers=(ear, *observers))
    worker.call_at_end(lambda: here.offer(None))
    try:
        worker.start()
        here.serve()
        worker.wait()
    except BaseException:
        worker.stop(0)
        raise
    if here.interrupted is not None:
        raise here.interrupted
    return ear.job(client)


async def arun_one(
    client: Client,
    options: WorkerOptions,
    handler: RunHandler | None,
    *,
    lifespan: Lifespan | None = None,
    observers: Sequence[Observer] = (),
) -> Job[Any] | None:
    """The same for async code: async handlers run on this loop, plain ones in a thread."""
    ear = _Ear()
    worker = _OneJob(
        client, options, handler, lifespan=lifespan, observers=(ear, *observers),
        loop=asyncio.get_running_loop(), context=contextvars.copy_context(),
    )  # fmt: skip
    running = asyncio.ensure_future(asyncio.to_thread(_start_and_wait, worker))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        worker.request_stop(0)
        await running
        raise
    return ear.job(client)


def _start_and_wait(worker: Worker) -> None:
    worker.start()
    worker.wait()


class _OneJob(Worker):
    """A worker that others may not take for more: it settles no questions of unknown tasks, and freezes nothing."""

    def __init__(
        self,
        client: Client,
        options: WorkerOptions,
        handler: RunHandler | None,
        *,
        here: Here | None = None,
        **others: Any,
    ) -> None:
        super().__init__(client, options, here=here, **others)
        self._handler = None if handler is None else _checked(handler)

    def prepare(self) -> None:
        # Tasks may be declared after it: the next one finds them.
        self._client.registry.load()

    def served(self) -> list[Task[Any, Any]]:
        if self._handler is None:
            return super().served()
        registry = self._client.registry
        names = registry.names() if self._options.tasks is None else self._options.tasks
        if not names:
            raise InvalidOption(
                "no tasks are declared here: name those whose jobs the handler takes, in tasks="
            )
        return [stand_in(registry.get(name), name, self._handler) for name in names]


class _Ear(Observer):
    """Hears what became of the job."""

    def __init__(self) -> None:
        self._settlement: Settlement | None = None
        self._lost: Settlement | None = None

    def settled(self, settlement: Settlement) -> None:
        self._settlement = settlement

    def lost(self, settlement: Settlement) -> None:
        self._lost = settlement

    def job(self, client: Client) -> Job[Any] | None:
        if self._lost is not None:
            raise LeaseLost(
                f"job {self._lost.job.job_id} was taken away from this run, and what it decided was refused"
            )
        if self._settlement is None:
            return None
        record = record_of_settlement(self._settlement)
        return Job(client, client.registry.get(record.task), record=record)


# --- a handler of the caller's -------------------------------------------------------------------------------


class _ForContext(Signature):
    """The signature of a task whose handler looks at the stored arguments itself."""

    __slots__ = ()

    def decode(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (), {}


class _OfUndeclared(_ForContext):
    """The same where nobody here knows what the task takes: its run will see."""

    __slots__ = ()

    def encode_mapping(self, mapping: Mapping[str, Any]) -> str:
        return payload.encode(dict(mapping), what=f"arguments of {self.name}")


def stand_in(task: Task[Any, Any] | None, name: str, handler: RunHandler) -> Task[Any, Any]:
    """A task as declared, but for what runs its jobs.

    Args:
        task: as declared; None where it isn't.
        name: of the task.
        handler: called with the run's context.
    """
    made = copy(task) if task is not None else build_task(_undeclared, name=name, takes_context=True)
    signature_type = _ForContext if task is not None else _OfUndeclared
    signature = signature_type.__new__(signature_type)
    for slot in Signature.__slots__:
        setattr(signature, slot, getattr(made.signature, slot))
    made.signature = signature
    made.function = handler
    made.takes_context = True
    made.kind = "async" if _is_async(handler) else "thread"
    return made


def _undeclared(ctx: object) -> Any:
    """Never called: every job is given to the handler of `run_one`."""
    raise NotImplementedError


def _checked(handler: object) -> RunHandler:
    if isinstance(handler, Task) or not callable(handler):
        raise InvalidOption(
            "handler is a function that takes the run's context, as in handler=lambda ctx: print(ctx.job.args), "
            f"not {handler!r}; without it the job's own task runs"
        )
    return handler


def _is_async(handler: RunHandler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)
