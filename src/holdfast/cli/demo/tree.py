"""The files of a folder, and what of it is left out."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.cli.demo.names import to_text

LEFT_OUT = frozenset({b".git", b".hg", b".svn", b".venv", b"node_modules", b"__pycache__"})
"""Folders that hold what can be had again."""
CACHE_TAG = b"CACHEDIR.TAG"
ENVIRONMENT_TAG = b"pyvenv.cfg"


@dataclass
class Tree:
    """What was found below a folder. Paths are relative to it, as `names` writes them, in a fixed order."""

    root: Path
    files: list[str] = field(default_factory=list[str])
    size: int = 0
    """Bytes of all the files together."""
    left_out: Counter[str] = field(default_factory=Counter[str])
    """By kind: how many of what were passed over on purpose."""
    closed: list[str] = field(default_factory=list[str])
    """Folders that couldn't be opened."""


def find_files(root: Path, *, output: Path, tick: Callable[[int], object] = lambda _: None) -> Tree:
    """All regular files below `root`. Links aren't followed, other file systems not entered.

    Args:
        root: an absolute path.
        output: the demo's own output, left out.
        tick: told the number of files found, now and then.
    """
    tree = Tree(root)
    start = root.stat()
    walk = _Walk(tree, start.st_dev, _identity(output))
    pending: list[bytes] = [b""]
    base = os.fsencode(root)
    while pending:
        folder = pending.pop()
        pending.extend(reversed(walk.enter(base, folder)))
        tick(len(tree.files))
    return tree


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class _Walk:
    def __init__(self, tree: Tree, device: int, output: tuple[int, int] | None) -> None:
        self._tree = tree
        self._device = device
        self._output = output

    def enter(self, base: bytes, folder: bytes) -> list[bytes]:
        """Note the files of one folder; returns the folders to enter next."""
        try:
            with os.scandir(base + b"/" + folder if folder else base) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            self._tree.closed.append(to_text(folder) or ".")
            return []
        names = {entry.name for entry in entries}
        if folder and ENVIRONMENT_TAG in names:
            self._tree.left_out["virtual environment"] += 1
            return []
        if folder and CACHE_TAG in names:
            self._tree.left_out["cache"] += 1
            return []
        folders: list[bytes] = []
        for entry in entries:
            path = folder + b"/" + entry.name if folder else entry.name
            if self._note(entry, path):
                folders.append(path)
        return folders

    def _note(self, entry: os.DirEntry[bytes], path: bytes) -> bool:
        """Note one entry; True for a folder to enter."""
        tree = self._tree
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            tree.left_out["vanished file"] += 1
            return False
        if stat.S_ISDIR(found.st_mode):
            return self._enters(entry.name, found)
        if stat.S_ISREG(found.st_mode):
            tree.files.append(to_text(path))
            tree.size += found.st_size
        else:
            tree.left_out[_kind(found.st_mode)] += 1
        return False

    def _enters(self, name: bytes, found: os.stat_result) -> bool:
        # scandir gives no device on some systems, and no folder there is then another file system.
        if (found.st_dev, found.st_ino) == self._output:
            return False
        if name in LEFT_OUT:
            self._tree.left_out[to_text(name)] += 1
            return False
        if found.st_dev != self._device:
            self._tree.left_out["other file system"] += 1
            return False
        return True


def _kind(mode: int) -> str:
    for test, name in (
        (stat.S_ISLNK, "symbolic link"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISFIFO, "named pipe"),
    ):
        if test(mode):
            return name
    return "device"
