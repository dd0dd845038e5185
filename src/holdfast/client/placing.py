"""Where a job stands: its queue's order, its ordering key, its share and the slots that it needs.

All of that follows from what its task and queue declare, and from its arguments. Programs that don't know the task
leave it open: then the worker that comes upon the job says it (`holdfast.worker.placing`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.core.errors import HoldfastError, InvalidArguments, InvalidOption
from holdfast.core.job import NewJob
from holdfast.core.keys import Key, key_of
from holdfast.core.limits import Counted
from holdfast.core.slots import slot_name

if TYPE_CHECKING:
    from holdfast.client.queues import QueueSettings
    from holdfast.client.registry import Registry
    from holdfast.client.task import Task


class Needs(msgspec.Struct, frozen=True, gc=False):
    """What follows for one job."""

    ordering_key: str | None = None
    share: str | None = None
    limits: tuple[str, ...] = ()


class Placement:
    """What holds for the jobs of one task in one queue. `Placement.of` makes it.

    Attributes:
        rules: the names of the limits and rates that its jobs are counted by.
    """

    def __init__(
        self,
        task: Task[Any, Any],
        counted: Sequence[Counted],
        fair: tuple[Key, str] | None,
        order: tuple[Key, str] | None,
    ) -> None:
        self.rules = frozenset(one.name for one in counted)
        self._task = task
        self._plain = tuple(one.name for one in counted if one.key is None)
        self._keyed = [
            (one.name, one.key, f"task {task.name}: {one.option}") for one in counted if one.key is not None
        ]
        self._fair = fair
        self._order = order
        self._looks = bool(self._keyed or fair or order)

    @classmethod
    def of(cls, task: Task[Any, Any], queue: QueueSettings) -> Placement | None:
        """None for jobs that simply run when they are due."""
        counted = (*queue.counted, *task.counted)
        if not counted and queue.fair_by is None and task.ordering_key is None:
            return None
        fair = None
        if queue.fair_by is not None:
            fair = queue.fair_by, f"task {task.name}: fair_by of queue {queue.name}"
        order = None
        # A FIFO queue is in order as a whole.
        if task.ordering_key is not None and not queue.fifo:
            order = task.ordering_key, f"task {task.name}: its ordering_key"
        return cls(task, counted, fair, order)

    def needs(
        self,
        args: str,
        ordering_key: str | None = None,
        failed: Callable[[HoldfastError], None] | None = None,
    ) -> Needs:
        """What a job needs.

        Args:
            args: as they are stored.
            ordering_key: the one that it has already: then the task's function isn't asked, and there is no share.
            failed: is told of what can't be made of the arguments, which is left out then; None raises it.

        Raises:
            InvalidArguments: a key function raises, or gives what is no key.
            InvalidOption: the name of a parameter is none of the task's.
        """
        if not self._looks:
            return Needs(ordering_key, None, self._plain)

        def ask(key: Key, what: str) -> str | None:
            try:
                return key_of(key, arguments, what=what)
            except HoldfastError as error:
                if failed is None:
                    raise
                failed(error)
                return None

        try:
            arguments = self._task.key_arguments(args)
        except InvalidArguments as error:
            if failed is None:
                raise
            failed(error)
            return Needs(ordering_key, None, self._plain)
        if ordering_key is None and self._order is not None:
            ordering_key = ask(*self._order)
        share = ask(*self._fair) if self._fair is not None and ordering_key is None else None
        keyed = [(rule, ask(key, what)) for rule, key, what in self._keyed]
        slots = [slot_name(rule, key) for rule, key in keyed if key is not None]
        return Needs(ordering_key, share, (*self._plain, *slots))


class Placing:
    """Puts the jobs of one client where they belong."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def in_queue(self, job: NewJob) -> NewJob:
        """A job as its queue has it: those of a FIFO queue have its one key.

        Raises:
            InvalidOption: it has a priority or an ordering key, and its queue is a FIFO queue.
        """
        if job.queue not in self._registry.fifo:
            return job
        if job.priority:
            raise InvalidOption(
                f"{job.task} has priority {job.priority}, and queue {job.queue!r} is a FIFO queue, which has no "
                "priorities; leave it out, or choose another queue"
            )
        if job.ordering_key:
            raise InvalidOption(
                f"queue {job.queue!r} is a FIFO queue, in order as a whole; leave out ordering_key="
            )
        return job.replace(ordering_key="")

    def place(self, job: NewJob) -> NewJob:
        """The same, and with what follows from its arguments.

        Raises:
            InvalidOption, InvalidArguments: as `in_queue` and `Placement.needs` do.
        """
        job = self.in_queue(job)
        placement = self._registry.placement(job.task, job.queue)
        if placement is None:
            return job
        needs = placement.needs(job.args, job.ordering_key)
        share = needs.share if job.share is None else job.share
        limits = tuple(dict.fromkeys((*job.limits, *needs.limits)))
        return job.replace(ordering_key=needs.ordering_key, share=share, limits=limits)
