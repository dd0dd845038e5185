"""Enqueues of jobs by the names of their tasks, and of many jobs at once: the half of an app that only enqueues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from holdfast.client.options import Options, read_options
from holdfast.core.errors import InvalidOption

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.draft import Draft
    from holdfast.client.job import Job

R = TypeVar("R")


class EnqueuesByName:
    """What an app has of `Enqueuer`."""

    client: Client

    def enqueue(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        declare: bool = False,
        **options: Unpack[Options],
    ) -> Job[Any]:
        """Store a job by the name of its task.

        Args:
            name: of the task.
            args: its arguments by name.
            declare: True enqueues a task that this program doesn't know; its arguments are checked by the run.
            options: those of `task.using`.

        Raises:
            UnknownTask: no such task is declared here.
            InvalidArguments: they don't fit the task, can't be encoded, or are too large; names the path.
            InvalidOption: an option makes no sense.
        """
        using = read_options(**options)
        draft = self.client.enqueues.named(name, args, using, declare=declare)
        return self.client.enqueues.one(draft.job, draft.task, using.tx)

    async def aenqueue(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        declare: bool = False,
        **options: Unpack[Options],
    ) -> Job[Any]:
        """The same for async code."""
        using = read_options(**options)
        draft = self.client.enqueues.named(name, args, using, declare=declare)
        return await self.client.enqueues.aone(draft.job, draft.task, using.tx)

    def new(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        declare: bool = False,
        **options: Unpack[Options],
    ) -> Draft[Any]:
        """A job by the name of its task, for `enqueue_many`. Nothing is stored yet."""
        using = read_options(**options)
        if using.tx is not None:
            raise InvalidOption(
                "the jobs of a batch go into one transaction: give tx= to enqueue_many, not to new"
            )
        return self.client.enqueues.named(name, args, using, declare=declare)

    def enqueue_many(self, drafts: Iterable[Draft[R]], *, tx: Any = None) -> list[Job[R]]:
        """Store many jobs in one transaction: all or none.

        Args:
            drafts: what `task.new(…)` has made, of any tasks; a generator will do.
            tx: your own connection or session, in whose transaction they are enqueued.

        Returns:
            The jobs, in the order of the drafts. None at all open no transaction.
        """
        return self.client.enqueues.many(drafts, tx)

    async def aenqueue_many(self, drafts: Iterable[Draft[R]], *, tx: Any = None) -> list[Job[R]]:
        """The same for async code."""
        return await self.client.enqueues.amany(drafts, tx)
