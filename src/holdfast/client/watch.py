"""What those who watch over an app look at: its workers, and what needs attention. Each read is small and bounded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from holdfast.client.flow import Flow, Read
from holdfast.core.times import SECOND
from holdfast.store.records import RecentFailures, WorkerRecord
from holdfast.store.verbs.overview import recent_failures, unknown_tasks
from holdfast.store.verbs.workers import SILENT, list_workers

if TYPE_CHECKING:
    from holdfast.client.client import Client

LOOKED_AT = 10_000
"""So many failed jobs are looked at, those enqueued last."""
LATELY = 3600 * SECOND


class SeenWorker(msgspec.Struct, frozen=True):
    """A worker that has a row."""

    record: WorkerRecord
    state: str
    """"alive"; "dead" if that is certain; "silent" if it hasn't been heard of for as long as a lease mostly is."""

    def serves(self, queue: str) -> bool:
        """It is not known to be dead, and takes jobs of that queue."""
        return self.state == "alive" and (self.record.queues is None or queue in self.record.queues)


class Trouble(msgspec.Struct, frozen=True):
    """What went wrong of late."""

    failures: RecentFailures
    unknown: list[tuple[str, str, int]]
    """Tasks of due jobs that no living worker of their queue knows: queue, task, since when."""


def worker_state(client: Client, worker: WorkerRecord, now: int) -> str:
    """`alive`, `dead` or `silent`; see `SeenWorker`.

    Args:
        client: whose store may know of a death at once.
        worker: which.
        now: the store's time.
    """
    if client.store.known_dead(worker.id):
        return "dead"
    return "silent" if now - worker.beat_at > SILENT else "alive"


async def aseen_workers(client: Client) -> list[SeenWorker]:
    """All that have a row, living or not yet found dead."""
    records = await client.arun(_workers())

    def seen() -> list[SeenWorker]:
        now = client.store.now()
        return [SeenWorker(one, worker_state(client, one, now)) for one in records]

    # The server's clock and the workers' locks are asked in a blocking way.
    return await asyncio.to_thread(seen)


async def atrouble(client: Client) -> Trouble:
    """What went wrong in the last hour."""
    store = await client.astore()
    return await client.arun(_trouble(await asyncio.to_thread(store.now)))


def _workers() -> Flow[list[WorkerRecord]]:
    found: list[WorkerRecord] = yield Read(list_workers, ())
    return found


def _trouble(now: int) -> Flow[Trouble]:
    failures: RecentFailures = yield Read(recent_failures, (now - LATELY, LOOKED_AT))
    unknown: list[tuple[str, str, int]] = yield Read(unknown_tasks, ())
    return Trouble(failures, sorted(unknown))
