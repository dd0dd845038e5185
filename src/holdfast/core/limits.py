"""Limits and rates as they are declared, and the rules that become of them (`holdfast.core.slots`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

import msgspec

from holdfast.core.errors import InvalidArguments, InvalidOption
from holdfast.core.keys import Key, as_key, check_key_function
from holdfast.core.slots import Rule, rule_name
from holdfast.core.times import SECOND, duration, to_timedelta

MOST = 1_000_000_000
"""Of what a limit or a rate may say."""
HIGHEST = 100_000
"""Jobs a second of a rate: jobs are spaced out by whole microseconds."""
SHORTEST, LONGEST = SECOND // 1000, 366 * 24 * 3600 * SECOND
"""Microseconds over which a rate may be counted."""
HEAVIEST = 1000
"""What a share may weigh."""
FAIR = "fair"
"""What the rule of a queue's fair shares is called."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class _Most(msgspec.Struct, frozen=True):
    most: int


class Limit(_Most, frozen=True, kw_only=True):
    """So many jobs at a time, across all workers.

    A job counts from the moment it is claimed until it has ended or waits for its retry.

    Args:
        most: jobs at a time, 1 or more.
        key: counts each key by itself: a function of the job's arguments, `lambda args: args.tenant`, or the name of a
            parameter. Jobs for which it gives None are not counted.
        name: tells it from another limit of the same queue or task; letters, digits, `_`, `.` and `-`.

    Raises:
        InvalidOption: a value makes no sense.
    """

    key: Key | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        _whole(self.most, "a limit")
        _check(self, "a limit")

    @property
    def rule(self) -> Rule:
        """As it is stored."""
        return Rule(most=self.most)


class _Count(msgspec.Struct, frozen=True):
    count: int


class Rate(_Count, frozen=True, kw_only=True):
    """So many jobs in a time, across all workers.

    Jobs are spaced out evenly, `per / count` apart, to the microsecond. After a while without any, as many as `burst`
    begin at once. So in any span of time there begin at most `burst` more than the rate gives for it.

    Args:
        count: jobs, 1 or more.
        per: in so much time; a timedelta or seconds, from a millisecond to 366 days.
        burst: at once, 1 or more; default: what the rate gives in a tenth of a second, at least 1. The higher it is,
            the less often a worker has to look for the next job that may begin.
        key: as in `Limit`.
        name: as in `Limit`.

    Raises:
        InvalidOption: a value makes no sense.
    """

    per: timedelta | float
    burst: int | None = None
    key: Key | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        _whole(self.count, "a rate")
        micros = _per(self.per)
        if self.count * SECOND > HIGHEST * micros:
            raise InvalidOption(
                f"a rate is {HIGHEST:,} jobs a second at most, and {self.count:,} in {to_timedelta(micros)} are more"
            )
        if self.burst is not None:
            _whole(self.burst, "burst of a rate")
            if self.burst * micros > self.count * LONGEST:
                raise InvalidOption(
                    f"burst of a rate is at most what the rate gives in 366 days, not {self.burst:,}"
                )
        _check(self, "a rate")

    @property
    def rule(self) -> Rule:
        """As it is stored."""
        per = _per(self.per)
        burst = max(1, self.count * SECOND // (10 * per)) if self.burst is None else self.burst
        return Rule(count=self.count, per=per, burst=burst)


class Shares(msgspec.Struct, frozen=True):
    """What is stored of the fair shares of a queue."""

    weights: dict[str, int] = {}
    """1 for those that aren't named."""


Limits: TypeAlias = int | Limit | Sequence[int | Limit]
Rates: TypeAlias = Rate | Sequence[Rate]


class Counted(msgspec.Struct, frozen=True):
    """One limit or rate of a queue or task."""

    name: str
    """Of its rule."""
    rule: Rule
    key: Key | None
    option: str
    """How errors call its key function."""


def counted(
    scope: str, owner: str, limit: Limits | None, rate: Rates | None, limit_key: Key | None
) -> tuple[Counted, ...]:
    """What a queue or a task declares.

    Args:
        scope: "queue" or "task".
        owner: its name.
        limit: one or several.
        rate: one or several.
        limit_key: the key of those that name none themselves.

    Raises:
        InvalidOption: a value makes no sense, or two can't be told apart.
    """
    declared: list[Limit | Rate] = [*as_limits(limit), *as_rates(rate)]
    if limit_key is not None:
        check_key_function(limit_key, what="limit_key")
        if not declared:
            raise InvalidOption(
                f"{scope} {owner}: limit_key= says what its limits and rates count by, and it has none; give limit= or "
                "rate= as well"
            )
    found: dict[str, Counted] = {}
    for one in declared:
        key = limit_key if one.key is None else one.key
        what = what_of(one, by_key=key is not None)
        name = rule_name(scope, owner, what)
        if name in found:
            kind = f"{'limits' if isinstance(one, Limit) else 'rates'}{' by key' if key is not None else ''}"
            raise InvalidOption(
                f"{scope} {owner} has two {kind} that can't be told apart; give each a name= of its own"
            )
        option = f"the key of {'limit' if isinstance(one, Limit) else 'rate'} {name}"
        found[name] = Counted(name, one.rule, key, option)
    return tuple(found.values())


def as_limits(value: Limits | None) -> list[Limit]:
    """The limits of an option.

    Raises:
        InvalidOption: it is none, nor several.
    """
    found = [Limit(one) if _is_number(one) else one for one in _several(value)]
    for one in found:
        if not isinstance(one, Limit):
            raise InvalidOption(f"limit takes a number, Limit(…) or a list of such, not {one!r:.80}")
    return found


def as_rates(value: Rates | None) -> list[Rate]:
    """The rates of an option.

    Raises:
        InvalidOption: it is none, nor several.
    """
    found = _several(value)
    for one in found:
        if not isinstance(one, Rate):
            raise InvalidOption(
                f"rate takes Rate(count, per=…), such as Rate(10, per=60), or a list of such, not {one!r:.80}"
            )
    return found


def what_of(one: Limit | Rate, *, by_key: bool) -> str:
    """What tells its rule apart from the others of its queue or task."""
    if isinstance(one, Limit):
        kind = "key" if by_key else "limit"
        plain = "" if not by_key else kind
    else:
        plain = kind = "key-rate" if by_key else "rate"
    return plain if one.name is None else f"{kind}:{one.name}"


class What(msgspec.Struct, frozen=True):
    """What tells a rule apart, read."""

    rate: bool
    by_key: bool
    name: str | None


def read_what(what: str) -> What | None:
    """The reverse of `what_of`; None for what isn't a limit or a rate."""
    kind, _, name = what.partition(":")
    if kind not in ("", "limit", "rate", "key", "key-rate"):
        return None
    return What(kind.endswith("rate"), kind.startswith("key"), name or None)


def declared_form(rule: Rule, name: str | None = None) -> Limit | Rate | None:
    """A stored rule as it would be declared, without its key; None if it says nothing."""
    if rule.most is not None:
        return Limit(rule.most, name=name)
    if rule.count is None or rule.per is None:
        return None
    return Rate(rule.count, per=to_timedelta(rule.per), burst=rule.burst, name=name)


def check_weights(weights: Mapping[Any, int]) -> dict[str, int]:
    """What the shares of a queue weigh, by their keys as text.

    Raises:
        InvalidOption: a key is none, or a weight isn't a whole number of 1 to 1000.
    """
    if not isinstance(weights, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"weights takes a mapping from share to weight, not {weights!r:.80}")
    found: dict[str, int] = {}
    for share, weight in weights.items():
        try:
            key = as_key(share, what="a share in weights")
        except InvalidArguments as error:
            raise InvalidOption(str(error)) from None
        if key is None:
            raise InvalidOption("weights names the share None; jobs without a share have no weight")
        if not _is_whole(weight, HEAVIEST):
            raise InvalidOption(
                f"the weight of share {key!r} must be a whole number of 1 to {HEAVIEST}, not {weight!r}"
            )
        found[key] = weight
    return found


def _several(value: object) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [*value]
    return [value]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float))


def _whole(value: object, what: str) -> None:
    if not _is_whole(value, MOST):
        raise InvalidOption(f"{what} must be a whole number of 1 to {MOST:,}, not {value!r}")


def _per(value: timedelta | float | None) -> int:
    micros = duration(value, what="per of a rate", minimum=1)
    if micros is None or not SHORTEST <= micros <= LONGEST:
        raise InvalidOption(f"per of a rate is a millisecond to 366 days, not {value!r}")
    return micros


def _is_whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _check(one: Limit | Rate, what: str) -> None:
    if one.key is not None:
        check_key_function(one.key, what=f"key of {what}")
    if one.name is not None and not _is_name(one.name):
        raise InvalidOption(
            f"name of {what} has 1 to 40 letters, digits, '_', '.' or '-', unlike {one.name!r:.80}"
        )
