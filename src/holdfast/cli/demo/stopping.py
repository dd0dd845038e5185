"""Ctrl-C, taken when it does no harm.

An exception that a signal raises in the midst of library code can leave a lock held for ever. So a signal is only
noted, and looked at between two steps.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Generator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Someone asked the demo to stop, by this signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Stopping:
    """Notes signals while `noting`, and hands them over when asked."""

    def __init__(self) -> None:
        # Of this kind of queue alone a signal handler may interrupt the reader and write.
        self._signals: SimpleQueue[int] = SimpleQueue()

    @contextlib.contextmanager
    def noting(self) -> Generator[None]:
        before = {number: signal.signal(number, self._note) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._signals.put(number)

    def check(self) -> None:
        """Raises Stopped if there was a signal."""
        self.pause(0)

    def pause(self, seconds: float) -> None:
        """Wait, for as long as there is no signal.

        Raises:
            Stopped: there was one.
        """
        with contextlib.suppress(Empty):
            raise Stopped(self._signals.get(timeout=seconds) if seconds else self._signals.get_nowait())
