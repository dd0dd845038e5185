"""The server's time, without asking it each time."""

from __future__ import annotations

import time
from collections.abc import Callable

FRESH = 5_000_000_000
"""Nanoseconds for which one answer serves."""


class ServerClock:
    """Counts on from the last answer by the monotonic clock, so that a step of the host's clock changes nothing.

    Args:
        ask: asks the server, in microseconds since 1970; may raise. It is told whether an answer is known already,
            and may then return None.
    """

    def __init__(self, ask: Callable[[bool], int | None]) -> None:
        self._ask = ask
        self._known: tuple[int, int] | None = None
        """The server's time in microseconds, and the monotonic one in nanoseconds when it was that."""

    def now(self) -> int:
        """Microseconds since 1970.

        Raises:
            StoreError: the server was never reached.
        """
        known = self._known
        if known is None or time.monotonic_ns() - known[1] > FRESH:
            known = self._refresh(known)
        return known[0] + (time.monotonic_ns() - known[1]) // 1000

    def _refresh(self, known: tuple[int, int] | None) -> tuple[int, int]:
        before = time.monotonic_ns()
        try:
            answer = self._ask(known is not None)
        except Exception:
            if known is None:
                raise
            answer = None
        if answer is None:
            # The server is away or busy: go on counting, and don't ask at every call.
            answer = known[0] + (before - known[1]) // 1000 if known is not None else 0
        self._known = found = (answer, (before + time.monotonic_ns()) // 2)
        return found
