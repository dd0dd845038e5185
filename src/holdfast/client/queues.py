"""What code declares of a queue, and how that is kept for those who don't have the code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec
from msgspec import UNSET, UnsetType

from holdfast.client.build import ErrorTypes, policy_level
from holdfast.client.names import check_name, task_name
from holdfast.client.options import check_priority
from holdfast.core import retention as retentions
from holdfast.core import retries
from holdfast.core.errors import InvalidOption
from holdfast.core.job import DeadLetter
from holdfast.core.keys import Key, check_key_function
from holdfast.core.limits import Counted, Limits, Rates, check_weights, counted
from holdfast.core.policy import PolicyLevel
from holdfast.core.retention import Keep, Retention
from holdfast.core.retries import Backoff, RetryPolicy
from holdfast.core.times import duration, to_timedelta
from holdfast.middleware.base import Middleware, check_middleware
from holdfast.store.records import QueueRow

if TYPE_CHECKING:
    from holdfast.client.task import Task

POLL_MINIMUM = 1_000
"""Microseconds."""
AGE_MINIMUM = 1_000
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
    fifo: bool
    """One job at a time across all workers, in the order in which they first became due. Without priorities."""
    retention: Retention | None
    """How long its ended jobs are kept."""
    dead_letter: str | None
    """The queue that gets a new job for each job of this one that fails."""
    task: str | Task[Any, Any] | None
    """What runs the jobs that this queue gets as a dead-letter queue; default: the task that has failed."""
    limit: Limits | None
    """How many of its jobs run at a time across all workers: a number, `Limit(…)`, or a list of such."""
    rate: Rates | None
    """How many of its jobs begin in a time: `Rate(count, per=…)`, or a list of such."""
    limit_key: Key | None
    """What those limits and rates count by that name no key themselves: a function of a job's arguments, or the name
    of a parameter."""
    fair_by: Key | None
    """Whose share of the queue a job uses up, by a function of its arguments or the name of a parameter. Shares of one
    priority are served in turn."""
    weights: Mapping[Any, int] | None
    """How many jobs a share may send in its turn, 1 to 1000; 1 for those that aren't named."""
    age_after: timedelta | float | None
    """A job that has been due for so long counts as one priority higher, for twice as long as two, and so on."""


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
    fifo: bool = False
    """One job at a time across all workers, in order."""
    dead_letter: str | None = None
    """The queue that gets a new job for each job of this one that fails."""
    task: str | None = None
    """Of the jobs that it gets as a dead-letter queue; None is the task that has failed."""
    counted: tuple[Counted, ...] = ()
    """Its limits and rates."""
    fair_by: Key | None = None
    weights: dict[str, int] = {}
    age_after: int | None = None

    def letter(self) -> DeadLetter:
        """What becomes of a failed job whose dead-letter queue this is."""
        return DeadLetter(
            queue=self.name, priority=self.priority, task=self.task, ordering_key="" if self.fifo else None
        )

    def row(self, keep: Keep | UnsetType = UNSET, letter: DeadLetter | None = None) -> QueueRow:
        """What is stored when a worker starts: all but the middleware, and what are functions or classes.

        Args:
            keep: what holds for its ended jobs, if anybody said so.
            letter: what is made of its failed jobs.
        """
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
        if self.fifo:
            stored["fifo"] = True
        if self.task is not None:
            stored["task"] = self.task
        if self.age_after is not None:
            stored["age_after"] = self.age_after
        if isinstance(level.retry, Backoff):
            stored["policy"]["retry"] = retries.to_json(level.retry)
        if not isinstance(keep, UnsetType):
            stored["policy"]["retention"] = keep.to_json()
        if letter is not None:
            stored["policy"]["dead_letter"] = {
                "queue": letter.queue, "priority": letter.priority, "task": letter.task,
                "ordering_key": letter.ordering_key,
            }  # fmt: skip
        return QueueRow(self.name, json.dumps(stored, separators=(",", ":")))


def stored_level(settings: str) -> PolicyLevel:
    """What `QueueSettings.row` has kept of a queue's policy, for a rescuer that doesn't have its code."""
    stored = json.loads(settings)
    policy: dict[str, Any] = dict(stored.get("policy", {}))
    if "retry" in policy:
        policy["retry"] = retries.from_json(policy["retry"])
    if "retention" in policy:
        policy["retention"] = retentions.from_json(policy["retention"])
    if "dead_letter" in policy:
        policy["dead_letter"] = msgspec.convert(policy["dead_letter"], DeadLetter)
    level = PolicyLevel(**policy)
    return capped(level, stored.get("max_retry_delay"), outer=())


def stored_fifo(settings: str) -> bool:
    """Whether a queue was declared as a FIFO queue."""
    return bool(json.loads(settings).get("fifo"))


def stored_age_after(settings: str) -> int | None:
    """Microseconds after which a queue's due jobs count as one priority higher; None for never."""
    found: int | None = json.loads(settings).get("age_after")
    return found


def stored_letter(name: str, settings: str) -> DeadLetter:
    """What becomes of a failed job whose dead-letter queue this is, by its stored settings."""
    stored = json.loads(settings)
    own = QueueSettings(
        name=name,
        priority=stored.get("priority", 0),
        task=stored.get("task"),
        fifo=bool(stored.get("fifo")),
    )
    return own.letter()


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
    fifo: bool = False,
    retention: Retention | None = None,
    dead_letter: str | None = None,
    task: str | Task[Any, Any] | None = None,
    limit: Limits | None = None,
    rate: Rates | None = None,
    limit_key: Key | None = None,
    fair_by: Key | None = None,
    weights: Mapping[Any, int] | None = None,
    age_after: timedelta | float | None = None,
) -> QueueSettings:
    """Check the settings of a queue.

    Raises:
        InvalidOption: a value makes no sense; names the option.
    """
    least = duration(min_retry_delay, what="min_retry_delay")
    most = duration(max_retry_delay, what="max_retry_delay", minimum=1)
    _check_delays(retry, least, most)
    if not isinstance(fifo, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"fifo must be True or False, not {fifo!r}")
    if fifo and priority:
        raise InvalidOption(f"queue {name!r} is a FIFO queue, which has no priorities; leave out priority=")
    if fifo and age_after is not None:
        raise InvalidOption(f"queue {name!r} is a FIFO queue, which has no priorities; leave out age_after=")
    name = check_name(name, what="queue")
    _check_shares(name, fifo, fair_by, weights)
    level = policy_level(
        max_attempts=max_attempts, timeout=timeout, retry=retry, retry_on=retry_on, fail_on=fail_on,
        max_crashes=max_crashes, retention=retention,
    )  # fmt: skip
    return QueueSettings(
        name=name,
        priority=check_priority(priority),
        concurrency=_check_concurrency(concurrency),
        poll_interval=duration(poll_interval, what="poll_interval", minimum=POLL_MINIMUM),
        level=msgspec.structs.replace(level, min_retry_delay=UNSET if least is None else least),
        max_retry_delay=most,
        middleware=check_middleware(middleware),
        fifo=fifo,
        dead_letter=None if dead_letter is None else check_name(dead_letter, what="queue"),
        task=None if task is None else task_name(task),
        counted=counted("queue", name, limit, rate, limit_key),
        fair_by=fair_by,
        weights={} if weights is None else check_weights(weights),
        age_after=duration(age_after, what="age_after", minimum=AGE_MINIMUM),
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


def _check_shares(name: str, fifo: bool, fair_by: Key | None, weights: Mapping[Any, int] | None) -> None:
    if fair_by is None:
        if weights is not None:
            raise InvalidOption(f"queue {name!r}: weights= says what shares weigh; give fair_by= as well")
        return
    if fifo:
        raise InvalidOption(
            f"queue {name!r} is a FIFO queue, in order as a whole, which leaves nothing to share; leave out fair_by="
        )
    check_key_function(fair_by, what="fair_by")


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
