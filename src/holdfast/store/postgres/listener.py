"""Hearing notifications: one listening connection for a process, while somebody wants to know."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from holdfast.core.errors import StoreError
from holdfast.store.base import ANYTHING
from holdfast.store.postgres.address import Address
from holdfast.store.postgres.notify import heard
from holdfast.store.statement import Wake

LOOK = 0.25
"""Seconds between looks at whether anybody still wants to know."""
WAITING_SECONDS = 30
"""For so long others tell of results after this process has last said that it waits for some."""
PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each new try to connect; the last repeats. Some randomness keeps a fleet from coming back at once."""


class Listener:
    """A thread that passes on what other processes tell."""

    def __init__(
        self,
        address: Address,
        announce: Callable[[Wake], None],
        tell_waiting: Callable[[], None],
        is_own: Callable[[int], bool],
    ) -> None:
        self._address = address
        self._announce = announce
        self._tell_waiting = tell_waiting
        self._is_own = is_own
        self._waiters = 0
        self._told_at = 0.0
        self._guard = threading.Lock()
        self._users = 0
        self._stop: threading.Event | None = None

    def start(self, *, results: bool) -> None:
        """One more wants to know; `results` also of jobs that end."""
        with self._guard:
            self._users += 1
            self._waiters += results
            if self._stop is None:
                self._stop = threading.Event()
                threading.Thread(
                    target=self._listen, args=(self._stop,), name="holdfast-listener", daemon=True
                ).start()

    def stop(self, *, results: bool) -> None:
        """One less."""
        with self._guard:
            self._users -= 1
            self._waiters -= results
            if not self._users and self._stop is not None:
                self._stop.set()
                self._stop = None

    def _listen(self, stop: threading.Event) -> None:
        failures = 0
        while not stop.is_set():
            with contextlib.suppress(psycopg.Error, StoreError):
                connection = self._address.connect("listener")
                with connection:
                    connection.execute(f"LISTEN {self._address.schema}".encode())
                    failures = 0
                    # Something may have been told while nobody listened.
                    self._announce(ANYTHING)
                    self._pass_on(connection, stop)
            if not stop.is_set():
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                stop.wait(pause * random.uniform(0.5, 1.5))

    def _pass_on(self, connection: psycopg.Connection[Any], stop: threading.Event) -> None:
        while not stop.is_set():
            if self._waiters and time.monotonic() - self._told_at > WAITING_SECONDS / 3:
                self._told_at = time.monotonic()
                self._tell_waiting()
            for note in connection.notifies(timeout=LOOK):
                # What a session of this process has committed was told at once.
                if not self._is_own(note.pid):
                    self._announce(heard(note.payload))
