"""Several processes that open one new file at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from holdfast.store.text import migrations
from holdfast.store.verbs.insert import insert
from tests.concurrency.actors import new_job
from tests.concurrency.processes import SPAWN, processes
from tests.conformance.backends import Backend, PostgresBackend, SqliteBackend
from tests.conformance.scene import new_ids

NUMBER = 5


def open_and_write(backend: Backend, gate: Any, answer: Any) -> None:
    gate.wait(60)
    with closing(backend.open()) as store:
        applied = store.migrate()
        store.check_schema()
        job_id = new_ids().next()
        store.write(insert, [new_job(job_id)])
    answer.put((job_id, applied))


@pytest.fixture
def new(backend: Backend) -> Iterator[Backend]:
    """A database in which nothing has been migrated yet."""
    if isinstance(backend, SqliteBackend):
        yield backend
        return
    assert isinstance(backend, PostgresBackend)
    yield replace(backend, schema="opening")
    backend.execute("DROP SCHEMA IF EXISTS opening CASCADE")


def test_processes_that_migrate_at_once(new: Backend) -> None:
    gate, answer = SPAWN.Barrier(NUMBER), SPAWN.Queue()
    with processes() as running:
        for _ in range(NUMBER):
            running.start(open_and_write, new, gate, answer)
        answers = [answer.get(timeout=60) for _ in range(NUMBER)]
        running.join()
    assert sorted(new.tables().jobs) == sorted(job_id for job_id, _ in answers)
    known = [number for number, _, _ in migrations("sqlite" if new.dialect == "sqlite" else "postgres")]
    assert [row[0] for row in new.execute("SELECT version FROM {}schema_version ORDER BY version")] == known
    if new.dialect != "sqlite":  # there, opening has migrated already
        assert sorted(len(applied) for _, applied in answers) == [0] * (NUMBER - 1) + [len(known)]
