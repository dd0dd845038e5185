"""An app in `testing` leaves its own database alone, and is as before afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from holdfast import ConfigurationError, Holdfast, StoreClosed
from tests.testing.conftest import Tasks


def test_the_apps_own_database_sees_nothing_of_it(app: Holdfast, tasks: Tasks) -> None:
    before = tasks.mail.enqueue("before@x.y")
    with app.testing() as t:
        during = tasks.mail.enqueue("during@x.y")
        assert t.jobs == [during]
        assert app.jobs.list() == [during]
        assert t.drain().succeeded == 1
    assert tasks.ran == ["during@x.y"]
    assert app.jobs.list() == [before]
    assert before.refresh().state == "pending"


def test_nothing_is_opened_of_a_database_that_is_not_there() -> None:
    app = Holdfast("postgresql://nobody@host.invalid/nothing")

    @app.task(name="double")
    def double(n: int) -> int:
        return 2 * n

    with app.testing() as t:
        job = double.enqueue(4)
        t.drain()
        assert job.result(0) == 8


def test_an_exception_restores_it_as_well(app: Holdfast, tasks: Tasks) -> None:
    own = app.client.store
    with pytest.raises(LookupError), app.testing():
        _fail_elsewhere(app, own)
    assert app.client.store is own
    assert tasks.mail.enqueue("ada@x.y").refresh().state == "pending"


def _fail_elsewhere(app: Holdfast, own: object) -> None:
    assert app.client.store is not own
    raise LookupError


def test_the_file_goes_away(app: Holdfast) -> None:
    with app.testing() as t:
        file = Path(t.url.removeprefix("sqlite:///"))
        assert file.exists()
    assert not file.parent.exists()


def test_one_begins_with_nothing_of_the_last(app: Holdfast, tasks: Tasks) -> None:
    with app.testing():
        tasks.mail.enqueue("ada@x.y")
    with app.testing() as t:
        assert t.jobs == []
        assert t.drain().runs == 0


def test_nesting_is_an_error_that_leaves_the_outer_one(app: Holdfast, tasks: Tasks) -> None:
    with app.testing() as t:
        with pytest.raises(ConfigurationError, match="entered already"), app.testing():
            pass
        tasks.mail.enqueue("ada@x.y")
        t.assert_enqueued(tasks.mail)


def test_entering_twice_and_using_it_outside_are_errors(app: Holdfast, tasks: Tasks) -> None:
    own = tasks.mail.enqueue("ada@x.y")
    t = app.testing()
    with pytest.raises(ConfigurationError, match="inside"):
        _ = t.jobs
    with t:
        pass
    for use in (t.drain, t.worker, t.aworker, t.clear, lambda: t.travel(days=1), lambda: t.run(own)):
        with pytest.raises(ConfigurationError, match="inside"):
            use()
    assert tasks.ran == []
    with pytest.raises(ConfigurationError, match="again"), t:
        pass


def test_a_closed_app_can_not_be_tested(app: Holdfast) -> None:
    app.close()
    with pytest.raises(StoreClosed), app.testing():
        pass


def test_closing_the_app_meanwhile_closes_all(app: Holdfast, tasks: Tasks) -> None:
    tasks.mail.enqueue("ada@x.y")
    with app.testing():
        app.close()
    with pytest.raises(StoreClosed):
        tasks.mail.enqueue("ada@x.y")


def test_async_code(app: Holdfast, tasks: Tasks) -> None:
    async def main() -> None:
        async with app.testing() as t:
            job = await tasks.chain.aenqueue(2)
            t.assert_enqueued(tasks.chain, 2)
            assert (await t.adrain()).succeeded == 3
            assert (await job.arefresh()).state == "succeeded"
            with pytest.raises(ConfigurationError, match="adrain"):
                t.drain()

    asyncio.run(main())
    assert app.jobs.list() == []


def test_async_handlers_run_on_the_loop_of_the_test(app: Holdfast) -> None:
    loops: list[object] = []

    @app.task(name="where")
    async def where() -> None:
        loops.append(asyncio.get_running_loop())

    async def main() -> None:
        async with app.testing() as t:
            await t.arun(await where.aenqueue())
            await where.aenqueue()
            await t.adrain()
            assert loops == [asyncio.get_running_loop()] * 2

    asyncio.run(main())
