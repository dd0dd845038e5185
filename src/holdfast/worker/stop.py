"""How a worker is asked to end: by whom, until when, and whether it wants to be started again."""

from __future__ import annotations

from math import inf
from threading import Event, Lock
from time import monotonic


class Stop:
    """Any thread may ask. Asking again can only bring the end nearer."""

    def __init__(self) -> None:
        self.asked = False
        self.by = inf
        """Until when running jobs may go on, of the monotonic clock."""
        self.at_once = False
        """Nothing was given any time."""
        self.renew = False
        """The worker ends of its own accord and wants to be started again."""
        self.error: BaseException | None = None
        """What keeps it from going on."""
        self._lock = Lock()
        self._bell = Event()

    def ask(self, by: float, *, renew: bool = False) -> None:
        """End, with running jobs cancelled at this time."""
        with self._lock:
            if renew and not self.asked:
                self.renew = True
            self.asked = True
            self.by = min(self.by, by)
            self.at_once = self.at_once or by <= monotonic()
        self._bell.set()

    def fail(self, error: BaseException) -> None:
        """End at once: it can't go on."""
        with self._lock:
            self.error = self.error or error
        self.ask(0.0)

    def ring(self) -> None:
        """Something has changed that whoever waits may want to look at."""
        self._bell.set()

    def wait(self, timeout: float | None = None) -> None:
        """Wait for a change."""
        self._bell.wait(timeout)
        self._bell.clear()
