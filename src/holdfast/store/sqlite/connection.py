"""Opening SQLite files: where, how, and what is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from holdfast.core.errors import InvalidUrl, StoreError
from holdfast.store.sqlite.failures import translate

MINIMUM = (3, 38)
"""The first release whose JSON arrows the statements use."""
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"})
SYNCHRONOUS = ("full", "normal", "extra")


class Place(msgspec.Struct, frozen=True):
    """Where a database is and how it is written."""

    path: str
    """Absolute, so that a later change of the working folder changes nothing."""
    synchronous: str = "full"

    @classmethod
    def of(cls, url: str) -> Place:
        """From `sqlite:///relative.db`, `sqlite:////absolute.db`, with `?synchronous=normal` if wanted."""
        parts = urlsplit(url)
        path = unquote(parts.path).removeprefix("/")
        if parts.netloc or not path or path == ":memory:":
            raise InvalidUrl(
                f"{url!r} names no file: write sqlite:///jobs.db for a file in the working folder, or "
                "sqlite:////var/lib/jobs.db for an absolute path. Databases in memory can't be shared by workers"
            )
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        synchronous = options.pop("synchronous", "full").lower()
        if synchronous not in SYNCHRONOUS:
            raise InvalidUrl(f"synchronous={synchronous} in {url!r}: use one of {', '.join(SYNCHRONOUS)}")
        if options:
            raise InvalidUrl(
                f"{url!r} has an unknown option {sorted(options)[0]!r}; there is only synchronous"
            )
        return cls(str(Path(path).absolute()), synchronous)


def check(place: Place) -> None:
    """Refuse what can't work before SQLite's own words for it come up.

    Raises:
        StoreError: an SQLite that is too old, a missing folder, a network file system.
    """
    if sqlite3.sqlite_version_info < MINIMUM:
        wanted = ".".join(map(str, MINIMUM))
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; Holdfast needs {wanted} or newer")
    path = Path(place.path)
    try:
        if path.is_dir():
            raise StoreError(
                f"{path} is a folder; the URL must name a file, such as sqlite:///{path.name}/jobs.db"
            )
        if not path.parent.is_dir():
            raise StoreError(
                f"the folder {path.parent} doesn't exist; create it, or give another path in the URL"
            )
    except PermissionError as error:
        raise StoreError(f"{path} can't be reached: {error}. Its folder must be open to this user") from error
    kind = file_system(path.parent)
    if kind in NETWORK:
        raise StoreError(
            f"{path} is on a network file system ({kind}), where SQLite's locks can't be trusted. Use a local disk, "
            "or PostgreSQL for several machines"
        )


def connect(place: Place, *, timeout: float, readonly: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, usable from any thread under its owner's lock.

    Args:
        place: the file.
        timeout: seconds to wait for another writer.
        readonly: refuse to write.

    Raises:
        StoreError: and its kinds.
    """
    try:
        connection = sqlite3.connect(
            place.path, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            if not readonly:
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute(f"PRAGMA synchronous = {place.synchronous}")
            # Commits wait for the WAL alone; moving it into the file less often makes their tail shorter.
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA cache_size = -16000")
            if readonly:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise translate(error, place.path) from error
    return connection


def file_system(folder: Path) -> str | None:
    """The kind of the file system that a folder is on, where the system tells."""
    try:
        mounts = Path("/proc/mounts").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    real = str(folder.resolve())
    best, kind = "", None
    for line in mounts:
        _, point, found, *_ = line.split(" ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind
