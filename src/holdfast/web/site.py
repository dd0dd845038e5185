"""The dashboard put together: pages, templates, what they share."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from holdfast.core.errors import InvalidOption
from holdfast.web.access import COOKIE, VIEW, Access, LoginNeeded, Visitor
from holdfast.web.envelope import Envelope
from holdfast.web.forms import Form, read_form
from holdfast.web.live import EVENTS, Streams
from holdfast.web.notes import note_of
from holdfast.web.words import FILTERS

if TYPE_CHECKING:
    from starlette.requests import Request

    from holdfast.app import Holdfast

Endpoint: TypeAlias = "Callable[[Request], Awaitable[Response]]"
Load: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]

THEME = "holdfast_theme"
THEMES = ("auto", "light", "dark")
YEAR = 365 * 24 * 3600
HERE = Path(__file__).parent


class Site:
    """What all pages share.

    Args:
        app: whose jobs are shown.
        access: who may do what.
        assets: the addresses of the static files, below the prefix.
    """

    def __init__(self, app: Holdfast, access: Access, assets: Mapping[str, str]) -> None:
        self.app = app
        self.access = access
        self.streams = Streams()
        self._assets = assets
        self._pages = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters.update(FILTERS)
        # For pages whole and in part: what a template imports, its blocks alone don't have.
        shared = cast("dict[str, Any]", self._pages.globals)
        shared["parts"] = self._pages.get_template("_parts.html").module

    # --- who asks -------------------------------------------------------------------------------------------

    async def enter(self, request: Request) -> Visitor:
        """Who asks for a page; refuses those who may not see it."""
        visitor = self.greet(request)
        if not self.access.let_in(visitor):
            raise LoginNeeded
        if not await self.access.allows(request, VIEW):
            raise HTTPException(403, "You may not see this.")
        return visitor

    def greet(self, request: Request) -> Visitor:
        """Who asks for a page that is for everybody."""
        visitor = self.access.visitor(request)
        request.state.holdfast_visitor = visitor
        return visitor

    async def form(self, request: Request) -> Form:
        """The fields of a form that this very session was given."""
        visitor: Visitor = request.state.holdfast_visitor
        form = await read_form(request)
        self.access.check_form(request, visitor, form.pop("csrf", ""))
        return form

    async def require(self, request: Request, action: str) -> None:
        """Refuse an action that may not be done here."""
        if not await self.access.allows(request, action):
            self.access.audit(request, action, str(request.scope["path"]), "refused")
            why = "This dashboard is read-only." if self.access.read_only else "You may not do this."
            raise HTTPException(403, why)

    # --- pages ----------------------------------------------------------------------------------------------

    def url(self, request: Request, path: str) -> str:
        """The address of a page of this dashboard."""
        return quote(request.scope["root_path"]) + path

    async def page(self, request: Request, template: str, status: int = 200, **context: Any) -> Response:
        """A page."""
        return self._respond(request, template, await self._context(request, context), status)

    async def live(self, request: Request, template: str, load: Load, **context: Any) -> Response:
        """A page whose block `live` is kept up to date; asked for events, that block as often as it changes.

        Args:
            template: of the whole page.
            load: reads what changes.
            context: what doesn't.
        """
        whole = await self._context(request, {**context, "live_url": self.url(request, here(request))})
        if EVENTS not in request.headers.get("accept", ""):
            return self._respond(request, template, {**whole, **await load()}, 200)

        async def render() -> str:
            page = self._pages.get_template(template)
            return "".join(page.blocks["live"](page.new_context({**whole, **await load()})))

        return self.streams.respond(render)

    def error(self, request: Request, status: int, said: str) -> HTMLResponse:
        """A page that says what is wrong."""
        title = HTTPStatus(status).phrase
        context = self._shared(request) | {
            "may": frozenset[str](),
            "title": title,
            "said": said,
            "status": status,
        }
        return self._respond(request, "error.html", context, status)

    def go(self, request: Request, path: str, note: str | None = None) -> Response:
        """To another page, after a change."""
        joint = "&" if "?" in path else "?"
        return RedirectResponse(self.url(request, path) + (f"{joint}note={note}" if note else ""), 303)

    def set_cookie(self, request: Request, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=self.url(request, "") or "/",
            secure=self.access.https or request.scope["scheme"] == "https",
            httponly=True,
            samesite="lax",
        )

    def set_session(self, request: Request, response: Response, visitor: Visitor) -> None:
        sessions = self.access.sessions
        left = max(0, visitor.session.expires - sessions.now())
        self.set_cookie(request, response, COOKIE, sessions.seal(visitor.session), left)

    def _asset(self, request: Request, name: str) -> str:
        return self.url(request, self._assets[name])

    async def _context(self, request: Request, context: dict[str, Any]) -> dict[str, Any]:
        return self._shared(request) | {"may": await self.access.allowed(request)} | context

    def _shared(self, request: Request) -> dict[str, Any]:
        visitor: Visitor | None = getattr(request.state, "holdfast_visitor", None)
        theme = request.cookies.get(THEME)
        return {
            "url": functools.partial(self.url, request),
            "asset": functools.partial(self._asset, request),
            "csrf": "" if visitor is None else self.access.sessions.csrf(visitor.session),
            "inside": visitor is not None and self.access.let_in(visitor),
            "can_log_out": self.access.login and visitor is not None and visitor.session.known,
            "read_only": self.access.read_only,
            "theme": theme if theme in THEMES else "auto",
            "themes": THEMES,
            "here": _path(request),
            "back": here(request),
            "live_url": None,
            "note": note_of(request.query_params.get("note")),
        }

    def _respond(self, request: Request, template: str, context: dict[str, Any], status: int) -> HTMLResponse:
        response = HTMLResponse(self._pages.get_template(template).render(context), status)
        visitor: Visitor | None = getattr(request.state, "holdfast_visitor", None)
        if visitor is not None and visitor.is_new:
            self.set_session(request, response, visitor)
        return response


def site_of(request: Request) -> Site:
    """The dashboard that a request is for."""
    site: Site = request.app.state.site
    return site


def page(view: Endpoint) -> Endpoint:
    """A page for those who may see the dashboard."""

    @functools.wraps(view)
    async def endpoint(request: Request) -> Response:
        await site_of(request).enter(request)
        return await view(request)

    return endpoint


def change(view: Callable[[Request, Form], Awaitable[Response]]) -> Endpoint:
    """What changes something: a form of those who may see the dashboard. The view asks whether it may be done."""

    @functools.wraps(view)
    async def endpoint(request: Request) -> Response:
        site = site_of(request)
        await site.enter(request)
        return await view(request, await site.form(request))

    return endpoint


def here(request: Request) -> str:
    """The page that is asked for, below the prefix, with its query."""
    # Not by request.url, which wants text of what may be any bytes.
    query = quote(request.scope["query_string"], safe="%&=+/:;,@!$'()*")
    return quote(_path(request), errors="replace") + (f"?{query}" if query else "")


def _path(request: Request) -> str:
    return str(request.scope["path"])[len(request.scope["root_path"]) :]


def make_site(app: Holdfast, prefix: str, access: Access) -> Envelope:
    """The dashboard as an ASGI application.

    Raises:
        InvalidOption: the prefix is none.
    """
    from holdfast.web.failures import handlers
    from holdfast.web.routes import routes
    from holdfast.web.views.files import Files

    if prefix and (not prefix.startswith("/") or prefix.endswith("/") or not prefix.isprintable()):
        raise InvalidOption(
            f"prefix= is empty, or begins with a slash and doesn't end with one, unlike {prefix!r}"
        )
    files = Files(HERE / "static")
    site = Site(app, access, files.addresses)
    inner = Starlette(routes=routes(files), exception_handlers=handlers(site))
    # It would answer a path with a slash too many by an address made of the Host header.
    inner.router.redirect_slashes = False
    inner.state.site = site
    return Envelope(inner, prefix, site)
