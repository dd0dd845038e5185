"""`app.queues`: what is in the queues, pausing and emptying one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from holdfast.client import pauses
from holdfast.client.flow import Flow, Read, Write
from holdfast.client.jobs import STEP
from holdfast.client.names import check_name
from holdfast.client.pauses import Pause
from holdfast.core.times import to_datetime, to_timedelta
from holdfast.store.records import DepthRecord, QueueCounts
from holdfast.store.statement import Row
from holdfast.store.verbs import overview
from holdfast.store.verbs import queues as verbs

if TYPE_CHECKING:
    from holdfast.client.client import Client

DEEPEST = 10_000
"""Where the counts of `Queues.depths` end."""


class QueueStats(msgspec.Struct, frozen=True, kw_only=True):
    """What is in one queue at one moment."""

    pending: int
    """All that wait, scheduled ones too."""
    scheduled: int
    """Those of them whose time is ahead."""
    blocked: int
    """That wait for their turn."""
    running: int
    succeeded: int
    """Ended jobs count for as long as they are kept."""
    failed: int
    cancelled: int
    oldest_due: timedelta | None
    """For how long the job that has been due for longest has been so; None if none is due."""
    paused: Pause | None = None
    """By whom, since when and why, if nothing of it is claimed: its own pause, else that of everything."""

    @property
    def due(self) -> int:
        """Those that wait and whose time has come."""
        return self.pending - self.scheduled


class QueueDepth(msgspec.Struct, frozen=True, kw_only=True):
    """What waits and runs in one queue at one moment. What waits is counted up to `DEEPEST`."""

    name: str
    declared: bool
    """Code has declared it."""
    pending: int
    """All that wait, scheduled ones too."""
    due: int
    """Those of them whose time has come."""
    blocked: int
    """That wait for their turn."""
    running: int
    oldest_due: datetime | None
    """Since when the job that has been due for longest has been so; those that wait for their turn don't count."""
    paused: Pause | None
    """By whom, since when and why, if nothing of it is claimed: its own pause, else that of everything."""


# Within the class below, the name says what it returns.
Depths: TypeAlias = list[QueueDepth]


class Queue:
    """One queue of an app."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    def __repr__(self) -> str:
        return f"<Queue {self._name}>"

    @property
    def name(self) -> str:
        return self._name

    def stats(self) -> QueueStats:
        """Count what is in it; it takes the longer the more ended jobs are kept."""
        return self._client.run(self._stats())

    async def astats(self) -> QueueStats:
        """The same for async code, as with every `a…` below."""
        return await self._client.arun(self._stats())

    def pause(self, *, by: str | None = None, reason: str | None = None) -> bool:
        """Have no worker claim a job of it any more, until it is resumed, over restarts and deployments.

        It holds from when this returns. Jobs that run go on; what was claimed and not begun is given back. What is
        enqueued waits, scheduled jobs and schedules too.

        Args:
            by: who does it, for others to read.
            reason: why.

        Returns:
            False if it was paused, which then stays as it was.
        """
        return self._client.run(pauses.pause(("queue", self._name), by, reason))

    async def apause(self, *, by: str | None = None, reason: str | None = None) -> bool:
        return await self._client.arun(pauses.pause(("queue", self._name), by, reason))

    def resume(self) -> bool:
        """Let its jobs be claimed again, unless everything is paused. False if it wasn't paused by itself."""
        return self._client.run(pauses.resume(("queue", self._name)))

    async def aresume(self) -> bool:
        return await self._client.arun(pauses.resume(("queue", self._name)))

    def purge(self) -> int:
        """Delete all jobs that wait in it, scheduled ones too, in steps of 500 a transaction.

        Jobs that run, and those that have ended, stay. What is enqueued meanwhile may stay or go.

        Returns:
            How many were deleted.
        """
        return self._client.run(self._purge())

    async def apurge(self) -> int:
        return await self._client.arun(self._purge())

    def _stats(self) -> Flow[QueueStats]:
        counts: QueueCounts = yield Read(verbs.count_queue, (self._name,))
        oldest = counts.oldest_due
        paused = yield from pauses.of_queue(self._name)
        return QueueStats(
            pending=counts.pending,
            scheduled=counts.pending - counts.due,
            blocked=counts.blocked,
            running=counts.running,
            succeeded=counts.succeeded,
            failed=counts.failed,
            cancelled=counts.cancelled,
            oldest_due=None if oldest is None else to_timedelta(max(0, self._client.store.now() - oldest)),
            paused=paused,
        )

    def _purge(self) -> Flow[int]:
        deleted, count, place = 0, STEP, verbs.FIRST
        while count:
            step: tuple[int, Row] = yield Write(verbs.purge_waiting, (self._name, place, STEP))
            count, place = step
            deleted += count
        return deleted


class Queues:
    """The queues of an app, by name. Iterating gives those that are declared or paused, and those in which jobs wait
    or run."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getitem__(self, name: str) -> Queue:
        """One queue, which need not be declared: queues are there by being used.

        Raises:
            InvalidOption: no queue can have that name.
        """
        return Queue(self._client, check_name(name, what="queue"))

    def __iter__(self) -> Iterator[Queue]:
        return iter(self._client.run(self._known()))

    async def __aiter__(self) -> AsyncIterator[Queue]:
        for queue in await self._client.arun(self._known()):
            yield queue

    def depths(self) -> Depths:
        """What waits and runs in all of them, by name.

        It costs little, however many jobs wait or are kept: what waits is counted up to 10,000 in each queue.
        """
        return self._client.run(self._depths())

    async def adepths(self) -> Depths:
        """The same for async code."""
        return await self._client.arun(self._depths())

    def _depths(self) -> Flow[Depths]:
        found: list[DepthRecord] = yield Read(overview.depths, (DEEPEST,))
        known = {one.name: one for one in found}
        for settings in self._client.registry.queues():
            known.setdefault(settings.name, DepthRecord(name=settings.name, declared=True))
        paused = {(one.kind, one.name): one for one in (yield from pauses.paused())}
        everything = paused.get(pauses.EVERYTHING)
        return [
            QueueDepth(
                name=one.name,
                declared=one.declared,
                pending=one.pending,
                due=one.due,
                blocked=one.blocked,
                running=one.running,
                oldest_due=None if one.oldest_due is None else to_datetime(one.oldest_due),
                paused=paused.get(("queue", one.name)) or everything,
            )
            for one in sorted(known.values(), key=lambda one: one.name)
        ]

    def _known(self) -> Flow[list[Queue]]:
        stored: list[str] = yield Read(verbs.queue_names, ())
        declared = [settings.name for settings in self._client.registry.queues()]
        paused = [one.name for one in (yield from pauses.paused()) if one.kind == "queue"]
        return [Queue(self._client, name) for name in sorted({*stored, *declared, *paused})]
