"""What one enqueue may decide for itself: the options of `using`, checked where they are given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypedDict, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from holdfast.client.names import check_name
from holdfast.core import ids, retries
from holdfast.core.errors import InvalidArguments, InvalidOption
from holdfast.core.job import PRIORITIES, NewJob
from holdfast.core.overrides import Overrides
from holdfast.core.payload import encode_meta
from holdfast.core.retries import RetryPolicy
from holdfast.core.times import duration, planned
from holdfast.core.unique import OnConflict, Unique, as_unique, check_on_conflict

DEFAULT_QUEUE = "default"
LONGEST_KEY = 255
"""Characters of an ordering key."""


class Options(TypedDict, total=False):
    """The options of an enqueue, as keywords. Durations are timedeltas or numbers of seconds."""

    delay: timedelta | float
    """Not before this long from now."""
    at: datetime
    """Not before this time, which has a time zone; a past one is now. Never together with `delay`."""
    priority: int
    """-100 … 100, higher first."""
    queue: str
    max_attempts: int | None
    """Charged runs in all; None is without limit."""
    retry: RetryPolicy
    """`Constant`, `Linear` or `Exponential`."""
    timeout: timedelta | float | None
    """Of one run; None is without limit."""
    expires: timedelta | float | datetime
    """It fails as expired unless it has begun by then; a duration counts from when it is first due."""
    id: UUID | str
    meta: Mapping[str, Any]
    """A small JSON object that goes with the job."""
    ordering_key: str
    """Jobs of one queue and key run one at a time, in the order in which they first became due."""
    unique: Unique | str | None
    """What keeps another job from being stored beside it; a text is a key of your own. None: nothing, whatever the task
    says."""
    on_conflict: OnConflict
    """What happens where another job has its key: "existing" (that one is returned), "raise", "replace", "debounce"."""
    tx: Any
    """The caller's own connection or session, in whose transaction the job is enqueued."""


OPTION_NAMES = frozenset(Options.__annotations__)


class Using(msgspec.Struct, frozen=True):
    """The same, checked, in the units of the store. None is "not said"."""

    delay: int | None = None
    run_at: int | None = None
    priority: int | None = None
    queue: str | None = None
    job_id: str | None = None
    meta: dict[str, Any] | None = None
    overrides: Overrides | None = None
    ordering_key: str | None = None
    unique: Unique | None | UnsetType = UNSET
    on_conflict: OnConflict | None = None
    tx: Any = None

    def then(self, later: Using) -> Using:
        """These options and later ones, which win. Metadata comes together, key by key."""
        timed = later if later.delay is not None or later.run_at is not None else self
        return Using(
            delay=timed.delay,
            run_at=timed.run_at,
            priority=self.priority if later.priority is None else later.priority,
            queue=later.queue or self.queue,
            job_id=later.job_id or self.job_id,
            meta=self.meta if later.meta is None else {**(self.meta or {}), **later.meta},
            overrides=_both(self.overrides, later.overrides),
            ordering_key=later.ordering_key or self.ordering_key,
            unique=self.unique if later.unique is UNSET else later.unique,
            on_conflict=later.on_conflict or self.on_conflict,
            tx=self.tx if later.tx is None else later.tx,
        )

    def new_job(self, job_id: str, task: str, queue: str, priority: int, args: str) -> NewJob:
        """One job by these options; the others are what holds where they say nothing."""
        return NewJob(
            job_id=self.job_id or job_id,
            task=task,
            queue=queue,
            args=args,
            priority=priority if self.priority is None else self.priority,
            run_at=self.run_at,
            delay=self.delay,
            # A copy for each: a middleware may write into it.
            meta=dict(self.meta) if self.meta else {},
            overrides=self.overrides,
            ordering_key=self.ordering_key,
            unique=self.unique or None,
            on_conflict=self.on_conflict or "existing",
            new_id=self.job_id is None,
        )


NOTHING = Using()


def read_options(
    *,
    delay: timedelta | float | None = None,
    at: datetime | None = None,
    priority: int | None = None,
    queue: str | None = None,
    max_attempts: int | None | UnsetType = UNSET,
    retry: RetryPolicy | None = None,
    timeout: timedelta | float | None | UnsetType = UNSET,
    expires: timedelta | float | datetime | None = None,
    id: UUID | str | None = None,
    meta: Mapping[str, Any] | None = None,
    ordering_key: str | None = None,
    unique: Unique | str | None | UnsetType = UNSET,
    on_conflict: OnConflict | None = None,
    tx: Any = None,
) -> Using:
    """Check options.

    Raises:
        InvalidOption: a value makes no sense; names the option.
    """
    if delay is not None and at is not None:
        raise InvalidOption("delay= and at= both say when the job is to run; give one of them")
    return Using(
        delay=duration(delay, what="delay"),
        run_at=None if at is None else planned(at, what="at"),
        priority=None if priority is None else check_priority(priority),
        queue=None if queue is None else check_name(queue, what="queue"),
        job_id=None if id is None else ids.parse(id),
        meta=None if meta is None else check_meta(meta),
        overrides=_overrides(max_attempts, retry, timeout, expires),
        ordering_key=None if ordering_key is None else check_ordering_key(ordering_key),
        unique=unique if unique is None or isinstance(unique, UnsetType) else as_unique(unique),
        on_conflict=None if on_conflict is None else check_on_conflict(on_conflict),
        tx=tx,
    )


def check_priority(priority: object, *, what: str = "priority") -> int:
    """A whole number of -100 … 100."""
    if not isinstance(priority, int) or isinstance(priority, bool) or priority not in PRIORITIES:
        raise InvalidOption(
            f"{what} must be a whole number from {PRIORITIES[0]} to {PRIORITIES[-1]}, not {priority!r}"
        )
    return priority


def check_ordering_key(key: object) -> str:
    """A text of 1 to 255 characters that both stores can keep."""
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise InvalidOption(
            f"ordering_key must be a text of 1 to {LONGEST_KEY} printable characters, not {key!r:.80}"
        )
    return key


def check_max_attempts(value: object) -> int | None:
    """The number of charged runs in all, at least one; None is without limit."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidOption(
            f"max_attempts is the number of runs in all: a whole number of 1 or more, or None for no limit, "
            f"not {value!r}"
        )
    return value


def check_timeout(value: timedelta | float | None, *, what: str = "timeout") -> int | None:
    """Microseconds of a run's time limit; None is without limit."""
    return duration(value, what=what, minimum=1)


def check_expires(value: timedelta | float | None) -> int | None:
    """Microseconds within which a job must have begun; None is without limit."""
    return duration(value, what="expires", minimum=1)


def check_retry(policy: Any) -> RetryPolicy:
    """A retry policy, which may be any function of (failures, error)."""
    if isinstance(policy, type) or not callable(policy):
        raise InvalidOption(
            f"retry must be Constant(…), Linear(…), Exponential(…) or a function of (failures, error), not {policy!r}"
        )
    return cast(RetryPolicy, policy)


def check_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata: a mapping from text to what JSON can hold."""
    if not isinstance(meta, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"meta must be a mapping, which is kept as a JSON object, not {meta!r}")
    try:
        encode_meta(meta)
    except InvalidArguments as error:
        raise InvalidOption(str(error)) from error
    return dict(meta)


def _overrides(
    max_attempts: int | None | UnsetType,
    retry: RetryPolicy | None,
    timeout: timedelta | float | None | UnsetType,
    expires: timedelta | float | datetime | None,
) -> Overrides | None:
    if max_attempts is UNSET and retry is None and timeout is UNSET and expires is None:
        return None
    if retry is not None:
        # A single job's policy is kept with it, which a function can't be.
        retries.to_json(check_retry(retry))
    return Overrides(
        max_attempts=UNSET if max_attempts is UNSET else check_max_attempts(max_attempts),
        retry=UNSET if retry is None else retry,
        timeout=UNSET if isinstance(timeout, UnsetType) else check_timeout(timeout),
        expires_at=planned(expires, what="expires") if isinstance(expires, datetime) else None,
        expires_in=None if isinstance(expires, datetime) else check_expires(expires),
    )


def _both(earlier: Overrides | None, later: Overrides | None) -> Overrides | None:
    if earlier is None or later is None:
        return later or earlier
    last = later if later.expires else earlier
    return Overrides(
        expires_in=last.expires_in,
        expires_at=last.expires_at,
        max_attempts=earlier.max_attempts if later.max_attempts is UNSET else later.max_attempts,
        retry=earlier.retry if isinstance(later.retry, UnsetType) else later.retry,
        timeout=earlier.timeout if later.timeout is UNSET else later.timeout,
    )
