"""The ways of an enqueue: from drafts, through the middleware, into the store.

Without middleware a draft goes straight to the store. With it, the chains of a batch are driven side by side up to
their inserts, one transaction stores all, and each goes on with its job (`holdfast.middleware.chain`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.client import clock
from holdfast.client.draft import Draft
from holdfast.client.job import Job
from holdfast.client.names import check_name
from holdfast.client.options import DEFAULT_QUEUE, Using, check_priority
from holdfast.core import ids, payload
from holdfast.core.errors import InvalidArguments, InvalidMiddleware, InvalidOption
from holdfast.core.job import NewJob
from holdfast.middleware.chain import Enqueues as Driven
from holdfast.store.verbs.insert import insert

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.task import Task
    from holdfast.middleware.base import EnqueueNext

R = TypeVar("R")


class Enqueues:
    """The enqueues of one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    # --- one -----------------------------------------------------------------------------------------------

    def one(self, job: NewJob, task: Task[Any, R] | None, tx: Any) -> Job[R]:
        """Store one job.

        Args:
            job: what to store.
            task: whose it is; None if that isn't known here.
            tx: the caller's connection, or None.
        """
        chain = self._client.registry.route(task, job.queue).enqueue
        if chain is None:
            self._insert((job,), tx)
            return Job(self._client, task, draft=job, at=clock.now())
        stored: Job[R] = self._driven([(chain, job)], tx)[0]
        return stored

    async def aone(self, job: NewJob, task: Task[Any, R] | None, tx: Any) -> Job[R]:
        """The same for async code."""
        chain = self._client.registry.route(task, job.queue).enqueue
        if chain is None:
            await self._ainsert((job,), tx)
            return Job(self._client, task, draft=job, at=clock.now())
        stored: Job[R] = (await self._adriven([(chain, job)], tx))[0]
        return stored

    # --- many ----------------------------------------------------------------------------------------------

    def many(self, drafts: Iterable[Draft[Any]], tx: Any) -> list[Job[Any]]:
        """Store the jobs of a batch in one transaction; returns them in the same order."""
        batch = self._checked(drafts)
        enqueues = self._chained(batch)
        if enqueues is not None:
            return self._driven(enqueues, tx)
        if batch:
            self._insert([draft.job for draft in batch], tx)
        return self._plain(batch)

    async def amany(self, drafts: Iterable[Draft[Any]], tx: Any) -> list[Job[Any]]:
        """The same for async code."""
        batch = self._checked(drafts)
        enqueues = self._chained(batch)
        if enqueues is not None:
            return await self._adriven(enqueues, tx)
        if batch:
            await self._ainsert([draft.job for draft in batch], tx)
        return self._plain(batch)

    # --- by name -------------------------------------------------------------------------------------------

    def named(self, name: str, args: Mapping[str, Any] | None, using: Using, *, declare: bool) -> Draft[Any]:
        """A draft by the task's name.

        Raises:
            UnknownTask: it isn't declared here, and `declare` doesn't say that this is meant.
            InvalidArguments: they don't fit the task; of a task that isn't known, they can't be stored.
        """
        arguments: Mapping[Any, Any] = {} if args is None else args
        if not isinstance(arguments, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArguments(
                f"the arguments of {name} are given by name, in a mapping, not as {args!r}"
            )
        registry = self._client.registry
        task = registry.find(name) if declare else registry[name]
        if task is not None:
            return Draft(task.new_job(task.signature.encode_mapping(arguments), using), task)
        for key in arguments:
            if not isinstance(key, str):
                raise InvalidArguments(f"the arguments of {name} are given by name, and {key!r} is none")
        text = payload.encode(dict(arguments), what=f"arguments of {name}", limit=self._client.payload_limit)
        queue = using.queue or DEFAULT_QUEUE
        priority = registry.route(None, queue).priority
        return Draft(
            using.new_job(clock.ids.next(), check_name(name, what="task"), queue, priority, text), None
        )

    # --- how -----------------------------------------------------------------------------------------------

    def _insert(self, jobs: Sequence[NewJob], tx: Any) -> None:
        store = self._client.store
        if tx is None:
            store.write(insert, jobs)
        else:
            store.within(tx, insert, jobs)

    async def _ainsert(self, jobs: Sequence[NewJob], tx: Any) -> None:
        from holdfast.client.bridge import outcome

        store = await self._client.astore()
        if tx is None:
            await outcome(store.submit(insert, jobs))
        else:
            await store.awithin(tx, insert, jobs)

    def _checked(self, drafts: Iterable[Draft[Any]]) -> list[Draft[Any]]:
        batch = list(drafts)
        for draft in batch:
            if not isinstance(draft, Draft):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidOption(f"enqueue_many takes what task.new(…) returns, not {draft!r}")
            if draft.task is not None and draft.task.client is not self._client:
                raise InvalidOption(f"task {draft.task.name} belongs to another app")
        return batch

    def _plain(self, batch: list[Draft[Any]]) -> list[Job[Any]]:
        at = clock.now()
        return [Job(self._client, draft.task, draft=draft.job, at=at) for draft in batch]

    def _chained(self, batch: list[Draft[Any]]) -> list[tuple[EnqueueNext | None, NewJob]] | None:
        """Each job with its chain; None if no job has one."""
        route = self._client.registry.route
        enqueues = [(route(draft.task, draft.job.queue).enqueue, draft.job) for draft in batch]
        return enqueues if any(chain is not None for chain, _ in enqueues) else None

    def _driven(self, enqueues: list[tuple[EnqueueNext | None, NewJob]], tx: Any) -> list[Job[Any]]:
        driven, drafts = self._begin(enqueues)
        try:
            if drafts:
                self._insert(drafts, tx)
        except BaseException as error:  # each chain is told
            return _jobs(driven.fail(error))
        return _jobs(driven.resume(self._stored(drafts)))

    async def _adriven(self, enqueues: list[tuple[EnqueueNext | None, NewJob]], tx: Any) -> list[Job[Any]]:
        driven, drafts = self._begin(enqueues)
        try:
            if drafts:
                await self._ainsert(drafts, tx)
        except BaseException as error:  # each chain is told
            return _jobs(driven.fail(error))
        return _jobs(driven.resume(self._stored(drafts)))

    def _begin(self, enqueues: list[tuple[EnqueueNext | None, NewJob]]) -> tuple[Driven, list[NewJob]]:
        driven = Driven(enqueues)
        drafts = driven.begin()
        asked = {id(job) for _, job in enqueues}
        try:
            for draft in drafts:
                if id(draft) not in asked:
                    self._check_changed(draft)
        except BaseException as error:  # each chain is told
            driven.fail(error)
            raise
        return driven, drafts

    def _check_changed(self, draft: object) -> None:
        """What a middleware passes on is checked like what a caller gives."""
        if not isinstance(draft, NewJob):
            raise InvalidMiddleware(f"a middleware passed {draft!r} to call_next at an enqueue, not a draft")
        ids.parse(draft.job_id)
        check_name(draft.queue, what="queue")
        check_name(draft.task, what="task")
        check_priority(draft.priority)
        if draft.run_at is not None and draft.delay is not None:
            raise InvalidOption("run_at and delay both say when the job is to run; set one of them to None")
        task = self._client.registry.get(draft.task)
        if task is not None:
            task.signature.decode(draft.args)
        payload.check(draft.args, what=f"arguments of {draft.task}", limit=self._client.payload_limit)

    def _stored(self, drafts: list[NewJob]) -> list[Job[Any]]:
        at = clock.now()
        find = self._client.registry.get
        return [Job(self._client, find(draft.task), draft=draft, at=at) for draft in drafts]


def _jobs(results: list[Any]) -> list[Job[Any]]:
    """What chains have returned, checked: to forget the return is easily done."""
    for result in results:
        if not isinstance(result, Job):
            raise InvalidMiddleware(
                f"a middleware's enqueue returned {result!r}; it must return the job that call_next gave it"
            )
    return results
