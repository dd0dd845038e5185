"""The ways of an enqueue: from drafts, through the middleware, into the store.

Without middleware a draft goes straight to the store. With it, the chains of a batch are driven side by side up to
their inserts, one transaction stores all, and each goes on with its job (`holdfast.middleware.chain`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from holdfast.client import clock
from holdfast.client.announce import told_of
from holdfast.client.draft import Draft
from holdfast.client.job import Job
from holdfast.client.names import check_name
from holdfast.client.options import DEFAULT_QUEUE, Using, check_ordering_key, check_priority
from holdfast.client.placing import Placing
from holdfast.client.snapshot import record_of_gone
from holdfast.core import ids, payload
from holdfast.core.errors import InvalidArguments, InvalidMiddleware, InvalidOption
from holdfast.core.job import NewJob
from holdfast.core.unique import comparable, key_for
from holdfast.events import Enqueued
from holdfast.middleware.chain import Enqueues as Driven
from holdfast.store.verbs.insert import insert

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.task import Task
    from holdfast.middleware.base import EnqueueNext
    from holdfast.store.verbs.insert_unique import Met

R = TypeVar("R")
Mets: TypeAlias = "Sequence[Met | None] | None"
"""For each job of a batch the one that it met; None if it has none that is unique."""


class Begun(NamedTuple):
    """An enqueue before its insert, which somebody else makes; then it is to be ended, or to be failed."""

    job: NewJob | None
    """What to store; None if a middleware stores nothing."""
    driven: Driven | None
    told: contextlib.ExitStack
    """Those who listen hear of it at its end."""
    stored: list[NewJob]
    """What they hear of, then."""

    def fail(self, error: BaseException) -> None:
        """The insert failed: the middleware is told."""
        with contextlib.suppress(Exception):
            self.told.__exit__(type(error), error, error.__traceback__)
        if self.driven is not None:
            with contextlib.suppress(Exception):
                self.driven.fail(error)


class Enqueues:
    """The enqueues of one client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._placing = Placing(client.registry)

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
            job = self._in_order(job)
            met = self._insert((job,), tx)
            return self._job(task, job, None if met is None else met[0], self._client.now())
        stored: Job[R] = self._driven([(chain, job)], tx)[0]
        return stored

    async def aone(self, job: NewJob, task: Task[Any, R] | None, tx: Any) -> Job[R]:
        """The same for async code."""
        chain = self._client.registry.route(task, job.queue).enqueue
        if chain is None:
            job = self._in_order(job)
            met = await self._ainsert((job,), tx)
            return self._job(task, job, None if met is None else met[0], self._client.now())
        stored: Job[R] = (await self._adriven([(chain, job)], tx))[0]
        return stored

    # --- many ----------------------------------------------------------------------------------------------

    def many(self, drafts: Iterable[Draft[Any]], tx: Any) -> list[Job[Any]]:
        """Store the jobs of a batch in one transaction; returns them in the same order."""
        batch = self._checked(drafts)
        enqueues = self._chained(batch)
        if enqueues is not None:
            return self._driven(enqueues, tx)
        jobs = [self._in_order(draft.hand_over()) for draft in batch]
        met = self._insert(jobs, tx) if jobs else None
        return self._plain(batch, jobs, met)

    async def amany(self, drafts: Iterable[Draft[Any]], tx: Any) -> list[Job[Any]]:
        """The same for async code."""
        batch = self._checked(drafts)
        enqueues = self._chained(batch)
        if enqueues is not None:
            return await self._adriven(enqueues, tx)
        jobs = [self._in_order(draft.hand_over()) for draft in batch]
        met = await self._ainsert(jobs, tx) if jobs else None
        return self._plain(batch, jobs, met)

    # --- by name -------------------------------------------------------------------------------------------

    def named(self, name: str, args: Mapping[str, Any] | None, using: Using, *, declare: bool) -> Draft[Any]:
        """A draft by the task's name.

        Raises:
            UnknownTask: it isn't declared here, and `declare` doesn't say that this is meant.
            InvalidArguments: they don't fit the task; of a task that isn't known, they can't be stored.
        """
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(
                f"jobs are enqueued here by the name of a task, not by {name!r}; a task has an enqueue of its own"
            )
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

    # --- of schedules --------------------------------------------------------------------------------------

    def begin(self, job: NewJob) -> Begun:
        """Drive the middleware of one enqueue up to the insert, which somebody else makes."""
        task = self._client.registry.find(job.task)
        chain = self._client.registry.route(task, job.queue).enqueue
        if chain is None:
            return self._begun(self._in_order(job), None)
        # Its queue may be a FIFO queue by the word of whoever declared the schedule. Middleware sees no key of that.
        fifo = job.ordering_key == ""
        driven, drafts = self._begin([(chain, job.replace(ordering_key=None) if fifo else job)])
        stored = drafts[0] if drafts else None
        if stored is not None and fifo and stored.queue == job.queue:
            stored = stored.replace(ordering_key="", share=None)
        return self._begun(stored, driven)

    def task(self, name: str) -> Task[Any, Any] | None:
        """A task of the app's by name, or None."""
        return self._client.registry.find(name)

    def placed(self, job: NewJob) -> NewJob:
        """A job as its queue has it, which whoever fires it may not know. The rest follows at each fire."""
        return self._unique(self._placing.in_queue(job))

    def end(self, begun: Begun, met: Met | None) -> None:
        """The insert was committed: tell of it, and let the middleware go on.

        Args:
            begun: the enqueue.
            met: the job that it has met in place of its own.
        """
        jobs = [] if begun.job is None else [begun.job]
        begun.stored.extend(jobs if met is None else [])
        begun.told.close()
        if begun.driven is not None:
            _jobs(begun.driven.resume(self._stored(jobs, [met] * len(jobs))))

    def _begun(self, job: NewJob | None, driven: Driven | None) -> Begun:
        told = contextlib.ExitStack()
        stored: list[NewJob] = []
        if job is not None and self._client.events.wants(Enqueued):
            stored = told.enter_context(self._told((job,), None))
        return Begun(job, driven, told, stored)

    # --- how -----------------------------------------------------------------------------------------------

    def _told(self, jobs: Sequence[NewJob], tx: Any) -> contextlib.AbstractContextManager[list[NewJob]]:
        return told_of(self._client.events, jobs, self._client.now, committed=tx is None)

    def _insert(self, jobs: Sequence[NewJob], tx: Any) -> Mets:
        if not self._client.events.wants(Enqueued):
            return self._store(jobs, tx)
        with self._told(jobs, tx) as told:
            met = self._store(jobs, tx)
            told.extend(_new(jobs, met))
        return met

    def _store(self, jobs: Sequence[NewJob], tx: Any) -> Mets:
        store = self._client.store
        verb: Any = _verb(jobs)
        met: Mets = store.write(verb, jobs) if tx is None else store.within(tx, verb, jobs)
        return met

    async def _ainsert(self, jobs: Sequence[NewJob], tx: Any) -> Mets:
        if not self._client.events.wants(Enqueued):
            return await self._astore(jobs, tx)
        with self._told(jobs, tx) as told:
            met = await self._astore(jobs, tx)
            told.extend(_new(jobs, met))
        return met

    async def _astore(self, jobs: Sequence[NewJob], tx: Any) -> Mets:
        from holdfast.client.bridge import outcome

        store = await self._client.astore()
        verb: Any = _verb(jobs)
        met: Mets = (
            await outcome(store.submit(verb, jobs)) if tx is None else await store.awithin(tx, verb, jobs)
        )
        return met

    def _checked(self, drafts: Iterable[Draft[Any]]) -> list[Draft[Any]]:
        if not isinstance(drafts, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(
                f"enqueue_many takes a list of what task.new(…) returns, not {drafts!r} alone"
            )
        batch = list(drafts)
        for draft in batch:
            if not isinstance(draft, Draft):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidOption(f"enqueue_many takes what task.new(…) returns, not {draft!r}")
            if draft.task is not None and draft.task.client is not self._client:
                raise InvalidOption(f"task {draft.task.name} belongs to another app")
        return batch

    def _plain(self, batch: list[Draft[Any]], jobs: list[NewJob], met: Mets) -> list[Job[Any]]:
        at = self._client.now()
        tasks = (draft.task for draft in batch)
        return [
            self._job(task, job, one, at)
            for task, job, one in zip(tasks, jobs, met or repeat(None, len(jobs)), strict=True)
        ]

    def _job(self, task: Task[Any, R] | None, job: NewJob, met: Met | None, at: int) -> Job[R]:
        """What an enqueue returns: its job, or the one that it met."""
        if met is None:
            return Job(self._client, task, draft=job, at=at)
        return Job(self._client, task, record=met.record or record_of_gone(job, met.job_id, at))

    def _in_order(self, job: NewJob) -> NewJob:
        """A job with all that follows from what it is: where it stands, and its unique key."""
        return self._unique(self._placing.place(job))

    def _unique(self, job: NewJob) -> NewJob:
        return job if job.unique is None and job.on_conflict == "existing" else self._with_key(job)

    def _with_key(self, job: NewJob) -> NewJob:
        """
        Raises:
            InvalidOption: what is to be unique makes no sense for this job.
        """
        unique = job.unique
        if unique is None:
            raise InvalidOption(
                f'on_conflict="{job.on_conflict}" says what happens to unique jobs, and this one of {job.task} isn\'t; '
                "give unique= as well"
            )
        unique.check_conflict(job.on_conflict)
        task = self._client.registry.find(job.task)
        args = ""
        if "args" in unique.parts:
            if task is None:
                args = comparable(job.args, unique.args, job.task)
            else:
                task.check_unique(unique)
                args = task.signature.comparable(job.args, unique.args)
        return job.replace(unique_key=key_for(unique, job.task, job.queue, args))

    def _chained(self, batch: list[Draft[Any]]) -> list[tuple[EnqueueNext | None, NewJob]] | None:
        """Each job with its chain; None if no job has one."""
        route = self._client.registry.route
        chains = [route(draft.task, draft.job.queue).enqueue for draft in batch]
        if all(chain is None for chain in chains):
            return None
        return [(chain, draft.hand_over()) for chain, draft in zip(chains, batch, strict=True)]

    def _driven(self, enqueues: list[tuple[EnqueueNext | None, NewJob]], tx: Any) -> list[Job[Any]]:
        driven, drafts = self._begin(enqueues)
        met: Mets = None
        try:
            if drafts:
                met = self._insert(drafts, tx)
        except BaseException as error:  # each chain is told
            return _jobs(driven.fail(error))
        return _jobs(driven.resume(self._stored(drafts, met)))

    async def _adriven(self, enqueues: list[tuple[EnqueueNext | None, NewJob]], tx: Any) -> list[Job[Any]]:
        driven, drafts = self._begin(enqueues)
        met: Mets = None
        try:
            if drafts:
                met = await self._ainsert(drafts, tx)
        except BaseException as error:  # each chain is told
            return _jobs(driven.fail(error))
        return _jobs(driven.resume(self._stored(drafts, met)))

    def _begin(self, enqueues: list[tuple[EnqueueNext | None, NewJob]]) -> tuple[Driven, list[NewJob]]:
        driven = Driven(enqueues)
        drafts = driven.begin()
        asked = {id(job) for _, job in enqueues}
        try:
            for draft in drafts:
                if id(draft) not in asked:
                    self._check_changed(draft)
            placed = [self._in_order(draft) for draft in drafts]
        except BaseException as error:  # each chain is told
            driven.fail(error)
            raise
        return driven, placed

    def _check_changed(self, draft: object) -> None:
        """What a middleware passes on is checked like what a caller gives."""
        if not isinstance(draft, NewJob):
            raise InvalidMiddleware(f"a middleware passed {draft!r} to call_next at an enqueue, not a draft")
        ids.parse(draft.job_id)
        check_name(draft.queue, what="queue")
        check_name(draft.task, what="task")
        check_priority(draft.priority)
        if draft.ordering_key is not None:
            check_ordering_key(draft.ordering_key)
        if draft.run_at is not None and draft.delay is not None:
            raise InvalidOption("run_at and delay both say when the job is to run; set one of them to None")
        task = self._client.registry.get(draft.task)
        if task is not None:
            task.signature.decode(draft.args)
        payload.check(draft.args, what=f"arguments of {draft.task}", limit=self._client.payload_limit)

    def _stored(self, drafts: list[NewJob], met: Mets = None) -> list[Job[Any]]:
        at = self._client.now()
        find = self._client.registry.get
        return [
            self._job(find(draft.task), draft, one, at)
            for draft, one in zip(drafts, met or repeat(None, len(drafts)), strict=True)
        ]


def _verb(jobs: Sequence[NewJob]) -> Any:
    """What stores some jobs."""
    if all(job.unique_key is None for job in jobs):
        return insert
    # Most programs have no unique jobs.
    from holdfast.store.verbs.insert_unique import insert_unique

    return insert_unique


def _new(jobs: Sequence[NewJob], met: Mets) -> Sequence[NewJob]:
    """Those that were stored."""
    return jobs if met is None else [job for job, one in zip(jobs, met, strict=True) if one is None]


def _jobs(results: list[Any]) -> list[Job[Any]]:
    """What chains have returned, checked: to forget the return is easily done."""
    for result in results:
        if not isinstance(result, Job):
            raise InvalidMiddleware(
                f"a middleware's enqueue returned {result!r}; it must return the job that call_next gave it"
            )
    return results
