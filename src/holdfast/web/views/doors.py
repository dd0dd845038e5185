"""Logging in and out, and light or dark."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from holdfast.web.access import COOKIE, Visitor, address_of
from holdfast.web.site import THEME, THEMES, YEAR, site_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def show_login(request: Request) -> Response:
    site = site_of(request)
    visitor = site.greet(request)
    following = local_path(request.query_params.get("next"))
    if site.access.let_in(visitor):
        return site.go(request, following)
    return await site.page(request, "login.html", following=following, wrong=None)


async def log_in(request: Request) -> Response:
    site = site_of(request)
    visitor, access = site.greet(request), site.access
    form = await site.form(request)
    following, address = local_path(form.get("next")), address_of(request)
    wait = access.throttle.wait(address)
    if wait:
        access.audit(request, "login", "dashboard", "refused, too many attempts")
        wrong = f"Too many attempts from here. Try again in {math.ceil(wait)} s."
        response = await site.page(request, "login.html", 429, following=following, wrong=wrong)
        response.headers["retry-after"] = str(math.ceil(wait))
        return response
    if not access.is_word(form.get("password", "")):
        access.throttle.failed(address)
        access.audit(request, "login", "dashboard", "refused, wrong password")
        return await site.page(request, "login.html", 403, following=following, wrong="That is not it.")
    # A session of its own: whoever knew the one before knows nothing.
    known = Visitor(access.sessions.new(known=True), is_new=True, by_token=visitor.by_token)
    request.state.holdfast_visitor = known
    access.audit(request, "login", "dashboard", "done")
    response = site.go(request, following)
    site.set_session(request, response, known)
    return response


async def log_out(request: Request) -> Response:
    site = site_of(request)
    site.greet(request)
    await site.form(request)
    site.access.audit(request, "logout", "dashboard", "done")
    response = site.go(request, "/login" if site.access.login else "/")
    site.set_cookie(request, response, COOKIE, "", 0)
    return response


async def set_theme(request: Request) -> Response:
    site = site_of(request)
    site.greet(request)
    form = await site.form(request)
    response = RedirectResponse(site.url(request, local_path(form.get("back"))), 303)
    theme = form.get("theme")
    if theme in THEMES:
        site.set_cookie(request, response, THEME, theme, YEAR)
    return response


def local_path(given: str | None) -> str:
    """A path of this dashboard, given by a link or a form; the first page where it is anything else."""
    if (
        given
        and given.startswith("/")
        and not given.startswith("//")
        and given.isprintable()
        and "\\" not in given
    ):
        return given
    return "/"
