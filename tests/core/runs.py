"""Runs and their outcomes, as the tests of the lifecycle take them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.core import outcomes as o
from holdfast.core.job import Claimed, Failure, Settlement
from holdfast.core.lifecycle import settle
from holdfast.core.policy import DEFAULT, HOUR, SECOND, Policy

NOW = 1_800_000_000_000_000


def claimed(
    attempt: int = 1, crashes: int = 0, *, run: int | None = None, priority: int = 0, **fields: Any
) -> Claimed:
    return Claimed(
        job_id="01920000-0000-7000-8000-000000000001",
        task="mail.send",
        queue="mail",
        priority=priority,
        args="{}",
        meta=None,
        overrides=None,
        run=run if run is not None else attempt,
        attempt=attempt,
        crashes=crashes,
        run_at=fields.pop("run_at", NOW - 90 * SECOND),
        created_at=NOW - HOUR,
        lease="01920000-0000-7000-8000-000000000002",
        **fields,
    )


def describe(error: BaseException) -> Failure:
    return Failure(type(error).__name__, str(error), "traceback")


def decide(job: Claimed, outcome: o.Outcome, policy: Policy = DEFAULT, **options: Any) -> Settlement:
    return settle(job, outcome, policy, NOW, describe=describe, **options)


class At:
    def __init__(self, value: Any) -> None:
        self.value = value
        self.asked: list[datetime] = []

    def next_run(self, now: datetime) -> datetime:
        self.asked.append(now)
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value  # type: ignore[no-any-return]


OUTCOMES: dict[str, o.Outcome] = {
    "success": o.Succeeded("1"),
    "exception": o.Raised(ValueError("x")),
    "refused exception": o.Raised(KeyError("x")),
    "timeout": o.TimedOut(TimeoutError()),
    "crash": o.Crashed("w"),
    "panic": o.Panicked(SystemExit(1)),
    "invalid args": o.InvalidArgs(ValueError()),
    "bad result": o.BadResult(ValueError()),
    "retry": o.Retry(),
    "retry after": o.Retry(timedelta(seconds=1)),
    "snooze": o.Snooze(timedelta(seconds=1)),
    "reschedule": o.Reschedule(o.After(timedelta(seconds=1))),
    "broken reschedule": o.Reschedule(At(None)),
    "dead letter": o.MoveToDlq("x"),
    "fail": o.Fail("x"),
    "cancel": o.Cancel(),
    "given back": o.Interrupted(),
    "interrupted": o.Interrupted(started=True),
    "not known": o.NotKnown(),
    "expired": o.Expired(1),
}
