"""An application of limits, rates and keys whose runs are written down, for real worker processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from holdfast import Constant, Holdfast, JobContext, Limit, Rate, Task
from tests.faults.history import History, note

KEYS = 30
LIMITS = {"queue": 5, "task": 3, "one-": 1, "three-": 3, "many": 20, "ordered": 3, "order-": 1}
"""What may run side by side, by the names that the handlers write down."""
RATE = Rate(200, per=1, burst=5)
RETRY = Constant(timedelta(milliseconds=100))
MAKERS: dict[str, Callable[[int], dict[str, Any]]] = {
    "in_queue": lambda n: {},
    "of_task": lambda n: {},
    "by_one": lambda n: {"key": f"k{n % KEYS}"},
    "by_three": lambda n: {"key": f"k{n % KEYS}"},
    "in_order": lambda n: {"key": f"k{n % 6}"},
    "paced": lambda n: {},
}
"""The tasks, and the arguments of their jobs besides a number."""


def make(url: str | None = None) -> Holdfast:
    """An app with these tasks. Runs last ten milliseconds."""
    app = Holdfast(url, lease=timedelta(seconds=float(os.environ.get("HOLDFAST_TEST_LEASE", "30"))))
    app.queue("narrow", limit=LIMITS["queue"])
    task: Any = partial(app.task, takes_context=True, max_attempts=1000, max_crashes=1000, retry=RETRY)

    def work(ctx: JobContext, number: int, *keys: str) -> None:
        log = os.environ["HOLDFAST_TEST_LOG"]
        note(log, ctx, "begin", number, *keys)
        time.sleep(0.01)
        note(log, ctx, "end", number, *keys)

    @task(name="in_queue", queue="narrow")
    def in_queue(ctx: JobContext, number: int) -> None:
        work(ctx, number, "queue")

    @task(name="of_task", limit=LIMITS["task"])
    def of_task(ctx: JobContext, number: int) -> None:
        work(ctx, number, "task")

    @task(name="by_one", limit=[Limit(LIMITS["one-"], key="key"), LIMITS["many"]])
    def by_one(ctx: JobContext, number: int, key: str) -> None:
        work(ctx, number, f"one-{key}", "many")

    @task(name="by_three", limit=LIMITS["three-"], limit_key="key")
    def by_three(ctx: JobContext, number: int, key: str) -> None:
        work(ctx, number, f"three-{key}")

    @task(name="in_order", ordering_key="key", limit=LIMITS["ordered"])
    def in_order(ctx: JobContext, number: int, key: str) -> None:
        work(ctx, number, f"order-{key}", "ordered")

    @task(name="paced", rate=RATE)
    def paced(ctx: JobContext, number: int) -> None:
        work(ctx, number, "paced")

    return app


app = make()


def new(app: Holdfast, name: str, number: int) -> Any:
    """A draft of a job."""
    task: Task[Any, Any] = app.client.registry[name]
    return task.new(number, **MAKERS[name](number))


def wrong(history: History) -> list[str]:
    """What the history shows against the rules."""
    return [
        *history.not_once(),
        *history.over_limit(LIMITS),
        *history.out_of_order("order-"),
        *history.over_rate("paced", RATE.count, 1, RATE.burst or 1),
    ]
