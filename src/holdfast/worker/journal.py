"""Which jobs a worker has begun, written where it outlives the worker: in a file that is mapped into its memory.

When a worker dies, the jobs that it had claimed and not begun are no suspects and go back uncharged. A rescuer on the
same host, under the same user, reads here which those are; any other, or one after a restart of the host, which loses
such writes, can't tell and charges all of them.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from itertools import count
from pathlib import Path

ID = 36
"""Bytes of an id."""
SLOTS = 16384
"""So many of the last begun jobs are remembered: far more than a worker has in hand."""


class Journal:
    """One worker's. Any thread may write to it; an entry costs less than a microsecond.

    Args:
        worker: the worker's id.
    """

    def __init__(self, worker: str) -> None:
        self._next = count(1)
        self._path = _path(worker)
        self._map: mmap.mmap | None = None
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return  # no place for it: rescuers can't tell then
        try:
            os.ftruncate(fd, ID * (SLOTS + 1))
            self._map = mmap.mmap(fd, ID * (SLOTS + 1))
            self._map[:ID] = _boot()
        except OSError:
            self._map = None
            self._path.unlink(missing_ok=True)
        finally:
            os.close(fd)

    def began(self, job_id: str) -> None:
        """A run is about to call its handler."""
        if self._map is not None:
            at = ID * (1 + next(self._next) % SLOTS)
            self._map[at : at + ID] = job_id.encode()

    def remove(self) -> None:
        """The worker has ended in an orderly way."""
        if self._map is not None:
            self._path.unlink(missing_ok=True)


def begun_by(worker: str) -> frozenset[str] | None:
    """The jobs that a dead worker had begun; None if that can't be known here."""
    path = _path(worker)
    try:
        if path.stat().st_uid != os.geteuid():
            return None
        written = path.read_bytes()
    except OSError:
        return None
    if written[:ID] != _boot():
        return None
    entries = (written[at : at + ID] for at in range(ID, len(written), ID))
    return frozenset(entry.decode("ascii", "replace") for entry in entries if entry[0])


def forget(worker: str) -> None:
    """Remove the journal of a worker that was rescued."""
    if begun_by(worker) is not None:
        _path(worker).unlink(missing_ok=True)


def _path(worker: str) -> Path:
    return Path(tempfile.gettempdir()) / f"holdfast-{worker}.begun"


def _boot() -> bytes:
    """What is different after a restart of the host."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes()[:ID]
    except OSError:
        return b"-" * ID
