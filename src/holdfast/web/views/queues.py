"""Queues: what is in them, pausing, resuming and emptying one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from holdfast.client.names import check_name
from holdfast.client.pauses import LONGEST
from holdfast.client.queue_api import QueueDepth
from holdfast.client.watch import SeenWorker, aseen_workers
from holdfast.web.rules import rows_of
from holdfast.web.site import change, page, site_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from holdfast.client.pauses import Pause
    from holdfast.web.forms import Form

VERBS: Final = ("pause", "resume", "purge")
NEWEST = 20
"""Jobs on the page of a queue."""


@page
async def show_all(request: Request) -> Response:
    site = site_of(request)

    async def load() -> Mapping[str, Any]:
        depths, workers, limits, paused = await asyncio.gather(
            site.app.queues.adepths(),
            aseen_workers(site.app.client),
            site.app.limits.alist(),
            site.app.apaused(),
        )
        return {
            "queues": [(queue, _serving(workers, queue.name)) for queue in depths],
            "everything": everything(paused),
            "rules": rows_of(limits),
        }

    return await site.live(request, "queues.html", load)


@page
async def show(request: Request) -> Response:
    site = site_of(request)
    name = _name(request.query_params)

    async def load() -> Mapping[str, Any]:
        depths, workers, limits, jobs = await asyncio.gather(
            site.app.queues.adepths(),
            aseen_workers(site.app.client),
            site.app.limits.alist(),
            site.app.jobs.alist(queue=name, limit=NEWEST),
        )
        queue = next((one for one in depths if one.name == name), None)
        return {
            "queue": queue or _empty(name),
            "serving": _serving(workers, name),
            "rules": rows_of([one for one in limits if one.queue == name]),
            "jobs": jobs,
        }

    return await site.live(request, "queue.html", load, name=name)


@page
async def confirm(request: Request) -> Response:
    """What a change means, and a button that does it."""
    site = site_of(request)
    verb = _verb(request)
    await site.require(request, f"queue.{verb}")
    if "all" in request.query_params and verb != "purge":
        return await site.page(
            request, "queue_confirm.html", verb=verb, name=None, queue=None, longest=LONGEST
        )
    name = _name(request.query_params)
    queue = next((one for one in await site.app.queues.adepths() if one.name == name), None)
    return await site.page(
        request, "queue_confirm.html", verb=verb, name=name, queue=queue or _empty(name), longest=LONGEST
    )


@change
async def act(request: Request, form: Form) -> Response:
    site, app = site_of(request), site_of(request).app
    verb = _verb(request)
    action = f"queue.{verb}"
    await site.require(request, action)
    all_of_them = "all" in form and verb != "purge"
    name = None if all_of_them else _name(form)
    by, reason = site.access.name_of(request)[:LONGEST], form.get("reason", "").strip() or None
    # Apps and queues pause and resume by the same names.
    what = app if name is None else app.queues[name]
    match verb:
        case "pause":
            done = await what.apause(by=by, reason=reason)
            note = "paused" if done else "was-paused"
        case "resume":
            done = await what.aresume()
            note = "resumed" if done else "was-resumed"
        case _:
            assert name is not None
            done = bool(await app.queues[name].apurge())
            note = "purged" if done else "nothing-purged"
    site.access.audit(request, action, name or "everything", "done" if done else "nothing to do")
    return site.go(request, "/queues" if name is None else f"/queue?{urlencode({'name': name})}", note)


def everything(paused: list[Pause]) -> Pause | None:
    """The pause of everything."""
    return next((one for one in paused if one.kind == "all"), None)


def _serving(workers: list[SeenWorker], queue: str) -> int:
    return sum(worker.serves(queue) for worker in workers)


def _empty(name: str) -> QueueDepth:
    return QueueDepth(
        name=name, declared=False, pending=0, due=0, blocked=0, running=0, oldest_due=None, paused=None
    )


def _verb(request: Request) -> str:
    verb = str(request.path_params["verb"])
    if verb not in VERBS:
        raise HTTPException(404)
    return verb


def _name(given: Mapping[str, str]) -> str:
    return check_name(given.get("name", ""), what="queue")
