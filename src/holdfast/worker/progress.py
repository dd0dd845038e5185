"""What runs say of their progress, written a few times a second however often they say it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from holdfast.core.errors import StoreError
from holdfast.core.payload import cap, clean_text
from holdfast.store.statement import Verb
from holdfast.store.verbs.progress import progress

if TYPE_CHECKING:
    from holdfast.core.job import Claimed
    from holdfast.store.base import Store

logger = logging.getLogger("holdfast.worker")

PAUSE = 0.25
"""Seconds between two writes."""
MESSAGE = 500
"""Bytes kept of a message."""

Note = tuple[str, str, str, int, int, str | None]
"""What the verb `progress` takes: lease, worker, job, run, percent, message."""


class ProgressKeeper:
    """Keeps the latest word of each run and writes what is new, all runs together. Its thread starts with the first.

    Args:
        store: where.
        lost: told the (lease, job id) of each run whose lease was found lost.
    """

    def __init__(self, store: Store, lost: Callable[[str, str], None]) -> None:
        self._store = store
        self._lost = lost
        self._lock = Lock()
        self._new: dict[tuple[str, str], Note] = {}
        self._bell = Event()
        self._ending = Event()
        self._thread: Thread | None = None

    def say(self, worker: str, job: Claimed, percent: int, message: str | None) -> None:
        """Take in a word, from any thread; returns at once."""
        kept = None if message is None else cap(clean_text(str(message)), MESSAGE)
        with self._lock:
            self._new[job.lease, job.job_id] = (job.lease, worker, job.job_id, job.run, percent, kept)
            if self._thread is None:
                self._thread = Thread(target=self._carry, name="holdfast-progress", daemon=True)
                self._thread.start()
        self._bell.set()

    def stop(self) -> None:
        """End without writing the rest: whoever spoke has ended."""
        self._ending.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join(5)

    def _carry(self) -> None:
        while True:
            self._bell.wait()
            self._bell.clear()
            if self._ending.is_set():
                return
            with self._lock:
                notes, self._new = list(self._new.values()), {}
            try:
                refused = self._store.write(_write, notes)
            except StoreError as error:
                # The next word will say it; nothing depends on this one.
                logger.debug("progress could not be written: %s", error)
            else:
                for lease, job_id in refused:
                    self._lost(lease, job_id)
            self._ending.wait(PAUSE)


def _write(notes: Sequence[Note]) -> Verb[list[tuple[str, str]]]:
    refused: list[tuple[str, str]] = []
    for note in notes:
        kept = yield from progress(*note)
        if not kept:
            refused.append((note[0], note[2]))
    return refused
