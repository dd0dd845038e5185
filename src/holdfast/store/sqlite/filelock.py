"""Advisory locks on files of their own: the queue of the writers, and the proof that a worker lives."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Generator
from pathlib import Path
from weakref import WeakSet

from holdfast.core.errors import StoreError, StoreReadOnly


class FileLock:
    """An exclusive lock between processes, on a side file. The kernel lets those who wait go in turn.

    SQLite's own write lock is polled with growing pauses, so that under contention some wait very long. Whoever
    takes this lock first finds SQLite's lock free, unless a foreign program writes to the file.
    """

    def __init__(self, path: str) -> None:
        try:
            # Not for writing: a lock file that another user has made need only be readable.
            self._fd = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            kind = StoreReadOnly if isinstance(error, PermissionError) else StoreError
            raise kind(
                f"the lock file {path} can't be opened: {error.strerror}. It must be readable, and its folder "
                "writable, by this user"
            ) from error
        _open.add(self)

    def try_acquire(self) -> bool:
        """True if the lock is held now."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def acquire(self) -> None:
        """Wait for the lock."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def release(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def abandon(self) -> None:
        """Close the file without unlocking it for others who share it."""
        _open.discard(self)
        os.close(self._fd)
        self._fd = -1

    def close(self) -> None:
        _open.discard(self)
        if self._fd >= 0:
            os.close(self._fd)


_open: WeakSet[FileLock] = WeakSet()


def _let_go() -> None:
    """In a forked child: it shares the locks of its parent, and would go on holding them when that was killed."""
    for lock in list(_open):
        lock.abandon()


os.register_at_fork(after_in_child=_let_go)


def _life_file(database: str, worker: str) -> Path:
    return Path(f"{database}-worker-{worker}")


@contextlib.contextmanager
def proof_of_life(database: str, worker: str) -> Generator[None]:
    """Hold a lock that the kernel takes away when this process ends, however it ends."""
    path = _life_file(database, worker)
    lock = FileLock(str(path))
    try:
        lock.acquire()
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.close()


def known_dead(database: str, worker: str) -> bool:
    """True if the worker's lock is no longer held. False if it is, or can't be looked at: then silence tells."""
    path = _life_file(database, worker)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def known_alive(database: str, worker: str) -> bool:
    """True if the worker's lock is held. False if it is not, or can't be looked at."""
    try:
        fd = os.open(_life_file(database, worker), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def forget(database: str, worker: str) -> None:
    """Remove the file of a worker that was rescued."""
    _life_file(database, worker).unlink(missing_ok=True)
