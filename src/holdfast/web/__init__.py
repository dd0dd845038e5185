"""The dashboard: `holdfast web`, or `asgi(app)` mounted in an application of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.core.errors import InvalidOption, MissingDependency

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from holdfast.app import Holdfast
    from holdfast.web.access import Allow, Who

__all__ = ["asgi"]


def asgi(
    app: Holdfast,
    prefix: str = "/jobs",
    *,
    password: str | None = None,
    token: str | None = None,
    allow: Allow | None = None,
    who: Who | None = None,
    read_only: bool = False,
    insecure: bool = False,
    secret: str | bytes | None = None,
    https: bool = False,
) -> ASGIApp:
    """The dashboard of an app as an ASGI application, to be mounted in yours.

    It is closed by default: give `allow=`, a password or a token, or say `insecure=True`.

    Args:
        app: whose jobs it shows. Arguments are masked that its tasks declare as sensitive, and all of unknown tasks.
        prefix: the path under which it is reached; `""` where it is all there is. What mounts it in Starlette's way
            says so by itself.
        password: asked for by a login page.
        token: the same for programs, in a header `Authorization: Bearer …`; the login page takes it, too.
        allow: called with the request and an action such as "view" or "job.retry" (`holdfast.web.access.ACTIONS`);
            says whether it may be done. It may be async.
        who: called with the request; names whoever does it, for the audit log and for pauses.
        read_only: nothing can be changed.
        insecure: whoever reaches it may do everything.
        secret: 16 bytes or more, with which sessions are signed. Default: one made at each start, which ends them;
            where several processes serve the same dashboard, they need the same one.
        https: it is reached by https although the server speaks http, behind a proxy: cookies are for https alone.

    Raises:
        InvalidOption: a value makes no sense, or nothing says who may use it.
        MissingDependency: `holdfast[web]` isn't installed.
    """
    require_web()
    from holdfast.web.access import Access
    from holdfast.web.site import make_site

    if not (insecure or allow or password or token):
        raise InvalidOption(
            "say who may use the dashboard: allow=function(request, action), password= or token=; "
            "insecure=True lets everybody"
        )
    access = Access(
        password=password, token=token, allow=allow, who=who, read_only=read_only, secret=secret, https=https
    )
    return make_site(app, prefix, access)


def require_web() -> None:
    """Raises MissingDependency unless what the dashboard stands on is installed."""
    try:
        import jinja2 as jinja2
        import starlette as starlette
    except ImportError as error:
        raise MissingDependency(f"the dashboard needs {error.name}: pip install 'holdfast[web]'") from None
