"""Noticing what other processes write: a look at `PRAGMA data_version` every few milliseconds."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from holdfast.store.sqlite.connection import Place, connect

PAUSE = 0.004
"""Seconds between two looks; one costs about two microseconds."""


class Watcher:
    """A thread that calls back when the file has changed, while somebody wants to know.

    Args:
        place: the database.
        changed: called in the watcher's thread after each look that found a change.
    """

    def __init__(self, place: Place, changed: Callable[[], None]) -> None:
        self._place = place
        self._changed = changed
        self._guard = threading.Lock()
        self._users = 0
        self._stop: threading.Event | None = None

    def start(self) -> None:
        """One more wants to know."""
        with self._guard:
            self._users += 1
            if self._stop is None:
                self._stop = threading.Event()
                connection = connect(self._place, timeout=5.0, readonly=True)
                arguments = (connection, self._stop)
                threading.Thread(
                    target=self._watch, args=arguments, name="holdfast-watcher", daemon=True
                ).start()

    def stop(self) -> None:
        """One less."""
        with self._guard:
            self._users -= 1
            if not self._users and self._stop is not None:
                self._stop.set()
                self._stop = None

    def _watch(self, connection: sqlite3.Connection, stop: threading.Event) -> None:
        seen = None
        cursor = connection.cursor()
        while not stop.wait(PAUSE):
            try:
                version = cursor.execute("PRAGMA data_version").fetchone()[0]
            except sqlite3.Error:
                continue  # locked for a moment, or the disk is in trouble: the writer will say so
            if version != seen:
                if seen is not None:
                    self._changed()
                seen = version
        connection.close()
