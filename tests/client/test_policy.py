"""Which policy holds for a job: the nearest of job, task, queue and app, field by field."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from holdfast import Constant, Exponential, Holdfast, InvalidOption, Linear, Retry
from holdfast.client.queues import QueueSettings, queue_settings, stored_level
from holdfast.core.overrides import Overrides
from holdfast.core.policy import DEFAULT, Policy, resolve_policy
from holdfast.core.retries import delay_of
from tests.client.conftest import MakeApp

S = timedelta(seconds=1)
SECOND = 1_000_000


def delays(policy: Policy, failures: int = 4) -> list[float]:
    return [delay_of(policy.retry, k, ValueError()).total_seconds() for k in range(1, failures + 1)]


def work() -> None: ...


def test_the_defaults(app: Holdfast) -> None:
    assert app.client.registry.policy_for(None, "any") == DEFAULT
    assert (DEFAULT.max_attempts, DEFAULT.timeout, DEFAULT.max_crashes) == (20, None, 3)


def test_the_nearest_wins_field_by_field(make_app: MakeApp) -> None:
    app = make_app(
        retry=Exponential(base=2 * S, max_delay=60 * S, factor=3),
        retry_on=Retry,
        max_attempts=9,
        default_timeout=60,
    )
    app.queue(
        "mail", max_attempts=5, timeout=30 * S, min_retry_delay=5 * S, retry=Exponential(max_delay=10 * S)
    )
    app.task(name="send", queue="mail", max_attempts=None, fail_on=KeyError, retry=Linear(base=3 * S))(work)
    policy_for = app.client.registry.policy_for
    outer = policy_for("unknown", "other")
    assert (outer.max_attempts, outer.timeout, outer.retry_on, outer.min_retry_delay) == (
        9,
        60 * SECOND,
        (Retry,),
        0,
    )
    assert delays(outer) == [2, 6, 18, 54]
    queue = policy_for(None, "mail")
    assert (queue.max_attempts, queue.timeout, queue.retry_on) == (5, 30 * SECOND, (Retry,))
    assert queue.min_retry_delay == 5 * SECOND
    assert delays(queue) == [2, 6, 10, 10]
    task = policy_for("send", "mail")
    assert (task.max_attempts, task.timeout, task.fail_on) == (None, 30 * SECOND, (KeyError,))
    assert delays(task) == [3, 6, 9, 10]
    job = task.with_overrides(Overrides(max_attempts=2, retry=Constant()))
    assert (job.max_attempts, delays(job)) == (2, [3, 3, 3, 3])
    assert policy_for("send", "mail") is task


def test_later_declarations_are_seen(app: Holdfast) -> None:
    task = app.task(name="send", queue="mail")(work)
    assert app.client.registry.policy_for("send", "mail").max_attempts == 20
    assert task.enqueue().priority == 0
    app.queue("mail", max_attempts=3, priority=5)
    assert app.client.registry.policy_for("send", "mail").max_attempts == 3
    assert task.enqueue().priority == 5


@pytest.mark.parity("S2.4")
@pytest.mark.parametrize(
    ("app_retry", "queue_retry", "task_retry", "expected"),
    [
        (None, None, None, [2, 4, 5, 5]),
        (Linear(base=3 * S), None, None, [3, 5, 5, 5]),
        (Linear(base=3 * S, max_delay=4 * S), None, None, [3, 5, 5, 5]),
        (None, Constant(base=4 * S), None, [4, 4, 4, 4]),
        (None, Constant(base=9 * S), None, [5, 5, 5, 5]),
        (None, None, Exponential(base=3 * S), [3, 5, 5, 5]),
        (None, None, Exponential(base=3 * S, max_delay=7 * S), [3, 6, 7, 7]),
        (lambda failures, error: failures * 2 * S, None, None, [2, 4, 5, 5]),
        (None, lambda failures, error: failures * 2 * S, None, [2, 4, 5, 5]),
        (None, None, lambda failures, error: failures * 2 * S, [2, 4, 6, 8]),
    ],
)
def test_the_longest_delay_of_a_queue(
    make_app: MakeApp, app_retry: Any, queue_retry: Any, task_retry: Any, expected: list[float]
) -> None:
    app = make_app(**({} if app_retry is None else {"retry": app_retry}))
    app.queue("mail", max_retry_delay=5 * S, **({} if queue_retry is None else {"retry": queue_retry}))
    app.task(name="send", **({} if task_retry is None else {"retry": task_retry}))(work)
    assert delays(app.client.registry.policy_for("send", "mail")) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_retry_delay": 2 * S, "max_retry_delay": S}, "min_retry_delay is longer than max_retry_delay"),
        ({"max_retry_delay": S, "retry": Constant(S, max_delay=S)}, "give one of them"),
        ({"max_retry_delay": 0}, "max_retry_delay must be positive"),
        ({"min_retry_delay": -1}, "min_retry_delay must be zero or more"),
        ({"concurrency": 0}, "concurrency must be"),
        ({"concurrency": "many"}, "concurrency must be"),
        ({"poll_interval": 0}, "poll_interval must be"),
    ],
)
def test_queues_that_make_no_sense(app: Holdfast, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        app.queue("mail", **options)
    with pytest.raises(TypeError, match="concurency"):
        app.queue("mail", concurency=1)  # type: ignore[call-arg]


def test_what_is_stored_of_a_queue_gives_the_same_policy(app: Holdfast) -> None:
    settings = queue_settings(
        "mail", concurrency=3, priority=4, max_attempts=None, timeout=3, retry=Linear(base=2 * S), max_crashes=5,
        min_retry_delay=S, max_retry_delay=5 * S, poll_interval=0.5,
    )  # fmt: skip
    row = settings.row()
    assert row.name == "mail"
    policy = resolve_policy([stored_level(row.settings)])
    assert (policy.max_attempts, policy.timeout, policy.max_crashes) == (None, 3 * SECOND, 5)
    assert (policy.min_retry_delay, delays(policy)) == (SECOND, [2, 4, 5, 5])
    assert stored_level(QueueSettings(name="a").row().settings) == stored_level("{}")
    # A function can't be stored: whoever hasn't the code goes by what is left.
    plain = queue_settings("a", retry=lambda failures, error: S, max_attempts=3)
    assert resolve_policy([stored_level(plain.row().settings)]).max_attempts == 3
    app.queue("mail", priority=1)
    assert [row.name for row in app.client.registry.queue_rows()] == ["mail"]
