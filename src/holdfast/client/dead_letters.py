"""`app.dead_letters`: failed jobs, kept until somebody has looked at them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack, overload

from holdfast.client.flow import Flow, Read, Write
from holdfast.client.job import Job
from holdfast.client.jobs import LONGEST_LIST, STEP, JobId, id_of
from holdfast.client.names import check_name, task_name
from holdfast.core.errors import InvalidOption, JobNotFound
from holdfast.core.failures import type_name
from holdfast.core.states import Reason
from holdfast.core.times import from_datetime
from holdfast.store.records import LetterFilter
from holdfast.store.verbs import dead_letters as verbs
from holdfast.store.verbs.jobs import get

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.task import Task

# Within the class below, `list` is its method.
Jobs: TypeAlias = list[Job[Any]]


class Letters(TypedDict, total=False):
    """A filter of failed jobs. What isn't given doesn't narrow."""

    queue: str | None
    task: str | Task[Any, Any] | None
    reason: Reason | str | None
    """Why it failed: `"exhausted"`, `"timeout"`, `"crashed"` …"""
    error: type[BaseException] | str | None
    """The type of its last error, or its name with or without the module. Subclasses don't count."""
    since: datetime | None
    """Failed at this time or later …"""
    until: datetime | None
    """… and before this one."""


class DeadLetters:
    """The failed jobs of an app. With `tx=`, a method works on that connection of the caller's, in its transaction.

    `redrive` and `purge` take an id, or a filter by keywords: then they change all that match, in steps of 500 a
    transaction, and return their number. `all=True` is every failed job.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(
        self,
        *,
        limit: int = 50,
        after: JobId | None = None,
        tx: Any = None,
        **which: Unpack[Letters],
    ) -> Jobs:
        """A page of failed jobs, those enqueued last first.

        Args:
            limit: how many at most.
            after: the last job of the page before, or its id.
            tx: see the class.
            which: `queue=`, `task=`, `reason=`, `error=`, `since=`, `until=`.

        Raises:
            InvalidOption: a value makes no sense.
        """
        return self._client.run(self._list(which, limit, after), tx)

    async def alist(
        self,
        *,
        limit: int = 50,
        after: JobId | None = None,
        tx: Any = None,
        **which: Unpack[Letters],
    ) -> Jobs:
        """The same for async code, as with every `a…` below."""
        return await self._client.arun(self._list(which, limit, after), tx)

    def count(self, *, tx: Any = None, **which: Unpack[Letters]) -> int:
        """How many failed jobs there are; takes the filter of `list`."""
        return self._client.run(_count(which), tx)

    async def acount(self, *, tx: Any = None, **which: Unpack[Letters]) -> int:
        return await self._client.arun(_count(which), tx)

    @overload
    def redrive(self, id: JobId, /, *, tx: Any = ...) -> bool: ...
    @overload
    def redrive(self, /, *, all: bool = ..., tx: Any = ..., **which: Unpack[Letters]) -> int: ...
    def redrive(
        self, id: JobId | None = None, /, *, all: bool = False, tx: Any = None, **which: Unpack[Letters]
    ) -> int:
        """Bring one failed job, or all that match, back as pending: same id, attempt 0, the history kept.

        Args:
            id: which. False is returned if it hasn't failed.
            all: every failed job.
            tx: see the class.
            which: those whose arguments were not kept are passed over.

        Raises:
            JobNotFound: there is none with that id.
            WrongState: the arguments of the one job were not kept.
        """
        return self._client.run(self._redrive(id, which, all=all), tx)

    @overload
    async def aredrive(self, id: JobId, /, *, tx: Any = ...) -> bool: ...
    @overload
    async def aredrive(self, /, *, all: bool = ..., tx: Any = ..., **which: Unpack[Letters]) -> int: ...
    async def aredrive(
        self, id: JobId | None = None, /, *, all: bool = False, tx: Any = None, **which: Unpack[Letters]
    ) -> int:
        return await self._client.arun(self._redrive(id, which, all=all), tx)

    @overload
    def purge(self, id: JobId, /, *, tx: Any = ...) -> bool: ...
    @overload
    def purge(self, /, *, all: bool = ..., tx: Any = ..., **which: Unpack[Letters]) -> int: ...
    def purge(
        self, id: JobId | None = None, /, *, all: bool = False, tx: Any = None, **which: Unpack[Letters]
    ) -> int:
        """Remove one failed job, or all that match, with all that is kept of them.

        Args:
            id: which. False is returned if it hasn't failed, or is gone already.
            all: every failed job.
            tx: see the class.
            which: the filter of `list`.
        """
        return self._client.run(_purge(id, which, all=all), tx)

    @overload
    async def apurge(self, id: JobId, /, *, tx: Any = ...) -> bool: ...
    @overload
    async def apurge(self, /, *, all: bool = ..., tx: Any = ..., **which: Unpack[Letters]) -> int: ...
    async def apurge(
        self, id: JobId | None = None, /, *, all: bool = False, tx: Any = None, **which: Unpack[Letters]
    ) -> int:
        return await self._client.arun(_purge(id, which, all=all), tx)

    def _list(self, which: Letters, limit: int, after: JobId | None) -> Flow[Jobs]:
        records = yield Read(verbs.list_letters, (letter_filter(which, limit=limit, after=after),))
        find = self._client.registry.find
        return [Job(self._client, find(record.task), record=record) for record in records]

    def _redrive(self, id: JobId | None, which: Letters, *, all: bool) -> Flow[int]:
        now = self._client.store.now
        if id is None:
            return (yield from _each_page(which, all, lambda page: (verbs.redrive, (page, now()))))
        job_id = _one(id, which, all)
        done: bool = yield Write(verbs.redrive_one, (job_id, now()))
        if not done and (yield Read(get, (job_id,))) is None:
            raise JobNotFound(f"no job has the id {job_id}: it was deleted, or its retention has passed")
        return done


def letter_filter(which: Letters, *, limit: int = STEP, after: JobId | None = None) -> LetterFilter:
    """A filter, checked.

    Raises:
        InvalidOption: a value makes no sense.
    """
    unknown = which.keys() - Letters.__annotations__.keys()
    if unknown:
        raise TypeError(
            f"a filter of dead letters has no {min(unknown)!r}; there are: {', '.join(Letters.__annotations__)}"
        )
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LONGEST_LIST:  # type: ignore[redundant-expr]  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"limit must be a whole number from 1 to {LONGEST_LIST:,}, not {limit!r}")
    queue, task, error = which.get("queue"), which.get("task"), which.get("error")
    since, until = which.get("since"), which.get("until")
    return LetterFilter(
        queue=None if queue is None else check_name(queue, what="queue"),
        task=None if task is None else task_name(task),
        reason=_reason(which.get("reason")),
        error=_error(error),
        since=None if since is None else from_datetime(since, what="since"),
        until=None if until is None else from_datetime(until, what="until"),
        before=None if after is None else id_of(after),
        limit=limit,
    )


def _error(error: object) -> str | None:
    if error is None:
        return None
    if isinstance(error, type) and issubclass(error, BaseException):
        return type_name(error)
    if not isinstance(error, str) or not error.isprintable():
        raise InvalidOption(f"error= takes an exception class or its name, not {error!r}")
    return error


def _reason(reason: object) -> str | None:
    if reason is None:
        return None
    if reason not in tuple(Reason):
        raise InvalidOption(f"{reason!r} is no reason why a job fails; there are: {', '.join(Reason)}")
    return Reason(str(reason)).value


def _count(which: Letters) -> Flow[int]:
    number: int = yield Read(verbs.count_letters, (letter_filter(which),))
    return number


def _purge(id: JobId | None, which: Letters, *, all: bool) -> Flow[int]:
    if id is None:
        return (yield from _each_page(which, all, lambda page: (verbs.purge, (page,))))
    number: int = yield Write(verbs.purge, ([_one(id, which, all)],))
    return bool(number)


def _each_page(
    which: Letters, all: bool, change: Callable[[list[str]], tuple[Callable[..., Any], tuple[Any, ...]]]
) -> Flow[int]:
    """Change all that match, a page at a time; `change` gives the verb and its arguments for a page of ids.

    Each page begins below the last one, so that what fails again meanwhile isn't met twice.
    """
    chosen = any(value is not None for value in which.values())
    if chosen == all:
        raise InvalidOption(
            "name an id, or what to choose by: queue=, task=, reason=, error=, since= or until=; or all=True alone"
        )
    changed = 0
    after: str | None = None
    while page := (yield Read(verbs.find_letters, (letter_filter(which, after=after),))):
        verb, args = change(page)
        changed += yield Write(verb, args)
        after = page[-1]
    return changed


def _one(id: JobId, which: Letters, all: bool) -> str:
    if which or all:
        raise InvalidOption(
            f"name an id or a filter, not both: {', '.join([*which, *(['all'] if all else [])])}"
        )
    return id_of(id)
