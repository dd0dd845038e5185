"""An SQLite file: where it is, how it is written, and what lies beside it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from holdfast.store.doctor.finding import Finding, error, fine, several, size, span, warning
from holdfast.store.sqlite.connection import MINIMUM, Place, file_system
from holdfast.store.sqlite.filelock import known_dead

BIG_WAL = 64_000_000
"""Bytes. A healthy one is moved into the file at 16 MB."""
LITTLE_SPACE = 1_000_000_000
NO_SPACE = 50_000_000
CHECK_SECONDS = 10.0
"""So long the pages are checked; the check stops then."""
FREED_BYTES = 64_000_000
FREED = 0.5
"""Share of free pages from which on it is worth a word."""
DAMAGED = (
    "Stop everything that uses it, keep a copy, and restore a backup, or save what can be read with the sqlite3 "
    "shell's `.recover`"
)
IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def check_library(_: Place) -> list[Finding]:
    have = ".".join(map(str, sqlite3.sqlite_version_info[:3]))
    if sqlite3.sqlite_version_info < MINIMUM:
        wanted = ".".join(map(str, MINIMUM))
        what = f"SQLite {have} is too old: statements of this release fail on it"
        return [error("sqlite", what, f"Use a Python built with SQLite {wanted} or newer", version=have)]
    return [fine("sqlite", f"SQLite {have}", version=have)]


def check_folder(place: Place) -> list[Finding]:
    """May this user write all that has to be written, and does the place keep it?"""
    path = Path(place.path)
    beside = [path, *(Path(f"{path}{end}") for end in ("-wal", "-shm", "-writers"))]
    closed = [str(one) for one in beside if one.exists() and not os.access(one, os.R_OK | os.W_OK)]
    if not os.access(path.parent, os.W_OK | os.X_OK):
        closed.append(f"the folder {path.parent}")
    if closed:
        return [
            error(
                "folder",
                f"this user may not write {several(closed)}: it can neither enqueue nor run jobs",
                "chown or chmod them for the user of the application and the workers; or run the doctor as that user",
                closed=closed,
            )
        ]
    kind = file_system(path.parent)
    if kind in IN_MEMORY:
        what = f"{path} is on a file system in memory ({kind}): a restart of the host loses every job"
        return [
            warning(
                "folder", what, "Move it to a disk with `holdfast move`, unless that is wanted", kind=kind
            )
        ]
    return [fine("folder", f"{path} ({kind or 'file system not known'}), writable", kind=kind)]


def check_space(place: Place) -> list[Finding]:
    free = shutil.disk_usage(Path(place.path).parent).free
    if free < NO_SPACE:
        what = f"{size(free)} are free on the disk: enqueues fail any moment, and nothing can be settled"
        return [error("disk", what, "Free some space now", free_bytes=free)]
    if free < LITTLE_SPACE:
        what = f"{size(free)} are free on the disk: when it is full, nothing can be enqueued or settled"
        return [
            warning(
                "disk", what, "Free some space, or move to another disk with `holdfast move`", free_bytes=free
            )
        ]
    return [fine("disk", f"{size(free)} are free", free_bytes=free)]


def check_journal(connection: sqlite3.Connection) -> list[Finding]:
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "wal":
        return [
            warning(
                "journal",
                f"the journal mode is {mode}, not wal: readers and the writer stop each other. Something changed it",
                "Opening the file with Holdfast sets it right; find the program that doesn't want it so",
                mode=mode,
            )
        ]
    return [fine("journal", "write-ahead log", mode=mode)]


def check_wal(place: Place) -> list[Finding]:
    """A log that grows has a reader that doesn't end."""
    wal = Path(f"{place.path}-wal")
    length = wal.stat().st_size if wal.exists() else 0
    if length < BIG_WAL:
        return [fine("wal", f"the log has {size(length)}", bytes=length)]
    holders = _processes(place.path)
    who = f" Processes that have it open: {several(holders)}." if holders else ""
    return [
        warning(
            "wal",
            f"the write-ahead log has grown to {size(length)}: a connection has been reading for long, and until it "
            f"ends the log grows without bound and every read gets slower.{who}",
            "End the long read: an open cursor, a transaction left open, a shell. The log shrinks once all are closed",
            bytes=length, processes=holders,
        )
    ]  # fmt: skip


def check_pages(connection: sqlite3.Connection, clock: Callable[[], float] = time.monotonic) -> list[Finding]:
    """The pages of the file, for as long as the check may take."""
    end = clock() + CHECK_SECONDS
    connection.set_progress_handler(lambda: clock() > end, 100_000)
    try:
        rows = [row[0] for row in connection.execute("PRAGMA quick_check(10)")]
    except sqlite3.OperationalError as stopped:
        if getattr(stopped, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
            raise
        note = (
            f"no damage was found in the first {span(CHECK_SECONDS)} of looking; the file is too big for more"
        )
        return [fine("integrity", note, complete=False)]
    finally:
        connection.set_progress_handler(None, 0)
    if rows != ["ok"]:
        return [
            error(
                "integrity",
                f"the file is damaged: {several(rows, 2)}",
                DAMAGED,
                problems=rows,
            )
        ]
    return [fine("integrity", "quick_check found no damage", complete=True)]


def check_freed(connection: sqlite3.Connection) -> list[Finding]:
    """Space that deleted jobs have left."""
    pages, free, each = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    data = {"bytes": pages * each, "free_bytes": free * each}
    if free * each > FREED_BYTES and free > FREED * pages:
        what = f"{size(free * each)} of the file's {size(pages * each)} are empty: used again, but not given back"
        return [
            warning(
                "space",
                what,
                "To give it back, run VACUUM in a quiet minute with the workers stopped",
                **data,
            )
        ]
    return [fine("space", f"{size(pages * each)}, of which {size(free * each)} are empty", **data)]


def check_leftovers(place: Place, workers: set[str]) -> list[Finding]:
    """Files by which workers prove that they live, of workers that are no more."""
    path = Path(place.path)
    mark = f"{path.name}-worker-"
    left = sorted(
        str(one)
        for one in path.parent.glob(f"{_literally(mark)}*")
        if (worker := one.name.removeprefix(mark)) not in workers and known_dead(place.path, worker)
    )
    if not left:
        return [fine("leftovers", "no files of dead workers lie about")]
    some = several(left, 2)
    what = f"{len(left)} files of workers that are no more lie beside the database; they do no harm: {some}"
    return [warning("leftovers", what, f"rm {some}", files=left)]


def _literally(text: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)


def _processes(path: str) -> list[str]:
    """Those that have the file open, as far as this user may see it (Linux)."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(one.readlink()) == path for one in (process / "fd").iterdir()):
                found.append(f"{process.name} ({(process / 'comm').read_text().strip()})")
        except OSError:
            continue
    return found
