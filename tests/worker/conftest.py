"""Fixtures of the worker's tests: apps on a real SQLite file, workers that are always ended, an ear for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Condition
from typing import Any

import pytest

from holdfast import Holdfast
from holdfast.core.job import Settlement
from holdfast.core.times import SECOND
from holdfast.worker.observers import Observer
from holdfast.worker.options import WorkerOptions
from holdfast.worker.worker import Worker
from tests.conformance import invariant
from tests.conformance.backends import Backend, SqliteBackend
from tests.conformance.fixtures import fresh, params, postgres_backends
from tests.worker.program import app_on
from tests.worker.programs import Programs, programs_on

MakeApp = Callable[..., Holdfast]
StartWorker = Callable[..., Worker]

__all__ = ["postgres_backends"]


class Ear(Observer):
    """Hears what a worker does, and waits for it."""

    def __init__(self) -> None:
        self._changed = Condition()
        self.settlements: list[Settlement] = []
        self.refused: list[Settlement] = []
        self.taken_back: list[Settlement] = []

    def settled(self, settlement: Settlement) -> None:
        self._note(self.settlements, settlement)

    def lost(self, settlement: Settlement) -> None:
        self._note(self.refused, settlement)

    def rescued(self, settlement: Settlement) -> None:
        self._note(self.taken_back, settlement)

    def until(self, condition: Callable[[Ear], object], timeout: float = 20) -> None:
        """Wait until the condition holds of what was heard."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), timeout), vars(self)

    def _note(self, where: list[Settlement], settlement: Settlement) -> None:
        with self._changed:
            where.append(settlement)
            self._changed.notify_all()


@pytest.fixture(params=params("sqlite", "postgres18"))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """A fresh database of each kind."""
    return fresh(request, tmp_path)


@pytest.fixture
def make_app(backend: Backend) -> Iterator[MakeApp]:
    """Makes apps on one database; afterwards every job must be in its place."""
    made: list[Holdfast] = []
    url: str = backend.url  # type: ignore[attr-defined]

    def make(**options: Any) -> Holdfast:
        made.append(Holdfast(url, **options))
        return made[-1]

    make().migrate()
    yield make
    for app in made:
        app.close()
    invariant.check(backend)


@pytest.fixture
def app(make_app: MakeApp) -> Holdfast:
    return make_app()


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def start_worker(app: Holdfast, ear: Ear) -> Iterator[StartWorker]:
    """Starts workers, with options in seconds where the worker's own are microseconds."""
    started: list[Worker] = []

    def start(app: Holdfast = app, **options: Any) -> Worker:
        for name in (
            "shutdown_timeout",
            "cancel_grace",
            "poll_interval",
            "lease",
            "cleanup_interval",
            "unknown_task_grace",
        ):
            if name in options:
                options[name] = int(options[name] * SECOND)
        lifespan = options.pop("lifespan", None)
        worker = Worker(app.client, WorkerOptions(**options), lifespan=lifespan, observers=[ear])
        started.append(worker)
        worker.start()
        return worker

    yield start
    for worker in started:
        worker.stop(0)


@pytest.fixture
def drain(start_worker: StartWorker) -> Callable[..., Worker]:
    """Runs a worker until nothing due is left."""

    def run(**options: Any) -> Worker:
        worker = start_worker(burst=True, **options)
        assert worker.wait(30) is not None, "the burst has not ended"
        return worker

    return run


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Worker programs on a file of their own; afterwards every job must be in its place."""
    file = tmp_path / "programs.db"
    with programs_on(file) as found:
        yield found
    if file.exists():
        invariant.check(SqliteBackend(str(file)))


@pytest.fixture
def client_app(programs: Programs) -> Iterator[Holdfast]:
    """The app of the worker programs, in this process."""
    with app_on(programs.file) as app:
        yield app
