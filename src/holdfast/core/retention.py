"""How long ended jobs are kept, and whether with their arguments."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, Self, get_args

import msgspec

from holdfast.core.errors import InvalidOption
from holdfast.core.states import JobState
from holdfast.core.times import DAY, duration

Payload = Literal["always", "never", "failed"]
PAYLOADS: tuple[str, ...] = get_args(Payload)


class Keep(msgspec.Struct, frozen=True):
    """A retention in the units of the store: microseconds. None is for ever, 0 not at all."""

    ended: int | None = DAY
    """Succeeded and cancelled jobs."""
    failed: int | None = None
    payload: Payload = "always"
    """For which ended jobs the arguments are kept."""

    def of(self, state: JobState) -> int | None:
        """How long a job that ends in `state` is kept."""
        return self.failed if state is JobState.FAILED else self.ended

    def expires_at(self, state: JobState, now: int) -> int | None:
        """When a job that ends now in `state` may be cleaned away."""
        kept = self.of(state)
        return None if kept is None else now + kept

    def keeps_payload(self, state: JobState) -> bool:
        """Whether a job that ends in `state` keeps its arguments."""
        return self.payload == "always" or (self.payload == "failed" and state is JobState.FAILED)

    def to_json(self) -> dict[str, Any]:
        """As plain data, for those who don't have the code that says so."""
        return {"ended": self.ended, "failed": self.failed, "payload": self.payload}


DEFAULT = Keep()
NOTHING = timedelta(0)


class _Duration(msgspec.Struct, frozen=True):
    # A class of its own, so that only the duration may be given without its name.
    duration: timedelta | float | None = None


class Retention(_Duration, frozen=True, kw_only=True):
    """How long ended jobs are kept: of an app, a queue or a task; the nearest that says so counts, as a whole.

    `Retention()` keeps all for ever, `Retention(timedelta(days=7))` all for a week, `Retention.nothing()` nothing.
    Where nobody says anything, succeeded and cancelled jobs are kept for 24 hours and failed ones for ever.

    Args:
        duration: of succeeded, cancelled and failed jobs alike; a timedelta or seconds. None is for ever, zero not at
            all.
        only_failed: keep failed jobs alone; the others are gone when they end.
        payload: whether arguments outlive the end of their job: `"always"`, `"never"`, or `"failed"`, for failed jobs
            alone. A job without its arguments can't be retried.

    Raises:
        InvalidOption: a value makes no sense.
    """

    only_failed: bool = False
    payload: Payload = "always"

    def __post_init__(self) -> None:
        duration(self.duration, what="the duration of a Retention")
        if not isinstance(self.only_failed, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"only_failed must be True or False, not {self.only_failed!r}")
        if self.payload not in PAYLOADS:
            raise InvalidOption(f'payload must be "always", "never" or "failed", not {self.payload!r}')

    @classmethod
    def nothing(cls) -> Self:
        """Keep nothing: a job is gone when it has ended, and so is its result."""
        return cls(NOTHING)

    def resolved(self) -> Keep:
        """The same in the units of the store."""
        kept = duration(self.duration)
        return Keep(0 if self.only_failed else kept, kept, self.payload)


def keep_of(retention: object, *, what: str = "retention") -> Keep:
    """What a caller's `Retention` means.

    Raises:
        InvalidOption: it isn't one.
    """
    if not isinstance(retention, Retention):
        raise InvalidOption(
            f"{what} must be Retention(…), such as Retention(timedelta(days=7)) or Retention.nothing(), "
            f"not {retention!r}"
        )
    return retention.resolved()


def from_json(stored: Any) -> Keep:
    """Back from `Keep.to_json`; fields of a later release are passed over."""
    return msgspec.convert(stored, Keep)
