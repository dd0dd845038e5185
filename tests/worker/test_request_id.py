"""Request ids: passed on, generated when absent, in metadata, context and log lines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from holdfast import Holdfast, InvalidOption, JobContext, LogFields, RequestId, current_job
from holdfast.middleware.request_id import current_request_id, request_id
from tests.worker import process_tasks
from tests.worker.conftest import MakeApp

Drain = Callable[..., Any]


@pytest.fixture
def app(make_app: MakeApp) -> Holdfast:
    numbers = count(1)
    return make_app(middleware=[RequestId(generate=lambda: f"made {next(numbers)}")])


def stored(app: Holdfast, job: Any) -> Any:
    return app.jobs.get(job.id).meta.get("request_id")


@pytest.mark.parity("S0.6")
@pytest.mark.parametrize("form", ["blocking", "async"])
def test_where_an_id_comes_from(app: Holdfast, form: str) -> None:
    @app.task(name="it")
    def it() -> None: ...

    async def aenqueue(bound: Any) -> Any:
        return await bound.aenqueue()

    def enqueue(bound: Any = it) -> Any:
        return bound.enqueue() if form == "blocking" else asyncio.run(aenqueue(bound))

    assert stored(app, enqueue()) == "made 1"
    assert stored(app, enqueue()) == "made 2"
    with request_id("web") as given:
        assert given == current_request_id() == "web"
        assert stored(app, enqueue()) == "web"
        assert stored(app, enqueue(it.using(meta={"request_id": "own", "x": 1}))) == "own"
        with request_id("inner"):
            assert stored(app, enqueue()) == "inner"
    assert current_request_id() is None
    assert stored(app, enqueue(it.using(meta={"x": 1}))) == "made 3"


@pytest.mark.parity("S0.6")
def test_a_bulk_shares_one(app: Holdfast) -> None:
    @app.task(name="it")
    def it() -> None: ...

    @app.task(name="other")
    def other() -> None: ...

    jobs = app.enqueue_many([it.new(), other.new(), it.new()])
    more = asyncio.run(app.aenqueue_many([it.new(), it.new()]))
    assert [stored(app, job) for job in jobs] == ["made 1"] * 3
    assert [stored(app, job) for job in more] == ["made 2"] * 2


@pytest.mark.parity("S0.6")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_run_passes_it_on_to_what_it_enqueues(app: Holdfast, drain: Drain, kind: str) -> None:
    seen: list[Any] = []

    @app.task(name="leaf", takes_context=True)
    def leaf(ctx: JobContext) -> None:
        seen.append((ctx.request_id, current_request_id(), ctx.meta["request_id"]))

    def plain() -> None:
        leaf.enqueue()

    async def coroutine() -> None:
        await leaf.aenqueue()

    root = app.task(name="root")(coroutine if kind == "async" else plain)  # type: ignore[operator]
    with request_id("abc"):
        root.enqueue()
    drain(app=app)
    assert seen == [("abc", "abc", "abc")]


@pytest.mark.parity("S0.6")
def test_a_job_that_came_without_one_has_its_own_in_all_its_runs(
    app: Holdfast, make_app: MakeApp, drain: Drain
) -> None:
    """An app without the middleware enqueues it."""
    seen: list[Any] = []

    @app.task(name="it", retry=lambda failures, error: __import__("datetime").timedelta(0))
    def it() -> None:
        seen.append(current_job().request_id)
        if len(seen) == 1:
            raise ValueError

    job = make_app().enqueue("it", {}, declare=True)
    drain(app=app)
    assert seen == [str(job.id)] * 2


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []
        self.addFilter(LogFields())

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def lines() -> Any:
    handler = Lines()
    loggers = [logging.getLogger(), logging.getLogger("holdfast")]
    level = loggers[0].level
    loggers[0].addHandler(handler)
    loggers[0].setLevel(logging.DEBUG)
    yield handler
    loggers[0].removeHandler(handler)
    loggers[0].setLevel(level)


FIELDS = ("job_id", "task", "queue", "run", "attempt", "request_id")


@pytest.mark.parity("S0.6")
@pytest.mark.parity("S4.9")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_every_line_of_a_run_carries_the_fields(app: Holdfast, drain: Drain, lines: Lines, kind: str) -> None:
    """The context's own logger, a library's below the handler, and what the worker says of the run."""

    def it(n: int) -> None:
        current_job().log.info("own %d", n, extra={"mine": n})
        logging.getLogger("some.library").info("theirs %d", n)

    async def ait(n: int) -> None:
        await asyncio.sleep(0.01 * n)
        it(n)
        await asyncio.to_thread(logging.getLogger("some.library").info, "in a thread %d", n)

    task = app.task(name="it", queue="q")(ait if kind == "async" else it)  # type: ignore[operator]
    jobs = []
    for n in range(3):
        with request_id(f"r{n}"):
            jobs.append(task.enqueue(n))
    worker = drain(app=app)
    assert worker is not None
    for n, job in enumerate(jobs):
        expected = (str(job.id), "it", "q", 1, 1, f"r{n}")
        said = [f"own {n}", f"theirs {n}", *([f"in a thread {n}"] if kind == "async" else [])]
        records = [one for one in lines.records if one.getMessage() in said]
        assert len(records) == len(said)
        assert [tuple(getattr(one, name) for name in FIELDS) for one in records] == [expected] * len(said)
        assert len({one.worker for one in records} - {None}) == 1
        (settled,) = (one for one in lines.records if one.getMessage() == f"it {job.id} succeeded")
        assert tuple(getattr(settled, name) for name in FIELDS) == expected
    own = next(one for one in lines.records if one.getMessage() == "own 1")
    assert (own.name, own.mine) == ("holdfast.q", 1)


def test_outside_of_runs_the_fields_are_there_and_empty() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "m", None, None)
    record.queue = "its own"
    assert LogFields(missing="-").filter(record)
    assert [getattr(record, name) for name in FIELDS] == ["-", "-", "its own", "-", "-", "-"]


@pytest.mark.parity("S0.6")
def test_in_the_child_of_a_process_handler(app: Holdfast, drain: Drain, tmp_path: Path) -> None:
    app.include(process_tasks.router)
    file = tmp_path / "child.log"
    with request_id("abc"):
        job = process_tasks.logs.using(queue="q").enqueue(str(file))
    drain(app=app)
    assert file.read_text() == f"{job.id} p.logs q 1 1 abc\n"
    assert job.result(timeout=5) == "abc"


@pytest.mark.parity("S2.4")
@pytest.mark.parity("S4.9")
def test_a_logger_for_each_queue_below_the_apps_own(make_app: MakeApp, drain: Drain, lines: Lines) -> None:
    app = make_app(logger=logging.getLogger("shop.jobs"))

    @app.task(name="it")
    def it() -> None:
        current_job().log.info("hello")

    it.using(queue="one").enqueue()
    it.using(queue="two").enqueue()
    drain(app=app)
    assert {one.name for one in lines.records if one.getMessage() == "hello"} == {
        "shop.jobs.one",
        "shop.jobs.two",
    }


@pytest.mark.parametrize("wrong", ["", 3, None])
def test_what_is_refused(make_app: MakeApp, wrong: Any) -> None:
    with pytest.raises(InvalidOption, match="string"), request_id(wrong):
        raise AssertionError
    app = make_app(middleware=[RequestId(generate=lambda: wrong)])

    @app.task(name="it")
    def it() -> None: ...

    with pytest.raises(InvalidOption, match="generate= must return a string"):
        it.enqueue()
    assert app.jobs.list() == []
