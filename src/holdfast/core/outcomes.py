"""What a run decided: small frozen objects that are also exceptions, so they may be returned or raised.

The public ones are for handlers and middleware. Those below the line are found by the worker: what a handler
raised, that it took too long, that its worker died. `lifecycle.settle` turns each into a row change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from holdfast.core.times import from_timedelta, to_datetime


class Outcome(Exception):
    """The base of all outcomes. Compare with `isinstance`."""

    @property
    def name(self) -> str:
        return type(self).__name__


class Succeeded(Outcome):
    """The handler returned a value. `result` is its JSON text; None where nothing is kept."""

    def __init__(self, result: str | None = None, value: Any = None) -> None:
        self.result = result
        self.value = value


class Retry(Outcome):
    """Run the job again. Charged; the job fails as exhausted if no attempts remain.

    Args:
        after: the delay, none if it is negative; raised to the queue's `min_retry_delay`, not cut by `max_delay`.
            None: the policy's.
        cause: the error to keep as the run's error.
    """

    def __init__(self, after: timedelta | None = None, *, cause: BaseException | None = None) -> None:
        super().__init__("retry" if after is None else f"retry after {after}")
        if after is not None:
            from_timedelta(after, what="Retry(after=…)")
        self.after = after
        self.cause = cause


class Snooze(Outcome):
    """Run the job again after `for_`, at once if that is negative. Not charged as an attempt."""

    def __init__(self, for_: timedelta) -> None:
        super().__init__(f"snooze for {for_}")
        from_timedelta(for_, what="Snooze(…)")
        self.for_ = for_


@runtime_checkable
class Schedule(Protocol):
    """Anything that can compute the next time from now (aware datetimes)."""

    def next_run(self, now: datetime) -> datetime: ...


class After:
    """The schedule "this long from now"; a negative delay is none.

    Raises:
        InvalidOption: it is no timedelta.
    """

    def __init__(self, delay: timedelta) -> None:
        from_timedelta(delay, what="After(…)")
        self.delay = delay

    def next_run(self, now: datetime) -> datetime:
        return now + self.delay

    def __repr__(self) -> str:
        return f"After({self.delay!r})"


class Reschedule(Outcome):
    """This run succeeded; the same job is pending again at the computed time, with attempt 0.

    Args:
        by: `After`, `Cron`, or any object with `next_run(now)`.
        args: new arguments by name, replacing all the old ones. None keeps them.
    """

    def __init__(self, by: Schedule, args: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"reschedule by {by!r}")
        self.by = by
        # Not `args`: every exception has that, as a tuple.
        self.new_args = args
        self.encoded_args: str | None = None
        """The new arguments as JSON text, set by the worker once they were checked against the task."""


class MoveToDlq(Outcome):
    """The job fails at once, with the reason `error`: it waits among the dead letters."""

    def __init__(self, reason: str, *, cause: BaseException | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause = cause


class Fail(MoveToDlq):
    """The same as `MoveToDlq`, under the name that reads better where no dead letters are thought of."""


class Cancel(Outcome):
    """The job ends as cancelled."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


# --- found by the worker, not made by handlers ---------------------------------------------------------------


class Raised(Outcome):
    """The handler raised an exception."""

    def __init__(self, error: BaseException) -> None:
        # Not its text: that is made by code of the user's, which may fail.
        super().__init__(type(error).__qualname__)
        self.error = error


class TimedOut(Raised):
    """The run took longer than its timeout."""


class Panicked(Raised):
    """The handler raised what is not an `Exception`, or what `Recovery(panics=…)` names."""


class InvalidArgs(Raised):
    """The stored arguments no longer decode to the task's signature."""


class BadResult(Raised):
    """The handler returned what can't be stored."""


class Interrupted(Outcome):
    """Given back uncharged: the worker is shutting down, slowed, or never started the job.

    Args:
        started: False keeps the job's place in its queue; True means that it ran for a while.
    """

    def __init__(self, *, started: bool = False) -> None:
        self.started = started


class Crashed(Outcome):
    """The worker died while the job was running."""

    def __init__(self, worker: str = "") -> None:
        super().__init__(f"worker {worker} died" if worker else "the worker died")
        self.worker = worker


class Expired(Outcome):
    """The job had not begun when its time was over.

    Args:
        at: when that was, in microseconds.
    """

    def __init__(self, at: int) -> None:
        super().__init__(f"not begun by {to_datetime(at).isoformat()}")
        self.at = at


class NotKnown(Outcome):
    """No live worker of the queue has known the task for the grace time."""
