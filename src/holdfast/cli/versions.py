"""Which versions are at work."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version


def holdfast_version() -> str:
    try:
        return version("holdfast")
    except PackageNotFoundError:
        return "(not installed)"


def describe() -> str:
    import sqlite3

    return (
        f"holdfast {holdfast_version()} (Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {platform.system()} {platform.machine()})"
    )
