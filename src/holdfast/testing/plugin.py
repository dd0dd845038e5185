"""The pytest plugin. Nothing but pytest is imported before a fixture is used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.rehearsal.rehearsal import Rehearsal
    from holdfast.worker.worker import Worker


def pytest_addoption(parser: pytest.Parser) -> None:
    where = "the application under test, as module:attribute"
    parser.getgroup("holdfast").addoption("--holdfast-app", metavar="MODULE:APP", help=where)
    parser.addini("holdfast_app", where)


@pytest.fixture
def holdfast_app(pytestconfig: pytest.Config) -> Iterator[Holdfast]:
    """The application under test: that of `--holdfast-app`, of the setting `holdfast_app`, or of `HOLDFAST_APP`.

    For this test it is in `app.testing()`: its jobs are collected in a temporary file. Define a fixture of this name in
    your conftest.py to give another app.
    """
    spec = (
        pytestconfig.getoption("--holdfast-app")
        or pytestconfig.getini("holdfast_app")
        or os.environ.get("HOLDFAST_APP")
    )
    if not spec:
        raise pytest.UsageError(
            "which application is to be tested? Write `holdfast_app = module:app` into the settings of pytest, give "
            "--holdfast-app, or define a fixture holdfast_app in your conftest.py that returns it"
        )
    from holdfast.cli.locate import find_app

    app = find_app(spec)
    with app.testing():
        yield app


@pytest.fixture
def holdfast_jobs(holdfast_app: Holdfast) -> Iterator[Rehearsal]:
    """What `holdfast_app.testing()` gives: the jobs of this test, looked at, run and moved in time."""
    entered: Rehearsal | None = holdfast_app.client.guest
    if entered is not None:
        yield entered
        return
    with holdfast_app.testing() as rehearsal:
        yield rehearsal


@pytest.fixture
def holdfast_worker(holdfast_jobs: Rehearsal) -> Iterator[Worker]:
    """A worker that runs beside the test what it enqueues, and is stopped after it."""
    with holdfast_jobs.worker() as worker:
        yield worker
