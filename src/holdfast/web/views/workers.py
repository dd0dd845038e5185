"""Workers, and what each runs at this moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.client.watch import aseen_workers
from holdfast.web.site import page, site_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@page
async def show(request: Request) -> Response:
    site = site_of(request)

    async def load() -> Mapping[str, Any]:
        return {"workers": await aseen_workers(site.app.client)}

    return await site.live(request, "workers.html", load)
