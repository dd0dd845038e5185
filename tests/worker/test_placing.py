"""Where a claimed job should have stood, by what the worker's code and the stored rules say."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast import Holdfast, Limit, Rate
from holdfast.core.job import Claimed
from holdfast.core.lines import encode_limits, line_of
from holdfast.store.verbs.strays import Place
from holdfast.worker.placing import Placer


@pytest.fixture
def app() -> Iterator[Holdfast]:
    with Holdfast("sqlite:////nowhere/never-opened.db") as app:
        yield app


def placer(app: Holdfast, *rules: str, fifo: tuple[str, ...] = ()) -> Placer:
    made = Placer(app.client.registry, lambda: frozenset({*fifo, *app.client.registry.fifo}))
    made.learn(rules)
    return made


def claimed(queue: str = "mail", task: str = "send", **more: Any) -> Claimed:
    args = json.dumps(more.pop("args", {}))
    fields: dict[str, Any] = {
        "job_id": "018f3e3c-0000-7000-8000-000000000001", "priority": 0, "meta": None, "overrides": None, "run": 1,
        "attempt": 1, "crashes": 0, "run_at": 0, "created_at": 0,
    }  # fmt: skip
    return Claimed(queue=queue, task=task, args=args, **(fields | more))


def place(*limits: str, key: str | None = None, share: str | None = None, priority: int = 0) -> Place:
    line = line_of(key, priority, share, limits)
    assert line is not None
    return Place(line, encode_limits(limits))


def in_place(found: Place, **more: Any) -> Claimed:
    return claimed(line=found.line, limits=found.limits, **more)


def test_what_nobody_counts_stays(app: Holdfast) -> None:
    app.task(name="send")(lambda: None)
    none = placer(app)
    assert none.place() is None
    assert none(claimed()) is None
    other = placer(app, "queue:other", "task:other/rate", "queue:mail/fair", "queue:mail/key")
    assert other.place() is other
    assert other(claimed()) is None
    assert placer(app, "queue:mail/key", "queue:mail/fair").place() is None


def test_plain_jobs_are_placed_by_code(app: Holdfast) -> None:
    app.queue("mail", limit=[5, Limit(2, key="to")], fair_by="to")

    @app.task(name="send", rate=Rate(1, per=1))
    def send(to: str, order: str | None = None) -> None: ...

    look = placer(app)
    assert look.place() is look
    assert look(claimed(args={"to": "a"}, priority=3)) == place(
        "queue:mail", "queue:mail/key|a", "task:send/rate", share="a", priority=3
    )
    assert look(claimed(queue="other", args={"to": "a"})) == place("task:send/rate")
    # Of a task that isn't known here, the worker knows nothing but what is stored.
    assert look(claimed(task="other", args={"to": "a"})) is None


def test_ordering_keys_of_tasks(app: Holdfast) -> None:
    @app.task(name="send", ordering_key="order", limit=1)
    def send(order: int | None = None) -> None: ...

    look = placer(app)
    assert look(claimed(args={"order": 7})) == place("task:send", key="7")
    assert look(claimed()) == place("task:send")


def test_rules_that_only_the_database_has(app: Holdfast) -> None:
    app.queue("mail", fair_by="to")

    @app.task(name="send")
    def send(to: str | None = None) -> None: ...

    look = placer(
        app, "queue:mail", "queue:mail/limit:night", "task:send/rate", "task:send/key", "task:other"
    )
    wanted = ("queue:mail", "queue:mail/limit:night", "task:send/rate")
    assert look(claimed(args={"to": "a"})) == place(*wanted, share="a")
    assert look(claimed(task="other")) == place("queue:mail", "queue:mail/limit:night", "task:other")
    look.learn(["task:send/rate"])
    assert look(claimed(task="send")) == place("task:send/rate")
    look.learn([])
    assert look(claimed(task="send")) is None


def test_fifo_queues(app: Holdfast) -> None:
    @app.task(name="send", limit=1, ordering_key="to")
    def send(to: str = "a") -> None: ...

    look = placer(app, "queue:line/rate", fifo=("line", "other"))
    assert look(claimed(queue="line")) == place("queue:line/rate", "task:send", key="")
    assert look(claimed(queue="other", task="unknown")) == Place("", None)
    assert placer(Holdfast("sqlite:///never.db"), fifo=("line",)).place() is not None


def test_jobs_in_lines_get_what_they_lack(app: Holdfast) -> None:
    app.queue("mail", limit=5)

    @app.task(name="send", limit=Limit(2, key="to"), ordering_key="to")
    def send(to: str | None = None) -> None: ...

    look = placer(app, "queue:mail/rate")
    full = ("queue:mail", "queue:mail/rate", "task:send/key|a")
    assert look(in_place(place(*full), args={"to": "a"})) is None
    # A line by its side, in the same share; what it has already it keeps, by whatever key.
    assert look(
        in_place(place("task:send/key|x", "task:old", share="s", priority=2), args={"to": "a"}, priority=2)
    ) == (place("queue:mail", "queue:mail/rate", "task:old", "task:send/key|x", share="s", priority=2))
    assert look(in_place(place(key="mine"), args={"to": "a"})) == place(*full, key="mine")
    assert look(in_place(place("queue:mail", "queue:mail/rate", key=""))) is None


def test_what_can_not_be_read_is_left_out_and_told(app: Holdfast, caplog: pytest.LogCaptureFixture) -> None:
    app.queue("mail", limit=5, fair_by=lambda args: args.nobody)

    @app.task(name="send", rate=Rate(1, per=1, key=lambda args: 1.5))
    def send(to: str) -> None: ...

    look = placer(app)
    with caplog.at_level(logging.WARNING, "holdfast.worker"):
        assert look(claimed(args={"to": "a"})) == place("queue:mail")
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "task send: fair_by of queue mail failed with AttributeError" in told[0]
    assert "task send: the key of rate task:send/key-rate gave 1.5" in told[1]
    assert all("018f3e3c-0000-7000-8000-000000000001" in line for line in told)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "holdfast.worker"):
        assert look(claimed(args={"to": 17})) == place("queue:mail")
    (one,) = caplog.records
    assert "arguments of send" in one.getMessage()
