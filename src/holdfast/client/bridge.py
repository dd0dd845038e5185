"""From the futures of the store's threads to coroutines that wait for them.

As `asyncio.wrap_future` does, with one difference: futures that are done together wake the loop once, where each
would cost a system call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from threading import local
from typing import Any, TypeVar

T = TypeVar("T")


class Bridge:
    """The way back into one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._done: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._woken = False

    def settle(self, waiting: asyncio.Future[Any], done: Future[Any]) -> None:
        """Called in any thread."""
        self._done.append((waiting, done))
        if not self._woken:
            self._woken = True
            try:
                self.loop.call_soon_threadsafe(self._hand_over)
            except RuntimeError:
                # The loop was closed; nobody waits any more.
                self._done.clear()

    def _hand_over(self) -> None:
        # First: whatever is appended from here on wakes the loop again.
        self._woken = False
        while self._done:
            waiting, done = self._done.popleft()
            if waiting.done():
                continue
            if done.cancelled():
                waiting.cancel()
                continue
            error = done.exception()
            if error is None:
                waiting.set_result(done.result())
            else:
                waiting.set_exception(error)


_here = local()


async def outcome(future: Future[T]) -> T:
    """Wait for a future of another thread. Cancelling the wait doesn't cancel what is waited for."""
    if future.done():
        return future.result()
    loop = asyncio.get_running_loop()
    bridge: Bridge | None = getattr(_here, "bridge", None)
    if bridge is None or bridge.loop is not loop:
        bridge = _here.bridge = Bridge(loop)
    waiting: asyncio.Future[T] = loop.create_future()
    settle = bridge.settle
    future.add_done_callback(lambda done: settle(waiting, done))
    return await waiting
