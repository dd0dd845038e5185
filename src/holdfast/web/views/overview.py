"""The first page: what needs attention, and queues and workers at a glance."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from holdfast.client.queue_api import QueueDepth
from holdfast.client.watch import LOOKED_AT, SeenWorker, Trouble, aseen_workers, atrouble
from holdfast.core.phrases import count_text
from holdfast.core.times import to_datetime
from holdfast.web.site import page, site_of
from holdfast.web.views.queues import everything

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from holdfast.client.pauses import Pause

LEVELS = ("error", "warning", "note")
"""The worst first."""
SHOWN = 20
"""Queues and workers on this page, and points of attention."""
LATE = timedelta(minutes=5)
"""A queue whose workers don't come to its oldest job within that time is behind."""


class Point(msgspec.Struct, frozen=True):
    """Something that needs attention."""

    level: str
    """One of `LEVELS`."""
    what: str
    remedy: str
    link: str
    """Where to see more, below the prefix."""
    since: datetime | None = None


@page
async def show(request: Request) -> Response:
    site = site_of(request)

    async def load() -> Mapping[str, Any]:
        queues, workers, paused, trouble = await asyncio.gather(
            site.app.queues.adepths(),
            aseen_workers(site.app.client),
            site.app.apaused(),
            atrouble(site.app.client),
        )
        points = sorted(
            points_of(queues, workers, paused, trouble), key=lambda point: LEVELS.index(point.level)
        )
        return {
            "points": points[:SHOWN],
            "more_points": len(points) - SHOWN,
            "queues": sorted(queues, key=_weight, reverse=True)[:SHOWN],
            "more_queues": len(queues) - SHOWN,
            "workers": workers[:SHOWN],
            "more_workers": len(workers) - SHOWN,
            "alive": sum(worker.state == "alive" for worker in workers),
            "totals": {
                name: sum(getattr(queue, name) for queue in queues) for name in ("due", "blocked", "running")
            },
            "failures": trouble.failures,
            "most": LOOKED_AT,
        }

    return await site.live(request, "overview.html", load)


def _weight(queue: QueueDepth) -> tuple[int, int]:
    return queue.due + queue.blocked + queue.running, queue.pending


def points_of(
    queues: Sequence[QueueDepth], workers: Sequence[SeenWorker], paused: list[Pause], trouble: Trouble
) -> Iterator[Point]:
    """What needs attention, each with what helps."""
    yield from _lost(workers)
    yield from _unserved(queues, workers)
    yield from _unknown(trouble)
    failures = trouble.failures
    if failures.lately:
        yield Point(
            "warning",
            f"{_count(failures.lately)} failed in the last hour",
            "Look at their errors; when the cause is mended, retry them.",
            "/jobs?state=failed",
        )
    yield from _paused(everything(paused), paused)
    if failures.number > failures.lately:
        yield Point(
            "note",
            f"{_count(failures.number)} in all have failed and are kept",
            "Retry or delete them: holdfast dlq redrives and purges many at once.",
            "/jobs?state=failed",
        )


def _lost(workers: Sequence[SeenWorker]) -> Iterator[Point]:
    for worker in workers:
        if worker.state != "alive":
            record = worker.record
            yield Point(
                "warning",
                f"Worker {record.id} on {record.host} is {worker.state}",
                "Living workers take back what it held. If none is there, start one.",
                "/workers",
                to_datetime(record.beat_at),
            )


def _unserved(queues: Sequence[QueueDepth], workers: Sequence[SeenWorker]) -> Iterator[Point]:
    now = datetime.now(UTC)
    for queue in queues:
        if queue.paused is not None or not (queue.due or queue.blocked):
            continue
        link = f"/queue?{urlencode({'name': queue.name})}"
        if not any(worker.serves(queue.name) for worker in workers):
            yield Point(
                "error",
                f"Queue {queue.name} has jobs that wait, and no worker",
                "Start one that serves it: holdfast worker, with -q and its name if it is to serve some queues alone.",
                link,
                queue.oldest_due,
            )
        elif queue.oldest_due is not None and now - queue.oldest_due > LATE:
            yield Point(
                "warning",
                f"Queue {queue.name} is behind",
                "Start more workers, or let them do more at a time; a job's page says what it waits for.",
                link,
                queue.oldest_due,
            )


def _unknown(trouble: Trouble) -> Iterator[Point]:
    for queue, task, since in trouble.unknown:
        yield Point(
            "error",
            f"No worker of queue {queue} knows the task {task}",
            "Deploy code that declares it; after an hour its due jobs fail as unknown_task.",
            f"/jobs?{urlencode({'queue': queue, 'task': task})}",
            to_datetime(since),
        )


def _paused(all_of_it: Pause | None, paused: list[Pause]) -> Iterator[Point]:
    for one in paused:
        what = "Everything" if one is all_of_it else f"{one.kind.capitalize()} {one.name}"
        by = f" by {one.by}" if one.by else ""
        why = f": {one.reason}" if one.reason else ""
        link = "/queues"
        if one.kind == "queue":
            link = f"/queue?{urlencode({'name': one.name})}"
        elif one.kind == "task":
            link = f"/jobs?{urlencode({'task': one.name})}"
        remedy = "Resume it when its cause is gone."
        if one.kind == "task":
            remedy = "Resume it when its cause is gone: holdfast tasks resume."
        yield Point("note", f"{what} is paused{by}{why}", remedy, link, one.since)


def _count(number: int) -> str:
    return f"{number:,} jobs or more" if number >= LOOKED_AT else count_text(number, "job")
