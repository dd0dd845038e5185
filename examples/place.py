"""What the examples share: where they run, a transaction of the application's own, and errors that are meant."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from tempfile import TemporaryDirectory
from typing import Any


@contextmanager
def database() -> Generator[str]:
    """The address of a temporary SQLite file, or of the PostgreSQL database that HOLDFAST_URL names."""
    with TemporaryDirectory() as folder:
        yield os.environ.get("HOLDFAST_URL") or f"sqlite:///{folder}/jobs.db"


@contextmanager
def transaction(url: str) -> Generator[Any]:
    """A transaction of the application's own, on a connection of its own, in the database that holds the jobs."""
    connection: Any
    if url.startswith("sqlite:"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    else:
        import psycopg

        connection = psycopg.connect(url)
    with closing(connection), connection:
        yield connection


@contextmanager
def refused(kind: type[Exception], what: str = "refused:") -> Generator[None]:
    """Something within must raise that; what it says is printed."""
    try:
        yield
    except kind as error:
        print(what, error)
    else:
        raise AssertionError(f"no {kind.__name__} was raised")
