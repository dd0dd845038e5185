"""One thread of a worker."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread


class Part:
    """A named thread that doesn't keep the process from ending.

    Args:
        name: what it does, as thread lists show it behind `holdfast-`.
        carry: what it runs.
    """

    def __init__(self, name: str, carry: Callable[[], object]) -> None:
        self._thread = Thread(target=carry, name=f"holdfast-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        """It has begun and not ended."""
        return self._thread.is_alive()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end; True if it has ended, or never began."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()
