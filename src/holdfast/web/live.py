"""Live pages: the changing part of a page, rendered again and sent as server-sent events."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from holdfast.core.errors import HoldfastError

EVENTS = "text/event-stream"
INTERVAL = 2.0
"""Seconds between two looks."""
LIFETIME = 300.0
"""Seconds after which a stream ends. The browser comes back at once, and is asked again who it is."""
MOST = 100
"""Streams at a time; the others poll."""
# What the page's script keeps right by itself is no change.
_TIMES = re.compile(r"(<time [^>]*>)[^<]*")


class Streams:
    """All that are open."""

    def __init__(self, interval: float = INTERVAL, lifetime: float = LIFETIME, most: int = MOST) -> None:
        self._interval = interval
        self._lifetime = lifetime
        self._most = most
        self._open = 0
        self._ended = False

    def end(self) -> None:
        """The server stops: let streams end at their next look, and begin no more."""
        self._ended = True

    def respond(self, render: Callable[[], Awaitable[str]]) -> StreamingResponse:
        """A stream of what is rendered, whenever that has changed.

        Raises:
            HTTPException: there are too many.
        """
        if self._ended or self._open >= self._most:
            raise HTTPException(503, "Too many pages are watched at a time; this one asks now and then.")
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self._events(render), media_type=EVENTS, headers=headers)

    async def _events(self, render: Callable[[], Awaitable[str]]) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        ends, seen = loop.time() + self._lifetime, b""
        self._open += 1
        try:
            yield f"retry: {int(self._interval * 1000)}\n\n"
            while not self._ended and loop.time() < ends:
                try:
                    html = await render()
                except HoldfastError:
                    # The page itself says what is wrong, when it is next asked for.
                    return
                digest = hashlib.sha256(_TIMES.sub(r"\1", html).encode()).digest()
                # Something is sent each time, so that it is noticed when nobody listens any more.
                yield f"event: page\ndata: {json.dumps(html)}\n\n" if digest != seen else ": nothing new\n\n"
                seen = digest
                await self._pause(loop)
        finally:
            self._open -= 1

    async def _pause(self, loop: asyncio.AbstractEventLoop) -> None:
        until = loop.time() + self._interval
        # Looked at again and again: `end` is called where the loop can't be woken.
        while not self._ended and loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(min(0.25, self._interval))
