"""The servers of one test session, the same for all of its processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.databases import Databases
from tests.servers.installation import installations
from tests.servers.local import LocalServer
from tests.servers.server import Server

GIVEN = "given"
"""The name, in place of a version, of the server that HOLDFAST_TEST_POSTGRES_URL names."""


def versions() -> list[str]:
    """What the tests can be run against: major versions, newest first, then the given server."""
    return [*installations(), *([GIVEN] if "HOLDFAST_TEST_POSTGRES_URL" in os.environ else [])]


class Servers:
    """Starts a server when it is first asked for; whoever comes later joins it.

    `folder` is one that all processes of the session see, `owner` the process that lives as long as the
    session does.
    """

    def __init__(self, folder: Path, owner: int) -> None:
        self._folder = folder
        self._owner = owner
        self._databases: dict[str, Databases] = {}

    def shared(self, version: str) -> Server:
        """The session's server of this version. Others use it at the same time: never stop it."""
        return self.databases(version).server

    def databases(self, version: str) -> Databases:
        """Fresh databases on the session's server of this version."""
        if version not in self._databases:
            given = version == GIVEN
            server = Server(os.environ["HOLDFAST_TEST_POSTGRES_URL"]) if given else self._join(version)
            self._databases[version] = Databases(server)
        return self._databases[version]

    @contextmanager
    def own(self, version: str, **settings: str) -> Iterator[LocalServer]:
        """A server for one test alone, which may stop it and start it again."""
        server = LocalServer.create(installations()[version], owner=os.getpid(), settings=settings)
        try:
            yield server
        finally:
            server.remove()

    def close(self) -> None:
        """Drop what this process has made. The servers stay: others may still use them."""
        for databases in self._databases.values():
            databases.close()

    def _join(self, version: str) -> LocalServer:
        note = self._folder / f"postgres-{version}.folder"
        with locked(note.with_suffix(".lock")):
            if note.exists():
                return LocalServer.load(Path(note.read_text()))
            server = LocalServer.create(installations()[version], owner=self._owner)
            note.write_text(str(server.folder))
            return server


def remove_servers(folder: Path) -> None:
    """End the session's servers."""
    for note in folder.glob("postgres-*.folder"):
        server = Path(note.read_text())
        if server.exists():
            LocalServer.load(server).remove()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of that name; it falls with the process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
