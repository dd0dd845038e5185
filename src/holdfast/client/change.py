"""What `jobs.change` is given, checked, and how it is done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from holdfast.client.flow import Flow, Read, Write
from holdfast.client.names import check_name
from holdfast.client.options import check_priority
from holdfast.client.queues import stored_fifo
from holdfast.core.errors import InvalidOption, JobNotFound, WrongState
from holdfast.core.times import duration, planned
from holdfast.store.verbs import change as verbs
from holdfast.store.verbs.jobs import get
from holdfast.store.verbs.queues import stored_settings

if TYPE_CHECKING:
    from holdfast.client.client import Client


class Changes(TypedDict, total=False):
    """What may be changed of a job that waits. What isn't given stays."""

    priority: int
    """-100 … 100, higher first; refused in a FIFO queue."""
    at: datetime
    """Not before this time; a past one is now."""
    delay: timedelta | float
    """Not before this long from now."""
    queue: str
    """Another queue. An ordering key goes along; a job that leaves a FIFO queue has none."""
    args: Mapping[str, Any]
    """New arguments by name, in place of all the old ones."""


def read(client: Client, changes: Changes, task: str | None) -> Flow[verbs.Change]:
    """Check changes.

    Args:
        client: of the app.
        changes: as given.
        task: the name of the task of the jobs; None where that isn't known.

    Raises:
        InvalidOption: a value makes no sense.
        InvalidArguments: the new arguments don't fit the task.
        UnknownTask: there are new arguments, and the task isn't declared here.
    """
    unknown = changes.keys() - Changes.__annotations__.keys()
    if unknown:
        raise TypeError(
            f"a job has no {min(unknown)!r} to change; there are: {', '.join(Changes.__annotations__)}"
        )
    if not changes:
        raise InvalidOption("say what to change: priority=, at=, delay=, queue= or args=")
    if "at" in changes and "delay" in changes:
        raise InvalidOption("delay= and at= both say when the job is to run; give one of them")
    run_at = None
    if "at" in changes:
        run_at = planned(changes["at"], what="at")
    elif "delay" in changes:
        run_at = client.store.now() + (duration(changes["delay"], what="delay") or 0)
    args = None
    if "args" in changes:
        if task is None:
            raise InvalidOption("new arguments are for jobs of one task: choose them by task=")
        args = client.registry[task].signature.encode_mapping(changes["args"])
    stored = yield Read(stored_settings, ())
    return verbs.Change(
        priority=check_priority(changes["priority"]) if "priority" in changes else None,
        run_at=run_at,
        queue=check_name(changes["queue"], what="queue") if "queue" in changes else None,
        args=args,
        fifo=frozenset(client.registry.fifo).union(name for name, text in stored if stored_fifo(text)),
    )


def one(client: Client, job_id: str, changes: Changes) -> Flow[bool]:
    """Change one job; False if it doesn't wait any more."""
    record = yield Read(get, (job_id,))
    if record is None:
        raise JobNotFound(f"no job has the id {job_id}")
    what = yield from read(client, changes, record.task)
    answer: verbs.Answer = yield Write(verbs.change, (job_id, what, client.store.now()))
    if answer is verbs.Answer.NOT_FOUND:
        raise JobNotFound(f"job {job_id} was deleted meanwhile")
    if answer is verbs.Answer.PRIORITY:
        raise InvalidOption(
            f"job {job_id} can't have a priority there: a FIFO queue has none. Leave it, or give it priority 0"
        )
    if answer is verbs.Answer.KEY:
        raise InvalidOption(
            f"job {job_id} has the ordering key {record.ordering_key!r}, and a FIFO queue is in order as a whole"
        )
    if answer is verbs.Answer.UNIQUE:
        raise WrongState(
            f"job {job_id} is unique by its arguments or its queue, which can't be changed therefore; cancel it and "
            "enqueue another"
        )
    return answer is verbs.Answer.CHANGED
