"""Fresh databases for benchmarks, and the workers that are measured on them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from holdfast.core.ids import IdSource
from holdfast.core.job import NewJob
from holdfast.store.base import Store
from holdfast.store.open import open_store
from holdfast.store.verbs.insert import insert
from tests.servers.installation import installations
from tests.servers.local import LocalServer

ARGS = '{"to":"someone@example.com","n":12345}'
IDS = IdSource(lambda: time.time_ns() // 1_000_000, os.urandom)

STORES = ("sqlite", "postgres")


@contextmanager
def servers(names: list[str], postgres: str | None) -> Generator[dict[str, str], None, None]:
    """Where each store is to be measured: a folder for SQLite, a server's URL for PostgreSQL."""
    places: dict[str, str] = {}
    server: LocalServer | None = None
    folder = tempfile.mkdtemp(prefix="holdfast-bench-")
    try:
        for name in names:
            if name == "sqlite":
                places[name] = folder
            elif postgres is not None:
                places[name] = postgres
            else:
                version = next(iter(installations()))
                server = LocalServer.create(
                    installations()[version],
                    owner=os.getpid(),
                    settings={"shared_buffers": "512MB", "max_wal_size": "4GB"},
                )
                places[name] = server.url()
        yield places
    finally:
        if server is not None:
            server.remove()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh(store: str, place: str) -> Generator[str, None, None]:
    """The URL of an empty, migrated database."""
    if store == "sqlite":
        path = Path(place) / f"{uuid4().hex}.db"
        open_store(f"sqlite:///{path}").close()
        yield f"sqlite:///{path}"
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()
        return
    import psycopg
    from psycopg import conninfo

    name = f"bench_{uuid4().hex[:12]}"
    with psycopg.connect(place, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            parts = conninfo.conninfo_to_dict(place)
            host = f"{parts.get('host', '127.0.0.1')}:{parts.get('port', 5432)}"
            url = f"postgresql://{parts.get('user', 'postgres')}@{host}/{name}"
            empty = open_store(url)
            empty.migrate()
            empty.close()
            admin.execute(b"CHECKPOINT")
            yield url
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def new_jobs(number: int, task: str = "noop", queue: str = "default") -> list[NewJob]:
    """Jobs to enqueue."""
    return [NewJob(job_id=job_id, task=task, queue=queue, args=ARGS) for job_id in IDS.take(number)]


def fill(store: Store, number: int, task: str = "noop") -> None:
    """Put jobs into a database."""
    for begin in range(0, number, 5000):
        store.write(insert, new_jobs(min(5000, number - begin), task))


def worked(url: str, **settings: str) -> float:
    """Seconds that a worker in a process of its own takes until nothing is due, with default settings.

    Args:
        url: of the database.
        settings: of its environment.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.app"],
        env={**os.environ, "HOLDFAST_URL": url, **settings},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return float(done.stdout.split()[-1])


@contextmanager
def working(url: str, **settings: str) -> Generator[None, None, None]:
    """A worker in a process of its own that stays until the end of the block."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.app"],
        env={**os.environ, "HOLDFAST_URL": url, "HOLDFAST_BENCH_STAYS": "1", **settings},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(60)


@contextmanager
def held_snapshot(store: str, url: str) -> Generator[None, None, None]:
    """Somebody has begun to read and doesn't end: nothing that is deleted from now on can be cleared away."""
    if store == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM holdfast_jobs").fetchone()
            yield
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as reader:
        reader.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute(b"SELECT count(*) FROM holdfast.jobs").fetchone()
        yield


def ask(store: str, url: str, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query; `{}` stands before the names of tables."""
    if store == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30)) as connection:
            return connection.execute(sql.replace("{}", "holdfast_")).fetchall()
    import psycopg

    with psycopg.connect(url) as connection:
        return connection.execute(sql.replace("{}", "holdfast.").encode()).fetchall()


def ends(store: str, url: str, queue: str = "default") -> list[tuple[str, float]]:
    """The jobs of a queue that have ended, in that order: the id of each, and when that was, in seconds."""
    at = "f.finished_at" if store == "sqlite" else "(date_part('epoch', f.finished_at) * 1e6::float8)::bigint"
    rows = ask(
        store,
        url,
        f"SELECT f.id, {at} FROM {{}}finished AS f JOIN {{}}jobs AS j ON j.id = f.id "
        f"WHERE j.queue = '{queue}' ORDER BY f.finished_at",
    )
    return [(str(row[0]), row[1] / 1e6) for row in rows]


def rate(times: Sequence[float]) -> float:
    """How many a second, of times in their order."""
    return (len(times) - 1) / (times[-1] - times[0])
