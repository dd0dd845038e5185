"""`app.schedules`, and what is said of schedules where they are declared."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast import (
    Cron,
    DuplicateTask,
    Every,
    Holdfast,
    InvalidArguments,
    InvalidOption,
    ScheduleNotFound,
    TaskRouter,
)
from tests.client.conftest import MakeApp

ROME = Cron("0 7 * * 1", tz="Europe/Rome")


@pytest.fixture
def report(app: Holdfast) -> Any:
    @app.task(name="report", queue="slow")
    def report(region: str, pages: int = 1) -> str:
        return region

    return report


def test_put_get_list_remove(app: Holdfast, report: Any) -> None:
    stored = app.schedules.put("report-eu", report.new("eu"), ROME, overlap="skip", missed="all")
    assert app.schedules.get("report-eu") == stored
    assert app.schedules.list() == [stored]
    assert (stored.name, stored.task, stored.queue, stored.args) == (
        "report-eu",
        "report",
        "slow",
        {"region": "eu"},
    )
    assert (stored.overlap, stored.missed, stored.declared, stored.paused) == ("skip", "all", False, False)
    assert stored.when == ROME
    assert stored.describe() == "At 07:00 on Monday, Europe/Rome"
    assert stored.next_at is not None
    assert stored.next_at.tzinfo is UTC
    assert (stored.last_at, stored.last_job) == (None, None)
    fires = app.schedules.preview("report-eu", 3)
    assert fires == [stored.next_at, *ROME.preview(2, stored.next_at)]
    assert {f"{fire:%H:%M}" for fire in fires} == {"07:00"}
    app.schedules.remove("report-eu")
    assert app.schedules.list() == []
    with pytest.raises(ScheduleNotFound, match="report-eu"):
        app.schedules.get("report-eu")


async def the_same_awaited(app: Holdfast, report: Any) -> None:
    stored = await app.schedules.aput("r", report.new("eu"), Every(timedelta(hours=1)))
    assert await app.schedules.aget("r") == stored
    assert await app.schedules.alist() == [stored]
    assert (await app.schedules.apreview("r", 2))[0] == stored.next_at
    await app.schedules.apause("r")
    assert (await app.schedules.aget("r")).next_at is None
    await app.schedules.aresume("r")
    await app.schedules.areset("r")
    job = await app.schedules.arun_now("r")
    assert (await app.schedules.aget("r")).last_job == job.id
    await app.schedules.aremove("r")
    assert await app.schedules.alist() == []


def test_the_same_awaited(app: Holdfast, report: Any) -> None:
    import asyncio

    asyncio.run(the_same_awaited(app, report))


def test_run_now(app: Holdfast, report: Any) -> None:
    draft = report.using(priority=7, meta={"tenant": "x"}, max_attempts=3).new("eu", pages=2)
    app.schedules.put("r", draft, ROME)
    app.schedules.pause("r")
    job = app.schedules.run_now("r")
    again = app.jobs.get(job.id)
    assert (again.task, again.queue, again.args) == ("report", "slow", {"region": "eu", "pages": 2})
    assert again.meta == {"tenant": "x", "schedule": "r"}
    assert job.id != draft.id
    assert app.schedules.get("r").last_job == job.id
    assert app.schedules.get("r").last_at is None


def test_what_is_not_there(app: Holdfast) -> None:
    for verb in ("get", "pause", "resume", "remove", "reset", "run_now", "preview"):
        with pytest.raises(ScheduleNotFound, match="holdfast schedules list"):
            getattr(app.schedules, verb)("nope")


def test_a_pause_and_its_end(app: Holdfast, report: Any) -> None:
    app.schedules.put("r", report.new("eu"), Every(60))
    before = app.schedules.get("r").next_at
    app.schedules.pause("r")
    paused = app.schedules.get("r")
    assert (paused.paused, paused.next_at) == (True, None)
    assert len(app.schedules.preview("r")) == 5
    app.schedules.resume("r")
    assert app.schedules.get("r").next_at == before


def test_in_the_callers_transaction(app: Holdfast, report: Any) -> None:
    app.schedules.list()
    connection = sqlite3.connect(app.url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    app.schedules.put("r", report.new("eu"), ROME, tx=connection)
    assert [one.name for one in app.schedules.list(tx=connection)] == ["r"]
    connection.execute("ROLLBACK")
    assert app.schedules.list() == []
    app.schedules.put("r", report.new("eu"), ROME)
    connection.execute("BEGIN IMMEDIATE")
    app.schedules.pause("r", tx=connection)
    connection.execute("ROLLBACK")
    connection.close()
    assert not app.schedules.get("r").paused


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"when": "0 3 * * *"}, r"Cron\(…\) or Every\(…\)"),
        ({"overlap": "maybe"}, 'overlap must be "allow" or "skip"'),
        ({"missed": True}, 'missed must be "latest", "all" or "none"'),
        ({"name": ""}, "the name of a schedule must not be empty"),
        ({"draft": "report"}, r"what task.new\(…\) returns"),
    ],
)
def test_what_cannot_be_put(app: Holdfast, report: Any, change: dict[str, Any], says: str) -> None:
    given = {"name": "r", "draft": report.new("eu"), "when": ROME} | change
    with pytest.raises(InvalidOption, match=says):
        app.schedules.put(**given)
    with pytest.raises(InvalidOption, match="leave out at= and delay="):
        app.schedules.put("r", report.using(delay=5).new("eu"), ROME)
    app.schedules.put("r", report.new("eu"), ROME)
    with pytest.raises(InvalidOption, match="1 to 10,000"):
        app.schedules.preview("r", 0)


# --- declaring -----------------------------------------------------------------------------------------------------


def test_several_above_one_task(app: Holdfast) -> None:
    @app.every(timedelta(minutes=5), args={"n": 2}, name="often")
    @app.cron("0 3 * * *", tz="Europe/Rome", overlap="skip", missed="none")
    @app.task(name="clean")
    def clean(n: int = 1) -> int:
        return n

    assert clean(4) == 4
    rows = {row.name: row for row in app.client.registry.schedule_rows()}
    assert set(rows) == {"clean", "often"}
    assert (rows["clean"].overlap, rows["clean"].missed, rows["clean"].args) == ("skip", "none", "{}")
    assert rows["often"].args == '{"n":2}'


def test_names_are_given_once(app: Holdfast) -> None:
    with pytest.raises(DuplicateTask, match="two schedules are called 'clean'"):

        @app.every(60)
        @app.every(90)
        @app.task(name="clean")
        def clean() -> None: ...


def test_the_order_of_the_decorators(app: Holdfast) -> None:
    with pytest.raises(InvalidOption, match=r"above @app\.task"):

        @app.every(60)
        def plain() -> None: ...


def test_a_scheduled_task_must_be_callable(app: Holdfast) -> None:
    @app.task(name="report")
    def report(region: str) -> None: ...

    with pytest.raises(InvalidArguments, match=r"can't be scheduled like this: .*region.*args=\{…\}"):
        app.every(60)(report)
    with pytest.raises(InvalidArguments, match="pages"):
        app.every(60, args={"region": "eu", "pages": 1})(report)
    with pytest.raises(InvalidArguments, match="region"):
        app.every(60, args={"region": 5})(report)
    app.every(60, args={"region": "eu"})(report)


def test_wrong_timetables_are_refused_where_they_stand(app: Holdfast) -> None:
    with pytest.raises(InvalidOption, match="hour"):
        app.cron("0 25 * * *")
    with pytest.raises(InvalidOption, match=r"0\.1 seconds"):
        app.every(0)
    with pytest.raises(InvalidOption, match="overlap"):
        app.every(5, overlap="x")  # type: ignore[arg-type]


def test_a_router_takes_none_after_it_was_included(make_app: MakeApp) -> None:
    router = TaskRouter()

    @router.every(5)
    @router.task(name="a")
    def a() -> None: ...

    app = make_app()
    app.include(router)
    assert app.client.registry.schedule_names() == ["a"]
    with pytest.raises(DuplicateTask, match="after its router had been included"):
        router.every(5, name="b")(a)


def test_repeated_local_times_in_a_preview(app: Holdfast, report: Any) -> None:
    cron = Cron("30 * * * *", tz="Europe/Berlin")
    shown = [f"{fire:%H:%M %Z}" for fire in cron.preview(3, datetime(2026, 10, 24, 23, 45, tzinfo=UTC))]
    assert shown == ["02:30 CEST", "02:30 CET", "03:30 CET"]
