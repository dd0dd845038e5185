"""How this program is called, so that a command that is shown can be typed as it stands."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path


def program() -> str:
    """`holdfast` where the shell finds this very one, else the path or the `python -m` that leads to it."""
    started = sys.argv[0]
    if Path(started).name in ("__main__.py", "-m", "-c", ""):
        return f"{shlex.quote(sys.executable)} -m holdfast"
    found = shutil.which("holdfast")
    if found and Path(found).resolve() == Path(started).resolve():
        return "holdfast"
    shorter = os.path.relpath(started)
    return shlex.quote(started if len(started) <= len(shorter) or shorter.startswith("..") else shorter)


def command_line(arguments: Sequence[str]) -> str:
    """A command to type, quoted for the shell."""
    return " ".join([program(), *map(shlex.quote, arguments)])
