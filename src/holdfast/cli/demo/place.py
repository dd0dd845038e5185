"""The demo's output folder: whose it is, that one demo at a time uses it, and what an earlier one left in it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Generator
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import click

MARK = "holdfast-demo.json"
"""What makes a folder ours to write to and to clean."""
DATABASE = "jobs.db"


class DemoError(click.ClickException):
    """The demo can't begin or can't go on; the message says what to do."""


def default_source() -> tuple[Path, str]:
    """The folder to work on when none is named, and what to call it."""
    for folder in Path(__file__).resolve().parents:
        project = folder / "pyproject.toml"
        # An installed package has no project around it, or someone else's.
        if project.is_file() and _project_name(project) == "holdfast":
            return folder, "the project's own tree"
    return Path.cwd(), "the current folder"


def _project_name(path: Path) -> object:
    try:
        return tomllib.loads(path.read_text("utf-8")).get("project", {}).get("name")
    except (OSError, ValueError):
        return None


def default_output(source: Path) -> Path:
    """A folder of this user's for the demo of that source; the same each time, so that a rerun finds it."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", source.name)[:40] or "root"
    mark = sha256(os.fsencode(source)).hexdigest()[:6]
    return Path(tempfile.gettempdir()) / f"holdfast-demo-{os.getuid()}" / f"{name}-{mark}"


class Place:
    """One output folder, held while the demo runs.

    Args:
        folder: where the database, the copies and the list of fingerprints go; made if it isn't there.
        source: the folder that the demo works on.
        private: the folder's parent is ours alone, since everybody may write where it stands.
    """

    def __init__(self, folder: Path, source: Path, *, private: bool = False) -> None:
        self.folder = folder
        self.source = source
        self._private = private
        self.database = folder / DATABASE
        self.copies = folder / "files"
        self.drafts = folder / "drafts"
        self.sums = folder / "SHA256SUMS"
        self.log = folder / "demo.log"
        self._mark = folder / MARK

    @contextlib.contextmanager
    def held(self, *, fresh: bool) -> Generator[bool]:
        """Take the folder, or refuse; yields True if an earlier demo was cut short and is to be continued.

        Raises:
            DemoError: it can't be written, isn't ours, or another demo is at work in it.
        """
        with contextlib.ExitStack() as stack:
            try:
                self._make()
                mark = stack.enter_context(self._mark.open("a+", encoding="utf-8"))
                self._lock(mark.fileno())
                resumed = self._begin(fresh=fresh)
            except OSError as error:
                raise DemoError(
                    f"{self.folder} can't be used: {error.strerror or error}; name another folder with --into"
                ) from error
            yield resumed

    def finish(self) -> None:
        """Note that the demo came to its end: the next one starts over."""
        self._write_mark(finished=True)

    def _make(self) -> None:
        if self._private:
            # A name that others can guess, in a folder where they can write.
            parent = self.folder.parent
            parent.mkdir(mode=0o700, exist_ok=True)
            if parent.is_symlink() or parent.stat().st_uid != os.getuid():
                raise DemoError(f"{parent} belongs to someone else; name another folder with --into")
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._mark.exists() and any(self.folder.iterdir()):
            raise DemoError(f"{self.folder} holds other files; name an empty or a new folder with --into")

    def _lock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"another demo is at work in {self.folder}; wait for it, or name another folder with --into"
            ) from None

    def _begin(self, *, fresh: bool) -> bool:
        earlier = self._read_mark()
        mine = earlier.get("source") == self._source_text()
        if earlier and not mine and not fresh:
            raise DemoError(
                f"{self.folder} holds the demo of another folder, {earlier.get('source')}; "
                "name another one with --into, or clear it with --fresh"
            )
        resumed = bool(earlier) and not fresh and not earlier.get("finished") and self.database.exists()
        if not resumed:
            self._clear()
        shutil.rmtree(self.drafts, ignore_errors=True)
        self.drafts.mkdir()
        self.copies.mkdir(exist_ok=True)
        self._write_mark(finished=False)
        return resumed

    def _clear(self) -> None:
        shutil.rmtree(self.copies, ignore_errors=True)
        for path in [self.sums, self.log, *self.folder.glob(f"{DATABASE}*")]:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _source_text(self) -> str:
        return os.fsencode(self.source).decode("utf-8", "backslashreplace")

    def _read_mark(self) -> dict[str, Any]:
        try:
            found = json.loads(self._mark.read_text("utf-8") or "{}")
        except ValueError:
            return {}
        return cast(dict[str, Any], found) if isinstance(found, dict) else {}

    def _write_mark(self, *, finished: bool) -> None:
        # In place: the lock is on this very file.
        self._mark.write_text(
            json.dumps({"source": self._source_text(), "finished": finished}) + "\n", "utf-8"
        )
