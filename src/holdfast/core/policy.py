"""What a worker goes by when it settles a run: the nearest of job, task, queue and app wins, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from holdfast.core.job import DeadLetter
from holdfast.core.overrides import Overrides
from holdfast.core.retention import DEFAULT as DEFAULT_KEEP
from holdfast.core.retention import Keep
from holdfast.core.retries import DEFAULT as DEFAULT_RETRY
from holdfast.core.retries import RetryPolicy, resolve

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

ExceptionTypes = tuple[type[BaseException], ...]


class PolicyLevel(msgspec.Struct, frozen=True, kw_only=True):
    """What one level (app, queue, task) says. What is unset is taken from the next level out."""

    max_attempts: int | None | UnsetType = UNSET
    retry: RetryPolicy | UnsetType = UNSET
    retry_on: ExceptionTypes | UnsetType = UNSET
    fail_on: ExceptionTypes | UnsetType = UNSET
    timeout: int | None | UnsetType = UNSET
    max_crashes: int | UnsetType = UNSET
    min_retry_delay: int | UnsetType = UNSET
    retention: Keep | UnsetType = UNSET
    dead_letter: DeadLetter | None | UnsetType = UNSET


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, resolved. Durations are microseconds."""

    max_attempts: int | None = 20
    """Charged runs in all; None is without limit."""
    retry: RetryPolicy = DEFAULT_RETRY
    retry_on: ExceptionTypes = (Exception,)
    fail_on: ExceptionTypes = ()
    timeout: int | None = None
    max_crashes: int = 3
    min_retry_delay: int = 0
    retention: Keep = DEFAULT_KEEP
    dead_letter: DeadLetter | None = None
    """What is made of a failed job, in another queue."""

    def with_overrides(self, overrides: Overrides | None) -> Policy:
        """This policy with what a single job decided for itself."""
        if overrides is None:
            return self
        level = PolicyLevel(
            max_attempts=overrides.max_attempts, retry=overrides.retry, timeout=overrides.timeout
        )
        return _merge([level], self)


DEFAULT = Policy()


def resolve_policy(levels: Sequence[PolicyLevel], default: Policy = DEFAULT) -> Policy:
    """The policy of some levels, the nearest first."""
    return _merge(levels, default)


def _merge(levels: Sequence[PolicyLevel], default: Policy) -> Policy:
    chosen: dict[str, Any] = {}
    for name in PolicyLevel.__struct_fields__:
        if name == "retry":
            continue
        values = (getattr(level, name) for level in levels)
        chosen[name] = next((value for value in values if value is not UNSET), getattr(default, name))
    retries = [level.retry for level in levels if not isinstance(level.retry, UnsetType)]
    return Policy(**chosen, retry=resolve(*retries, default.retry))
