"""An event loop in a thread of its own, which goes on whatever its tasks do."""

from __future__ import annotations

import logging
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

logger = logging.getLogger("holdfast.worker")


class LoopThread:
    """Runs one event loop until it is stopped. uvloop's where that is installed."""

    def __init__(self) -> None:
        self.loop = _new_loop()
        self._ending = False
        self._begun = Event()
        self._thread = Thread(target=self._carry, name="holdfast-loop", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._begun.wait()

    def stop(self, timeout: float) -> None:
        """End the loop, with the tasks that handlers left behind cancelled. A loop that is blocked is left behind."""
        self._ending = True
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout)

    def _carry(self) -> None:
        import asyncio

        asyncio.set_event_loop(self.loop)
        self.loop.call_soon(self._begun.set)
        while not (self._ending or self.loop.is_closed()):
            # A task that raises SystemExit takes run_forever down with it, and a handler may stop the loop. Nothing
            # that was scheduled is lost by that: the loop goes on where it was.
            try:
                self.loop.run_forever()
            except BaseException as error:
                logger.error("a task brought the event loop down with %r; it goes on", error)
        self._leave()

    def _leave(self) -> None:
        import asyncio

        loop = self.loop
        try:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=1))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
        except BaseException as error:
            logger.warning("the event loop did not end cleanly: %r", error)


def _new_loop() -> AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        import asyncio

        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
