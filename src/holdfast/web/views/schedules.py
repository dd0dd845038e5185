"""Schedules: when they fire, pausing, resuming, running one now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException

from holdfast.web.site import change, page, site_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from holdfast.web.forms import Form

VERBS: Final = ("pause", "resume", "run")


@page
async def show(request: Request) -> Response:
    site = site_of(request)

    async def load() -> Mapping[str, Any]:
        return {"schedules": await site.app.schedules.alist()}

    return await site.live(request, "schedules.html", load)


@change
async def act(request: Request, form: Form) -> Response:
    site, schedules = site_of(request), site_of(request).app.schedules
    verb, name = str(request.path_params["verb"]), form.get("name", "")
    if verb not in VERBS:
        raise HTTPException(404)
    action = f"schedule.{verb}"
    await site.require(request, action)
    match verb:
        case "pause":
            await schedules.apause(name)
            note = "paused"
        case "resume":
            await schedules.aresume(name)
            note = "resumed"
        case _:
            await schedules.arun_now(name)
            note = "ran"
    site.access.audit(request, action, name, "done")
    return site.go(request, "/schedules", note)
