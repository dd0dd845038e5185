"""A PostgreSQL server of our own, in a temporary folder."""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from tests.servers.installation import Installation, scratch_folder
from tests.servers.server import Server

Mode = Literal["smart", "fast", "immediate"]

REPOSITORY = Path(__file__).parents[2]

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "fsync": "on",  # a test that doesn't mind may ask for less
}


guardians: dict[Path, subprocess.Popen[bytes]] = {}
"""Those that this process has started, by the folder they watch. They may outlive every object here."""


class LocalServer(Server):
    """Listens on a free port of the loopback and on a socket; everyone is let in without a password."""

    def __init__(self, installation: Installation, folder: Path, port: int) -> None:
        super().__init__(f"postgresql://postgres@127.0.0.1:{port}/postgres")
        self.installation = installation
        self.folder = folder
        self.port = port

    @classmethod
    def create(
        cls, installation: Installation, *, owner: int, settings: Mapping[str, str] | None = None
    ) -> LocalServer:
        """Make and start one. It is removed at the latest when the process `owner` has ended."""
        folder = scratch_folder(f"holdfast-pg{installation.version}-")
        server = cls(installation.within_reach(folder), folder, free_port())
        server._describe()
        # The guardian comes first: from here on nothing is left behind, whatever happens to us.
        guardians[folder] = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.guardian", str(owner), folder],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            server._initialise({**SETTINGS, **(settings or {})})
            server.start()
        except BaseException:
            server.remove()
            raise
        return server

    @classmethod
    def load(cls, folder: Path) -> LocalServer:
        """The server that another process has made in `folder`."""
        note = json.loads((folder / "server.json").read_text())
        return cls(Installation(note["version"], Path(note["bin"])), folder, note["port"])

    @property
    def log(self) -> str:
        """What the server has written."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def pid(self) -> int:
        """The process that all others of the server descend from."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def socket_url(self, database: str = "postgres") -> str:
        """The URL of one of its databases by way of the socket."""
        return f"postgresql://postgres@/{database}?host={self.folder}&port={self.port}"

    def start(self) -> None:
        """Start it where it was: the URL stays the same."""
        result = self._control("start", "-l", self.folder / "log")
        if result.returncode:
            raise RuntimeError(f"PostgreSQL did not start:\n{result.stdout}\n{self.log}")

    def stop(self, mode: Mode = "immediate") -> None:
        """Stop it; `immediate` is what a crash looks like."""
        result = self._control("stop", "-m", mode)
        if result.returncode:
            raise RuntimeError(f"PostgreSQL did not stop:\n{result.stdout}\n{self.log}")

    def restart(self, mode: Mode = "immediate") -> None:
        """Stop and start it."""
        self.stop(mode)
        self.start()

    def remove(self) -> None:
        """Stop it and delete its folder."""
        if guardian := guardians.pop(self.folder, None):
            guardian.kill()
            guardian.wait()
        with suppress(RuntimeError, OSError):  # it may not run, its folder may be gone
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _describe(self) -> None:
        note = {"version": self.installation.version, "bin": str(self.installation.bin), "port": self.port}
        (self.folder / "server.json").write_text(json.dumps(note))

    def _initialise(self, settings: Mapping[str, str]) -> None:
        options = ("--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync")
        data = self.folder / "data"
        result = self.installation.run("initdb", "-D", data, *options, cwd=self.folder)
        if result.returncode:
            raise RuntimeError(f"initdb failed:\n{result.stdout}")
        placed = {**settings, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in placed.items())

    def _control(self, verb: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        data = self.folder / "data"
        return self.installation.run(
            "pg_ctl", verb, "-D", data, "-w", "-t", "60", *arguments, cwd=self.folder
        )


def free_port() -> int:
    """A port that nobody listens on, below those that outgoing connections are given.

    Otherwise such a connection might sit on it while the server is being started again.
    """
    for _ in range(100):
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError("no free port on the loopback")
