"""What went wrong, said on a page, with the status that fits."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from holdfast.core.errors import (
    HoldfastError,
    InvalidArguments,
    InvalidOption,
    JobError,
    JobNotFound,
    ScheduleNotFound,
)
from holdfast.web.access import LoginNeeded
from holdfast.web.live import EVENTS
from holdfast.web.site import here

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ExceptionHandler

    from holdfast.web.site import Site


def handlers(site: Site) -> dict[int | type[Exception], ExceptionHandler]:
    """How each kind of error is answered."""

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status, said = error.status_code, error.detail
        if said == HTTPStatus(status).phrase:
            said = WORDS.get(status, "")
        response = site.error(request, status, said)
        response.headers.update(error.headers or {})
        return response

    async def ours(request: Request, error: Exception) -> Response:
        return site.error(request, _status(error), str(error))

    async def login(request: Request, _: Exception) -> Response:
        if request.method not in ("GET", "HEAD") or EVENTS in request.headers.get("accept", ""):
            return site.error(request, 401, "Log in first.")
        return RedirectResponse(site.url(request, f"/login?next={quote(here(request), safe='')}"), 303)

    async def bug(request: Request, _: Exception) -> Response:
        return site.error(request, 500, "This is a fault of the dashboard; the server's log has more.")

    return {HTTPException: http, HoldfastError: ours, LoginNeeded: login, Exception: bug}


WORDS = {
    404: "There is no such page.",
    405: "This page can't be asked in that way.",
}


def _status(error: Exception) -> int:
    if isinstance(error, JobNotFound | ScheduleNotFound):
        return 404
    if isinstance(error, InvalidOption | InvalidArguments):
        return 400
    # A job that runs can't be deleted …; anything else is the database, which may be back in a moment.
    return 409 if isinstance(error, JobError) else 503
