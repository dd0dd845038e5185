"""The list of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from holdfast.core.states import STORED
from holdfast.web.site import page, site_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

SIZES = (50, 100, 200)
FILTERS = ("state", "queue", "task")


@page
async def show(request: Request) -> Response:
    site = site_of(request)
    asked = {name: value for name in FILTERS if (value := request.query_params.get(name, "").strip())}
    size, after = _size(request), request.query_params.get("after") or None
    registry = site.app.client.registry

    def link(**changed: str | None) -> str:
        """The list with other filters, from its beginning."""
        wanted = {name: value for name, value in {**asked, **changed}.items() if value}
        if size != SIZES[0]:
            wanted.setdefault("size", str(size))
        return site.url(request, "/jobs") + (f"?{urlencode(wanted)}" if wanted else "")

    async def load() -> Mapping[str, Any]:
        # One more tells whether there is another page.
        found = await site.app.jobs.alist(limit=size + 1, after=after, **_which(asked))
        shown = found[:size]
        return {"jobs": shown, "older": link(after=str(shown[-1].id)) if len(found) > size else None}

    return await site.live(
        request,
        "jobs.html",
        load,
        asked={name: asked.get(name, "") for name in FILTERS},
        after=after,
        link=link,
        size=size,
        sizes=SIZES,
        states=[state.value for state in STORED],
        tasks=sorted(registry.names()),
        queues=sorted({settings.name for settings in registry.queues()}),
    )


def _which(asked: Mapping[str, str]) -> Any:
    return asked


def _size(request: Request) -> int:
    given = request.query_params.get("size") or str(SIZES[0])
    if given not in map(str, SIZES):
        raise HTTPException(400, f"size= is one of {', '.join(map(str, SIZES))}.")
    return int(given)
