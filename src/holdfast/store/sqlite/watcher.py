"""Noticing what other processes write: a look at `PRAGMA data_version` every few milliseconds."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable

from holdfast.store.sqlite.connection import Place, connect

PAUSE = 0.005
"""Seconds between two looks. A look costs about two microseconds, waking the thread for it some twenty."""


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
            if self._stop is None:
                connection = connect(self._place, timeout=5.0, readonly=True)
                # Looked at here, not by the thread: what is committed from now on is news.
                seen = _version(connection.cursor())
                stop = threading.Event()
                arguments = (connection, stop, seen)
                threading.Thread(
                    target=self._watch, args=arguments, name="holdfast-watcher", daemon=True
                ).start()
                self._stop = stop
            self._users += 1

    def stop(self) -> None:
        """One less."""
        with self._guard:
            self._users -= 1
            if not self._users and self._stop is not None:
                self._stop.set()
                self._stop = None

    def _watch(self, connection: sqlite3.Connection, stop: threading.Event, seen: int | None) -> None:
        cursor = connection.cursor()
        while not stop.is_set():
            # Not `stop.wait`: in Python that costs as much as the look, and the end may come some milliseconds late.
            time.sleep(PAUSE)
            version = _version(cursor)
            if version is not None and version != seen:
                seen = version
                self._changed()
        connection.close()


def _version(cursor: sqlite3.Cursor) -> int | None:
    """A number that changes when any other connection has written; None where it can't be read now."""
    try:
        version: int = cursor.execute("PRAGMA data_version").fetchone()[0]
    except sqlite3.Error:
        return None  # locked for a moment, or the disk is in trouble: the writer will say so
    return version
