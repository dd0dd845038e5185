"""`RequestId`: the id of the request that led to a job, in its metadata, its context and its log lines."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from holdfast.core.errors import InvalidOption
from holdfast.middleware.base import Middleware
from holdfast.middleware.chain import current_batch

if TYPE_CHECKING:
    from holdfast.client.context import JobContext
    from holdfast.client.job import Job
    from holdfast.core.job import NewJob
    from holdfast.core.outcomes import Outcome
    from holdfast.middleware.base import EnqueueNext, ProcessNext

REQUEST_ID = "request_id"
"""The key of metadata under which the id travels."""

_CURRENT: ContextVar[str] = ContextVar("holdfast.request_id")


@contextmanager
def request_id(value: str) -> Generator[str]:
    """Within it, jobs that are enqueued get this request id. For web code, around the handling of a request.

    Raises:
        InvalidOption: it is empty, or not a string.
    """
    token = _CURRENT.set(_checked(value, "request_id takes"))
    try:
        yield value
    finally:
        _CURRENT.reset(token)


def current_request_id() -> str | None:
    """The request id of the block, or of the run, that this code is part of."""
    return _CURRENT.get(None)


class RequestId(Middleware):
    """Gives each job a request id, which its runs see as `ctx.request_id`.

    The nearest wins: what the enqueue says in `meta`; an enclosing `with request_id(…)`; the run that enqueues it;
    else one is generated, one for all jobs of a batch. A job that was enqueued without this middleware, by a
    schedule for example, has its own id for one in all of its runs.

    Args:
        generate: makes a new id; default: a random UUID.

    Raises:
        InvalidOption: `generate` is no function.
    """

    def __init__(self, generate: Callable[[], str] | None = None) -> None:
        if generate is not None and not callable(generate):
            raise InvalidOption(f"generate= takes a function that makes an id, not {generate!r}")
        self._generate = generate or (lambda: str(uuid4()))

    async def enqueue(self, draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        if REQUEST_ID not in draft.meta:
            found = _CURRENT.get(None) or self._of_batch()
            draft = draft.replace(meta={**draft.meta, REQUEST_ID: found})
        return await call_next(draft)

    async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
        found = ctx.request_id
        if found is None:
            found = ctx.claimed.job_id
            ctx = ctx.replace(meta={**ctx.meta, REQUEST_ID: found})
        token = _CURRENT.set(found)
        try:
            return await call_next(ctx)
        finally:
            _CURRENT.reset(token)

    def _of_batch(self) -> str:
        shared = current_batch().shared
        if self not in shared:
            shared[self] = _checked(self._generate(), "generate= must return")
        found: str = shared[self]
        return found


def _checked(value: object, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidOption(f"{what} a string that isn't empty, not {value!r}")
    return value
