"""An app for tests of one's own."""

from __future__ import annotations

import gc
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from holdfast import StoreClosed
from holdfast.testing import TestApp


def place(app: TestApp) -> Path:
    return Path(app.url.removeprefix("sqlite:///").partition("?")[0])


def test_it_is_an_app_whose_file_goes_away() -> None:
    with TestApp(max_attempts=1) as app:

        @app.task(name="double")
        def double(n: int) -> int:
            return 2 * n

        job = double.enqueue(3)
        app.run_worker(burst=True)
        assert job.result(0) == 6
        file = place(app)
        assert file.exists()
    assert not file.parent.exists()
    app.close()
    with pytest.raises(StoreClosed):
        double.enqueue(1)


def test_transactions_on_its_file_are_real() -> None:
    with TestApp() as app:

        @app.task(name="double")
        def double(n: int) -> int:
            return 2 * n

        app.migrate()
        with closing(sqlite3.connect(place(app))) as connection:
            double.using(tx=connection).enqueue(1)
            connection.rollback()
            assert app.jobs.list() == []
            double.using(tx=connection).enqueue(2)
            connection.commit()
        assert len(app.jobs.list()) == 1


def test_one_that_nobody_closes_leaves_no_file() -> None:
    folder = place(TestApp()).parent
    gc.collect()
    assert not folder.exists()


def test_it_can_be_rehearsed_too() -> None:
    with TestApp() as app:

        @app.task(name="double")
        def double(n: int) -> int:
            return 2 * n

        with app.testing() as t:
            double.using(delay=60).enqueue(3)
            t.travel(minutes=2)
            assert t.drain().succeeded == 1
        assert app.jobs.list() == []


def test_pytest_does_not_take_it_for_tests() -> None:
    assert TestApp.__test__ is False
