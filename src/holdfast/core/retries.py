"""How long a failed job waits before its next run.

After the k-th charged failure, k = 1, 2, …: constant `base`; linear `base · k`; exponential
`base · factor^(k-1)`. All are cut by `max_delay`, then shortened by up to the part `jitter` of themselves.
Shortened and not spread both ways, so that the cap holds and jobs that have reached it still come apart.

App, queue, task and job may each name a policy. The nearest decides its kind, and each field that it leaves
open comes from the next level out that has it; at last from `DEFAULT`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Protocol

import msgspec

from holdfast.core.errors import InvalidOption
from holdfast.core.times import duration, from_timedelta, to_timedelta


class RetryPolicy(Protocol):
    """Gives the delay, called with the number of charged failures (1 for the first) and the error.

    `Constant`, `Linear` and `Exponential` are such; so is a plain function.
    """

    def __call__(self, failures: int, error: BaseException, /) -> timedelta: ...


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _positive(value: timedelta | None, what: str) -> int | None:
    if value is None:
        return None
    # `duration` would take seconds too, and then the field held what its type forbids.
    from_timedelta(value, what=what)
    return duration(value, what=what, minimum=1)


class Backoff(msgspec.Struct, frozen=True):
    """What the three built-in policies share. A field that is None is taken from the next level out."""

    kind: ClassVar[str] = ""

    base: timedelta | None = None
    """The first delay; 2 s if no level says anything."""
    max_delay: timedelta | None = None
    """No delay is longer; if no level says anything, 1 h, or `base` where that is longer."""
    jitter: float | None = None
    """Between 0, exact, and 1, any delay down to none; 0 if no level says anything."""

    def __post_init__(self) -> None:
        name = type(self).__name__
        base = _positive(self.base, f"base of {name}")
        cap = _positive(self.max_delay, f"max_delay of {name}")
        if base is not None and cap is not None and cap < base:
            raise InvalidOption(
                f"{name}: max_delay {self.max_delay} is shorter than base {self.base}, which would never apply"
            )
        if self.jitter is not None and not (_is_number(self.jitter) and 0 <= self.jitter <= 1):
            raise InvalidOption(f"jitter of {name} must be between 0 and 1, not {self.jitter!r}")

    def __call__(self, failures: int, _error: BaseException | None = None, /) -> timedelta:
        """The delay after that many charged failures, without jitter."""
        return self.delay(failures)

    def delay(self, failures: int, *, random: float = 0.0) -> timedelta:
        """The delay after that many charged failures.

        Args:
            failures: 1 after the first.
            random: a number in [0, 1) that chooses within the jitter; 0 is the longest delay.

        Raises:
            InvalidOption: less than one failure, or `random` out of its range.
        """
        if failures < 1:
            raise InvalidOption(f"the delay of a retry needs at least one failure, not {failures!r}")
        if not 0 <= random < 1:
            raise InvalidOption(f"the random number must be in [0, 1), not {random!r}")
        if self.base is None or self.max_delay is None or self.jitter is None:
            return _completed(self, ()).delay(failures, random=random)
        base, cap = from_timedelta(self.base), from_timedelta(self.max_delay)
        # Compared before it is rounded: it may be infinite.
        grown = base * self.growth(failures)
        micros = cap if grown >= cap else round(grown)
        return to_timedelta(micros - round(micros * self.jitter * random))

    def growth(self, failures: int, /) -> float:
        """By how much `base` has grown after that many failures; infinity if a float can't hold it."""
        raise NotImplementedError


class Constant(Backoff, frozen=True):
    """Always `base`."""

    kind: ClassVar[str] = "constant"

    def growth(self, _failures: int, /) -> float:
        return 1


class Linear(Backoff, frozen=True):
    """`base`, `2 · base`, `3 · base` …"""

    kind: ClassVar[str] = "linear"

    def growth(self, failures: int, /) -> float:
        return failures


class Exponential(Backoff, frozen=True):
    """`base`, `factor · base`, `factor² · base` …"""

    kind: ClassVar[str] = "exponential"

    factor: float | None = None
    """At least 1; 2 if no level says anything."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factor is not None and not (_is_number(self.factor) and 1 <= self.factor < math.inf):
            raise InvalidOption(f"factor of Exponential must be a number of 1 or more, not {self.factor!r}")

    def growth(self, failures: int, /) -> float:
        factor = 2.0 if self.factor is None else float(self.factor)
        if factor == 1:
            return 1
        try:
            return factor ** (failures - 1)
        except OverflowError:
            return math.inf


KINDS: dict[str, type[Backoff]] = {cls.kind: cls for cls in (Constant, Linear, Exponential)}

DEFAULT = Exponential(base=timedelta(seconds=2), max_delay=timedelta(hours=1), jitter=0.0, factor=2)


def resolve(*levels: RetryPolicy | None) -> RetryPolicy:
    """The policy of some levels, the nearest first; None is a level that says nothing.

    A function decides everything itself. For a built-in policy, each field it leaves open comes from the next
    level out that has that field, passing over functions.
    """
    said = [level for level in levels if level is not None]
    nearest = said[0] if said else DEFAULT
    return _completed(nearest, said[1:]) if isinstance(nearest, Backoff) else nearest


def delay_of(policy: RetryPolicy, failures: int, error: BaseException, random: float = 0.0) -> timedelta:
    """The delay after the `failures`-th charged failure.

    Args:
        policy: what `resolve` gave.
        failures: 1 after the first.
        error: what the run raised; only functions look at it.
        random: a number in [0, 1) for the jitter of the built-in policies.

    Raises:
        InvalidOption: a function raised an exception, or gave what is no timedelta, negative or too long.
    """
    if isinstance(policy, Backoff):
        return policy.delay(failures, random=random)
    what = f"the delay given by the retry policy {_name(policy)}"
    try:
        delay = policy(failures, error)
    except Exception as raised:
        raise InvalidOption(
            f"the retry policy {_name(policy)} raised {type(raised).__name__}: {raised}"
        ) from raised
    if not isinstance(delay, timedelta):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"{what} must be a timedelta, not {delay!r}")
    duration(delay, what=what)
    return delay


def to_json(policy: RetryPolicy) -> dict[str, Any]:
    """A built-in policy as a JSON object: `kind`, and those fields that are set, durations in microseconds.

    Raises:
        InvalidOption: a function, which a database can't keep.
    """
    if not isinstance(policy, Backoff) or type(policy).kind not in KINDS:
        raise InvalidOption(
            f"the retry policy {_name(policy)} is a function and can't be kept with a single job: "
            "set it on the task, the queue or the app, or give the job a Constant, Linear or Exponential"
        )
    stored: dict[str, Any] = {"kind": policy.kind}
    for name in policy.__struct_fields__:
        value = getattr(policy, name)
        if value is not None:
            stored[name] = from_timedelta(value) if isinstance(value, timedelta) else value
    return stored


def from_json(stored: Mapping[str, Any]) -> Backoff:
    """The policy that `to_json` has stored.

    Raises:
        InvalidOption: unknown kind or field, or a value that makes no sense.
    """
    fields = dict(stored)
    cls = KINDS.get(fields.pop("kind", ""))
    if cls is None:
        kinds = ", ".join(KINDS)
        raise InvalidOption(f"{dict(stored)!r} is not a stored retry policy: its kind is none of {kinds}")
    unknown = fields.keys() - set(cls.__struct_fields__)
    if unknown:
        raise InvalidOption(f"{dict(stored)!r} is not a stored retry policy: unknown field {min(unknown)!r}")
    for name in ("base", "max_delay"):
        if fields.get(name) is not None:
            if type(fields[name]) is not int:
                raise InvalidOption(f"{name} of a stored retry policy is no whole number: {fields[name]!r}")
            fields[name] = to_timedelta(fields[name])
    return cls(**fields)


def _completed(nearest: Backoff, outer: list[RetryPolicy] | tuple[()]) -> Backoff:
    """`nearest` with its open fields filled in."""
    said = [level for level in (nearest, *outer) if isinstance(level, Backoff) and level is not DEFAULT]
    found: dict[str, Any] = {}
    for name in nearest.__struct_fields__:
        values = (getattr(level, name, None) for level in (*said, DEFAULT))
        found[name] = next(value for value in values if value is not None)
    if all(level.max_delay is None for level in said):
        # Nobody asked for a cap: the built-in one must not cut what somebody did ask for.
        found["max_delay"] = max(found["max_delay"], found["base"])
    found["base"] = min(found["base"], found["max_delay"])
    return type(nearest)(**found)


def _name(policy: object) -> str:
    return getattr(policy, "__qualname__", None) or repr(policy)
