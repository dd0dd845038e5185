"""Values that make no sense are refused where they are given, by an error that names them, on both stores alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast import (
    After,
    Every,
    Holdfast,
    InvalidMiddleware,
    InvalidOption,
    Recovery,
    RequestId,
    ScheduleNotFound,
)
from tests.worker.conftest import MakeApp

NO_NAMES = ["\0", "a\0b", "\ud800", "", " ", 5, float("nan"), {}, [1], object(), None, b"x", True]


@pytest.fixture
def declared(app: Holdfast) -> Any:
    @app.task(name="mail")
    def mail() -> None: ...

    app.schedules.put("pulse", mail.new(), Every(3600))
    return mail


VERBS = ("get", "pause", "resume", "run_now", "preview", "remove", "reset")


@pytest.mark.parametrize("verb", VERBS)
def test_no_names_of_schedules(app: Holdfast, declared: Any, verb: str) -> None:
    for name in NO_NAMES:
        with pytest.raises(InvalidOption, match="name of a schedule"):
            getattr(app.schedules, verb)(name)
    with pytest.raises(ScheduleNotFound):
        getattr(app.schedules, verb)("nan")
    assert app.jobs.list() == []
    assert app.schedules.get("pulse").paused is False


def test_no_types_of_errors(app: Holdfast) -> None:
    for error in ("\0", "\ud800", 5, {}, [1], float("nan"), int):
        with pytest.raises(InvalidOption, match="error= takes an exception class"):
            app.dead_letters.list(error=error)  # type: ignore[arg-type]
    assert app.dead_letters.list(error="nan") == []


CALLS: dict[str, tuple[Callable[[Holdfast], object], str]] = {
    "jobs.list(task=5)": (lambda app: app.jobs.list(task=5), "a task is given .* not as 5"),  # type: ignore[arg-type]
    "jobs.retry(task=5)": (lambda app: app.jobs.retry(task=5), "not as 5"),  # type: ignore[call-overload]
    "dead_letters.list(task=5)": (lambda app: app.dead_letters.list(task=5), "not as 5"),  # type: ignore[arg-type]
    "queue(task=5)": (lambda app: app.queue("q", task=5), "not as 5"),  # type: ignore[arg-type]
    "queue(fifo='no')": (lambda app: app.queue("q", fifo="no"), "fifo must be True or False, not 'no'"),  # type: ignore[arg-type]
    "worker(queues=[1])": (lambda app: app.worker(queues=[1]), "name of a queue must be text, not 1"),  # type: ignore[list-item]
    "worker(tasks=[1])": (lambda app: app.worker(tasks=[1]), "not as 1"),  # type: ignore[list-item]
    "run_one(tasks=[1])": (lambda app: app.run_one(tasks=[1]), "not as 1"),  # type: ignore[list-item]
    "run_one(queues=[None])": (lambda app: app.run_one(queues=[None]), "must be text, not None"),  # type: ignore[list-item]
    "enqueue([], {})": (lambda app: app.enqueue([], {}), r"by the name of a task, not by \[\]"),  # type: ignore[arg-type]
    "new(None)": (lambda app: app.new(None), "by the name of a task, not by None"),  # type: ignore[arg-type]
    "enqueue_many(None)": (lambda app: app.enqueue_many(None), "not None alone"),  # type: ignore[arg-type]
    "Every(None)": (lambda app: Every(None), r"Every\(…\) must be .* not None"),  # type: ignore[arg-type]
    "After(None)": (lambda app: After(None), r"After\(…\) must be a timedelta, not None"),  # type: ignore[arg-type]
    "Recovery(panics=5)": (lambda app: Recovery(panics=5), "panics= takes exception classes, not 5"),  # type: ignore[arg-type]
    "RequestId(generate=5)": (lambda app: RequestId(generate=5), "generate= takes a function .* not 5"),  # type: ignore[arg-type]
}


def test_no_values_at_all(app: Holdfast, declared: Any) -> None:
    for function, said in CALLS.values():
        with pytest.raises(InvalidOption, match=said):
            function(app)


@pytest.mark.parametrize(
    "middleware", [RequestId(), RequestId, 5, "x"], ids=["one", "class", "number", "text"]
)
def test_middleware_is_a_list(app: Holdfast, make_app: MakeApp, middleware: Any) -> None:
    with pytest.raises(InvalidMiddleware, match=r"middleware= takes a list"):
        make_app(middleware=middleware)
    with pytest.raises(InvalidMiddleware, match=r"middleware= takes a list"):
        app.queue("q", middleware=middleware)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lease": 0.1}, "lease must be 0.2 seconds or more, not 0.1"),
        ({"lease": None}, "lease must be 0.2 seconds or more, not None"),
        ({"poll_interval": 0.0001}, "poll_interval must be 0.001 seconds or more"),
        ({"cleanup_interval": 0.001}, "cleanup_interval must be 0.01 seconds or more"),
    ],
)
def test_durations_that_are_too_short(make_app: MakeApp, options: Any, said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        make_app(**options)
