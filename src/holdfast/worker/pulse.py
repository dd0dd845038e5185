"""Signs of life of a worker's threads."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.store.base import Channel


class Pulse:
    """Signs of life of one thread. It gives them; any other may read them.

    Attributes:
        trouble: why what it does for the worker doesn't succeed now; None while it does.
        worked_at: when it last did, of the monotonic clock.
    """

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.worked_at: float | None = None
        self._beat_at: float | None = None
        self._asked_at: float | None = None

    def beat(self, rest: float = 0.0) -> None:
        """It goes on.

        Args:
            rest: for so many seconds it may wait for news now.
        """
        self._beat_at = monotonic() + rest

    def worked(self) -> None:
        """It has done what it is for."""
        self.worked_at = monotonic()
        self.trouble = None

    def failed(self, error: BaseException) -> None:
        """It could not do what it is for, and will try again."""
        self.trouble = f"{type(error).__name__}: {error}"

    def silent(self, now: float) -> float:
        """Seconds since its last sign; 0 if it hasn't begun, and while it waits for the database: an answer that
        doesn't come is that one's trouble."""
        at = self._beat_at
        return 0.0 if at is None or self._asked_at is not None else max(0.0, now - at)

    def waiting(self, now: float) -> float:
        """For how many seconds it has waited for an answer of the database."""
        at = self._asked_at
        return 0.0 if at is None else max(0.0, now - at)

    def over(self, channel: Channel) -> Channel:
        """The same way to the database, with notes of when it is being asked."""
        return _Noted(self, channel)

    def enter(self) -> None:
        """The database is being asked."""
        self._asked_at = monotonic()

    def leave(self) -> None:
        """It has answered, or failed."""
        self._beat_at = monotonic()
        self._asked_at = None


class _Noted:
    """A channel whose use is noted."""

    def __init__(self, pulse: Pulse, channel: Any) -> None:
        self._pulse = pulse
        self._channel = channel

    def write(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        self._pulse.enter()
        try:
            return self._channel.write(verb, *args, **kwargs)
        finally:
            self._pulse.leave()

    def read(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        self._pulse.enter()
        try:
            return self._channel.read(verb, *args, **kwargs)
        finally:
            self._pulse.leave()

    def close(self) -> None:
        self._channel.close()
