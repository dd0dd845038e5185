"""Fixtures of the client's tests: apps on a real SQLite file, and hands that run their jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import Holdfast, Job, Outcome
from holdfast.core.job import Claimed
from tests.conformance import invariant
from tests.conformance.backends import SqliteBackend
from tests.conformance.scene import Scene

MakeApp = Callable[..., Holdfast]


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[MakeApp]:
    """Makes apps on one file; afterwards every job must be in its place."""
    made: list[Holdfast] = []
    file = tmp_path / "jobs.db"

    def make(**options: Any) -> Holdfast:
        made.append(Holdfast(f"sqlite:///{file}", **options))
        return made[-1]

    yield make
    for app in made:
        app.close()
    if file.exists():
        invariant.check(SqliteBackend(str(file)))


@pytest.fixture
def app(make_app: MakeApp) -> Holdfast:
    return make_app()


class Hands:
    """Runs jobs without a worker: claims and settles them by the store's own verbs."""

    def __init__(self, app: Holdfast, path: Path) -> None:
        self.scene = Scene(app.client.store, SqliteBackend(str(path)))
        self.worker = self.scene.worker()

    def claim(self, job: Job[Any]) -> Claimed:
        claimed = self.scene.claim(self.worker, (job.queue, job.priority), limit=1, tasks=[job.task])
        assert [one.job_id for one in claimed] == [str(job.id)]
        return claimed[0]

    def end(self, job: Job[Any], outcome: Outcome) -> None:
        """Claim a job and settle it."""
        self.scene.finish(self.worker, [self.claim(job)], outcome)


@pytest.fixture
def hands(app: Holdfast, tmp_path: Path) -> Hands:
    return Hands(app, tmp_path / "jobs.db")
