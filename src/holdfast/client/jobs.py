"""`app.jobs`: jobs looked up and changed, one by id or many by filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, TypeVar, Unpack, overload
from uuid import UUID

from holdfast.client import change as changing
from holdfast.client.announce import tell_cancelled
from holdfast.client.change import Changes
from holdfast.client.flow import Flow, Read, Write
from holdfast.client.job import Job
from holdfast.client.keeping import Keeping
from holdfast.client.names import check_name, task_name
from holdfast.client.snapshot import Found, look
from holdfast.core import ids
from holdfast.core.errors import InvalidOption, JobNotFound
from holdfast.core.job import RunError
from holdfast.core.states import STORED, JobState
from holdfast.events import Cancelled
from holdfast.store.records import CancelAnswer, JobFilter
from holdfast.store.verbs import jobs as verbs
from holdfast.store.verbs import search
from holdfast.store.verbs.change import change_some
from holdfast.store.verbs.queues import stored_settings

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.task import Task
    from holdfast.core.explain import Explanation
    from holdfast.core.facts import Facts

R = TypeVar("R")
JobId: TypeAlias = "UUID | str | Job[Any]"
# Within the class below, `list` is its method.
Jobs: TypeAlias = list[Job[Any]]
Errors: TypeAlias = list[RunError]
Page: TypeAlias = list[str]

STEP = 500
"""Jobs that one transaction of a verb by filter changes."""
LONGEST_LIST = 10_000
ALIVE = (JobState.PENDING, JobState.BLOCKED, JobState.RUNNING)


class Which(TypedDict, total=False):
    """A filter of jobs. What isn't given doesn't narrow."""

    state: JobState | str | None
    queue: str | None
    task: str | Task[Any, Any] | None


class JobsApi:
    """The jobs of an app. With `tx=`, a method works on that connection of the caller's, in its transaction.

    Each verb takes an id, or a filter by keywords (`state=`, `queue=`, `task=`): then it changes all that match, in
    steps of 500 a transaction, and returns their number.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    # --- looking -------------------------------------------------------------------------------------------

    def get(self, id: JobId, *, tx: Any = None) -> Job[Any]:
        """One job with its failed runs.

        Raises:
            JobNotFound: there is none with that id.
            InvalidOption: it isn't an id.
        """
        return self._of(self.look(id_of(id), tx=tx))

    async def aget(self, id: JobId, *, tx: Any = None) -> Job[Any]:
        """The same for async code, as with every `a…` below."""
        return self._of(await self.alook(id_of(id), tx=tx))

    def status(self, id: JobId, *, tx: Any = None) -> JobState:
        """The state of a job; `JobState.NOT_FOUND` if there is none with that id."""
        return self._client.run(_status(id_of(id)), tx)

    async def astatus(self, id: JobId, *, tx: Any = None) -> JobState:
        return await self._client.arun(_status(id_of(id)), tx)

    def list(
        self,
        *,
        limit: int = 50,
        after: JobId | None = None,
        tx: Any = None,
        **which: Unpack[Which],
    ) -> Jobs:
        """A page of jobs, newest first.

        Args:
            limit: how many at most.
            after: the last job of the page before, or its id.
            tx: see the class.
            which: `state=`, `queue=`, `task=`.
        """
        return self._client.run(self._list(job_filter(limit=limit, after=after, **which)), tx)

    async def alist(
        self,
        *,
        limit: int = 50,
        after: JobId | None = None,
        tx: Any = None,
        **which: Unpack[Which],
    ) -> Jobs:
        return await self._client.arun(self._list(job_filter(limit=limit, after=after, **which)), tx)

    def explain(self, id: JobId, *, tx: Any = None) -> Explanation:
        """Why a job is not running: every reason that applies, as data and as a sentence.

        Of one that runs or has ended it says that. It reads a few rows, however many jobs wait.

        Args:
            id: which.
            tx: see the class.

        Raises:
            JobNotFound: there is none with that id.
        """
        return self._client.run(self._explain(id_of(id)), tx)

    async def aexplain(self, id: JobId, *, tx: Any = None) -> Explanation:
        return await self._client.arun(self._explain(id_of(id)), tx)

    # --- changing ------------------------------------------------------------------------------------------

    @overload
    def cancel(self, id: JobId, /, *, force: bool = ..., tx: Any = ...) -> bool: ...
    @overload
    def cancel(self, /, *, force: bool = ..., tx: Any = ..., **which: Unpack[Which]) -> int: ...
    def cancel(
        self,
        id: JobId | None = None,
        /,
        *,
        force: bool = False,
        tx: Any = None,
        **which: Unpack[Which],
    ) -> int:
        """End one job, or all that match: at once where it waits, on request where it runs.

        Args:
            id: which. False is returned if it had ended already.
            force: end it at once even if it runs; what the run then decides is refused.
            tx: see the class.
            which: without `state=`, all that have not ended.

        Raises:
            JobNotFound: there is none with that id.
        """
        return self._client.run(self._cancel(id, which, force=force, committed=tx is None), tx)

    @overload
    async def acancel(self, id: JobId, /, *, force: bool = ..., tx: Any = ...) -> bool: ...
    @overload
    async def acancel(self, /, *, force: bool = ..., tx: Any = ..., **which: Unpack[Which]) -> int: ...
    async def acancel(
        self,
        id: JobId | None = None,
        /,
        *,
        force: bool = False,
        tx: Any = None,
        **which: Unpack[Which],
    ) -> int:
        return await self._client.arun(self._cancel(id, which, force=force, committed=tx is None), tx)

    @overload
    def retry(self, id: JobId, /, *, tx: Any = ...) -> bool: ...
    @overload
    def retry(self, /, *, tx: Any = ..., **which: Unpack[Which]) -> int: ...
    def retry(self, id: JobId | None = None, /, *, tx: Any = None, **which: Unpack[Which]) -> int:
        """Bring one ended job, or all that match, back as pending with attempt 0 and the history kept.

        Args:
            id: which. False is returned if it has not ended.
            tx: see the class.
            which: without `state=`, the failed ones.

        Raises:
            JobNotFound: there is none with that id.
            WrongState: its arguments were not kept.
            JobExists: it is unique, and another job has its key now. Among many, both kinds are passed over.
        """
        return self._client.run(_retry(id, which), tx)

    @overload
    async def aretry(self, id: JobId, /, *, tx: Any = ...) -> bool: ...
    @overload
    async def aretry(self, /, *, tx: Any = ..., **which: Unpack[Which]) -> int: ...
    async def aretry(self, id: JobId | None = None, /, *, tx: Any = None, **which: Unpack[Which]) -> int:
        return await self._client.arun(_retry(id, which), tx)

    @overload
    def delete(self, id: JobId, /, *, tx: Any = ...) -> bool: ...
    @overload
    def delete(self, /, *, tx: Any = ..., **which: Unpack[Which]) -> int: ...
    def delete(self, id: JobId | None = None, /, *, tx: Any = None, **which: Unpack[Which]) -> int:
        """Remove one job, or all that match, with all that is kept of them.

        Args:
            id: which. False is returned if there is none.
            tx: see the class.
            which: those that run are passed over.

        Raises:
            WrongState: the one job is running.
        """
        return self._client.run(_delete(id, which), tx)

    @overload
    async def adelete(self, id: JobId, /, *, tx: Any = ...) -> bool: ...
    @overload
    async def adelete(self, /, *, tx: Any = ..., **which: Unpack[Which]) -> int: ...
    async def adelete(self, id: JobId | None = None, /, *, tx: Any = None, **which: Unpack[Which]) -> int:
        return await self._client.arun(_delete(id, which), tx)

    @overload
    def change(self, which: JobId, /, *, tx: Any = ..., **changes: Unpack[Changes]) -> bool: ...
    @overload
    def change(self, which: Which, /, *, tx: Any = ..., **changes: Unpack[Changes]) -> int: ...
    def change(self, which: JobId | Which, /, *, tx: Any = None, **changes: Unpack[Changes]) -> int:
        """Change one job that waits, or all that match: its priority, time, queue or arguments.

        Behind an ordering key, and in a FIFO queue, a job that is given another time, and has never run, waits for its
        turn as of that time; with another queue it joins the order there. What `expires=` once said stays.

        Args:
            which: an id; False is returned if the job runs or has ended. Or a filter as a mapping, as in
                `change({"queue": "mail"}, priority=50)`: those are passed over that can't be changed so.
            tx: see the class.
            changes: `priority=`, `at=` or `delay=`, `queue=`, `args=`, which replaces all arguments.

        Raises:
            JobNotFound: there is none with that id.
            InvalidOption: a value makes no sense, or not in its queue.
            InvalidArguments: the arguments don't fit its task.
        """
        return self._client.run(self._change(which, changes), tx)

    @overload
    async def achange(self, which: JobId, /, *, tx: Any = ..., **changes: Unpack[Changes]) -> bool: ...
    @overload
    async def achange(self, which: Which, /, *, tx: Any = ..., **changes: Unpack[Changes]) -> int: ...
    async def achange(self, which: JobId | Which, /, *, tx: Any = None, **changes: Unpack[Changes]) -> int:
        return await self._client.arun(self._change(which, changes), tx)

    # --- for tasks and jobs --------------------------------------------------------------------------------

    def look(self, job_id: str, *, tx: Any = None) -> Found:
        """What is known of a job, or JobNotFound."""
        return self._client.run(_look(job_id), tx)

    async def alook(self, job_id: str, *, tx: Any = None) -> Found:
        return await self._client.arun(_look(job_id), tx)

    def errors(self, job_id: str) -> Errors:
        """The failed runs of a job that are kept."""
        return self._client.store.read(verbs.errors, job_id)

    def get_of(self, task: Task[Any, R], id: JobId) -> Job[R]:
        """A job that must be of a task."""
        return self._typed(task, self.look(id_of(id)))

    async def aget_of(self, task: Task[Any, R], id: JobId) -> Job[R]:
        return self._typed(task, await self.alook(id_of(id)))

    def _typed(self, task: Task[Any, R], found: Found) -> Job[R]:
        record = found.record
        if record.task != task.name:
            raise JobNotFound(f"job {record.job_id} is of the task {record.task}, not of {task.name}")
        return Job(self._client, task, record=record, errors=found.errors)

    def _of(self, found: Found) -> Job[Any]:
        task = self._client.registry.find(found.record.task)
        return Job(self._client, task, record=found.record, errors=found.errors)

    def _list(self, wanted: JobFilter) -> Flow[Jobs]:
        records = yield Read(search.list_jobs, (wanted,))
        find = self._client.registry.find
        return [Job(self._client, find(record.task), record=record) for record in records]

    def _explain(self, job_id: str) -> Flow[Explanation]:
        from holdfast.client.explain import explanation
        from holdfast.store.verbs.explain import explain

        facts: Facts | None = yield Read(explain, (job_id,))
        if facts is None:
            raise _not_found(job_id)
        return explanation(self._client, facts)

    def _change(self, which: JobId | Which, changes: Changes) -> Flow[int]:
        if isinstance(which, (str, UUID, Job)):
            return (yield from changing.one(self._client, _one(which, {}), changes))
        what = yield from changing.read(self._client, changes, job_filter(task=which.get("task")).task)
        seen: set[str] = set()

        def change(page: Page) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            # A change may move a job to where it is found again.
            fresh = [job_id for job_id in page if job_id not in seen]
            seen.update(fresh)
            return change_some, (fresh, what, self._client.store.now())

        return (yield from _each_page(which, (JobState.PENDING, JobState.BLOCKED), change))

    def _cancel(self, id: JobId | None, which: Which, *, force: bool, committed: bool) -> Flow[int]:
        now = self._client.store.now()
        kept = Keeping(self._client.registry, (yield Read(stored_settings, ())))
        events = self._client.events
        how = (now, kept, force, events.wants(Cancelled))

        def count(cancels: search.Cancels) -> int:
            tell_cancelled(events, cancels.ended, committed=committed)
            return cancels.effective

        if id is None:
            return (
                yield from _each_page(which, ALIVE, lambda page: (search.cancel_some, (page, *how)), count)
            )
        job_id = _one(id, which)
        cancels: search.Cancels = yield Write(search.cancel_some, ([job_id], *how))
        if cancels.answers[0] is CancelAnswer.NOT_FOUND:
            raise _not_found(job_id)
        return bool(count(cancels))


def job_filter(
    *,
    state: JobState | str | None = None,
    queue: str | None = None,
    task: str | Task[Any, Any] | None = None,
    limit: int = STEP,
    after: JobId | None = None,
) -> JobFilter:
    """A filter, checked."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LONGEST_LIST:  # type: ignore[redundant-expr]  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"limit must be a whole number from 1 to {LONGEST_LIST:,}, not {limit!r}")
    return JobFilter(
        state=None if state is None else _state(state),
        queue=None if queue is None else check_name(queue, what="queue"),
        task=None if task is None else task_name(task),
        before=None if after is None else id_of(after),
        limit=limit,
    )


def _state(state: object) -> JobState:
    if state not in STORED:
        raise InvalidOption(f"{state!r} is not a state of jobs; there are: {', '.join(STORED)}")
    return JobState(str(state))


# --- what they ask of the store ------------------------------------------------------------------------------


def _look(job_id: str) -> Flow[Found]:
    found: Found | None = yield Read(look, (job_id,))
    if found is None:
        raise _not_found(job_id)
    return found


def _status(job_id: str) -> Flow[JobState]:
    record = yield Read(verbs.get, (job_id,))
    return JobState.NOT_FOUND if record is None else record.state


def _retry(id: JobId | None, which: Which) -> Flow[int]:
    if id is None:
        return (yield from _each_page(which, (JobState.FAILED,), lambda page: (search.retry_some, (page,))))
    job_id = _one(id, which)
    done: bool = yield Write(verbs.retry, (job_id,))
    if not done and (yield Read(verbs.get, (job_id,))) is None:
        raise _not_found(job_id)
    return done


def _delete(id: JobId | None, which: Which) -> Flow[int]:
    if id is None:
        return (yield from _each_page(which, (None,), lambda page: (search.delete_some, (page,))))
    done: bool = yield Write(verbs.delete, (_one(id, which),))
    return done


def _each_page(
    which: Which,
    states: tuple[JobState | None, ...],
    change: Callable[[list[str]], tuple[Callable[..., Any], tuple[Any, ...]]],
    count: Callable[[Any], int] = int,
) -> Flow[int]:
    """Change all jobs that match, a page at a time.

    Args:
        which: the filter as it was given.
        states: those that are meant where it names none.
        change: the verb and its arguments for a page of ids.
        count: makes the number of those changed of what the verb returns.
    """
    unknown = which.keys() - Which.__annotations__.keys()
    if unknown:
        raise TypeError(
            f"a filter of jobs has no {min(unknown)!r}; there are: {', '.join(Which.__annotations__)}"
        )
    if not any(value is not None for value in which.values()):
        raise InvalidOption("name an id, or what to choose by: state=, queue= or task=")
    changed = 0
    for state in states if which.get("state") is None else (which.get("state"),):
        after: str | None = None
        while page := (
            yield Read(
                search.find,
                (job_filter(state=state, queue=which.get("queue"), task=which.get("task"), after=after),),
            )
        ):
            verb, args = change(page)
            changed += count((yield Write(verb, args)))
            after = page[-1]
    return changed


def _one(id: JobId, which: Which) -> str:
    if which:
        raise InvalidOption(f"name an id or a filter, not both: {', '.join(which)}")
    return id_of(id)


def id_of(job: JobId) -> str:
    """The id of a job, given as such, as text or as the job itself."""
    return ids.parse(job.id if isinstance(job, Job) else job)


def _not_found(job_id: str) -> JobNotFound:
    return JobNotFound(
        f"no job has the id {job_id}: it was deleted, its retention has passed, or the transaction that enqueued it "
        "has not been committed"
    )
