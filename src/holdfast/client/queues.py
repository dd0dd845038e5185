"""What code declares of a queue, and how that is kept for those who don't have the code."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, TypedDict

import msgspec
from msgspec import UNSET, UnsetType

from holdfast.client.build import ErrorTypes, policy_level
from holdfast.client.names import check_name
from holdfast.client.options import check_priority
from holdfast.core import retries
from holdfast.core.errors import InvalidOption
from holdfast.core.policy import PolicyLevel
from holdfast.core.retries import Backoff, RetryPolicy
from holdfast.core.times import duration, to_timedelta
from holdfast.middleware.base import Middleware, check_middleware
from holdfast.store.records import QueueRow

POLL_MINIMUM = 1_000
"""Microseconds."""


class QueueOptions(TypedDict, total=False):
    """What a queue may be declared with. Durations are timedeltas or numbers of seconds."""

    concurrency: int | None
    """How many of its jobs one worker runs at a time."""
    priority: int
    """Of its jobs, where task and enqueue say nothing."""
    max_attempts: int | None
    timeout: timedelta | float | None
    retry: RetryPolicy | None
    retry_on: ErrorTypes | None
    fail_on: ErrorTypes | None
    max_crashes: int | None
    min_retry_delay: timedelta | float | None
    """No retry comes sooner."""
    max_retry_delay: timedelta | float | None
    """The longest delay of a retry, where a task's own policy names none."""
    middleware: Iterable[Middleware]
    poll_interval: timedelta | float | None
    """How long a worker that serves it may go without a look."""


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One declared queue. Durations are microseconds."""

    name: str
    priority: int = 0
    """Of its jobs, where task and enqueue say nothing."""
    concurrency: int | None = None
    """How many of its jobs one worker runs at a time; None leaves that to the worker."""
    poll_interval: int | None = None
    """How long a worker that serves it may go without a look; None leaves that to the worker."""
    level: PolicyLevel = PolicyLevel()
    max_retry_delay: int | None = None
    """The longest delay of a retry, where a task's own policy names none; None leaves that to the app."""
    middleware: tuple[Middleware, ...] = ()

    def row(self) -> QueueRow:
        """What is stored when a worker starts: all but the middleware, and what are functions or classes."""
        level = self.level
        stored: dict[str, Any] = {
            "priority": self.priority,
            "concurrency": self.concurrency,
            "max_retry_delay": self.max_retry_delay,
            "policy": {
                name: getattr(level, name)
                for name in ("max_attempts", "timeout", "max_crashes", "min_retry_delay")
                if getattr(level, name) is not UNSET
            },
        }
        if isinstance(level.retry, Backoff):
            stored["policy"]["retry"] = retries.to_json(level.retry)
        return QueueRow(self.name, json.dumps(stored, separators=(",", ":")))


def stored_level(settings: str) -> PolicyLevel:
    """What `QueueSettings.row` has kept of a queue's policy, for a rescuer that doesn't have its code."""
    stored = json.loads(settings)
    policy: dict[str, Any] = dict(stored.get("policy", {}))
    if "retry" in policy:
        policy["retry"] = retries.from_json(policy["retry"])
    level = PolicyLevel(**policy)
    return capped(level, stored.get("max_retry_delay"), outer=())


def queue_settings(
    name: str,
    *,
    concurrency: int | None = None,
    priority: int = 0,
    max_attempts: int | None | UnsetType = UNSET,
    timeout: timedelta | float | None | UnsetType = UNSET,
    retry: RetryPolicy | None = None,
    retry_on: ErrorTypes | None = None,
    fail_on: ErrorTypes | None = None,
    max_crashes: int | None = None,
    min_retry_delay: timedelta | float | None = None,
    max_retry_delay: timedelta | float | None = None,
    middleware: Iterable[Middleware] = (),
    poll_interval: timedelta | float | None = None,
) -> QueueSettings:
    """Check the settings of a queue.

    Raises:
        InvalidOption: a value makes no sense; names the option.
    """
    least = duration(min_retry_delay, what="min_retry_delay")
    most = duration(max_retry_delay, what="max_retry_delay", minimum=1)
    _check_delays(retry, least, most)
    level = policy_level(
        max_attempts=max_attempts, timeout=timeout, retry=retry, retry_on=retry_on, fail_on=fail_on,
        max_crashes=max_crashes,
    )  # fmt: skip
    return QueueSettings(
        name=check_name(name, what="queue"),
        priority=check_priority(priority),
        concurrency=_check_concurrency(concurrency),
        poll_interval=duration(poll_interval, what="poll_interval", minimum=POLL_MINIMUM),
        level=msgspec.structs.replace(level, min_retry_delay=UNSET if least is None else least),
        max_retry_delay=most,
        middleware=check_middleware(middleware),
    )


def capped(level: PolicyLevel, max_retry_delay: int | None, outer: Iterable[PolicyLevel]) -> PolicyLevel:
    """A queue's level with its cap made part of its retry policy.

    Args:
        level: what the queue says.
        max_retry_delay: its cap, if it has one.
        outer: the levels further out, whose policy it takes if it has none of its own.
    """
    if max_retry_delay is None:
        return level
    cap = to_timedelta(max_retry_delay)
    nearest = next(
        (one.retry for one in (level, *outer) if not isinstance(one.retry, UnsetType)), retries.DEFAULT
    )
    if not isinstance(nearest, Backoff):
        return msgspec.structs.replace(level, retry=Capped(nearest, cap))
    # Only the cap is said here, and the kind of policy kept: everything else comes from further out.
    own = nearest if nearest is level.retry else type(nearest)()
    base = None if own.base is None else min(own.base, cap)
    return msgspec.structs.replace(level, retry=msgspec.structs.replace(own, base=base, max_delay=cap))


class Capped:
    """A function as retry policy, its delays cut."""

    def __init__(self, policy: RetryPolicy, cap: timedelta) -> None:
        self.policy = policy
        self.cap = cap

    def __call__(self, failures: int, error: BaseException, /) -> timedelta:
        return min(self.policy(failures, error), self.cap)


def _check_delays(retry: RetryPolicy | None, least: int | None, most: int | None) -> None:
    if most is None:
        return
    if least is not None and least > most:
        raise InvalidOption("min_retry_delay is longer than max_retry_delay")
    if isinstance(retry, Backoff) and retry.max_delay is not None:
        raise InvalidOption(
            "max_retry_delay and the max_delay of retry= say the same thing; give one of them"
        )


def _check_concurrency(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidOption(f"concurrency must be a whole number of 1 or more, not {value!r}")
    return value
