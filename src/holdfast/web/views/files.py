"""The style sheet, the script and the icon: read once, kept by browsers for as long as they are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Files:
    """The static files of a folder.

    Attributes:
        addresses: of each, by its name; another content has another address.
    """

    def __init__(self, folder: Path) -> None:
        self._contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in KINDS}
        self.addresses: Mapping[str, str] = {
            name: f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"
            for name, content in self._contents.items()
        }

    async def respond(self, request: Request) -> Response:
        """One of them, to everybody."""
        name = str(request.path_params["name"])
        content = self._contents.get(name)
        if content is None:
            raise HTTPException(404)
        asked = f"/static/{name}?{request.scope['query_string'].decode('latin-1')}"
        keep = "public, max-age=31536000, immutable" if asked == self.addresses[name] else "no-cache"
        return Response(content, media_type=KINDS[Path(name).suffix], headers={"cache-control": keep})
