"""Around everything: where the dashboard is mounted, and the headers that each answer has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from holdfast.web.site import Site

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Envelope:
    """Finds the path below the prefix, whoever has mounted the dashboard, and adds the headers.

    Args:
        inner: the dashboard, which goes by `root_path`.
        prefix: under which it is reached where nobody has said so in `root_path`.
        site: what its pages share.
    """

    def __init__(self, inner: ASGIApp, prefix: str, site: Site) -> None:
        self.site = site
        self._inner = inner
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        placed = _placed(scope, self._prefix)
        if placed is None:
            await PlainTextResponse("Not Found", 404)(scope, receive, send_with_headers)
        else:
            await self._inner(placed, receive, send_with_headers)


def _placed(scope: Scope, prefix: str) -> Scope | None:
    """The scope with the whole way to the dashboard in `root_path`; None if its path leads elsewhere."""
    path, root = scope["path"], scope.get("root_path", "").rstrip("/")
    below = path[len(root) :] if root and (path == root or path.startswith(f"{root}/")) else path
    # Starlette, and what stands on it, says in root_path where it has mounted something.
    mounted = scope.get("app_root_path", root).rstrip("/") != root
    if prefix and not mounted and not root.endswith(prefix):
        if not _leads(below, prefix):
            return None
        root, below = root + prefix, below[len(prefix) :]
    return {**scope, "root_path": root, "path": root + (below or "/")}


def _leads(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")
