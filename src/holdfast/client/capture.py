"""Results captured below the handler: by code that has no way to return one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from holdfast.client.context import CURRENT, JobContext

Keep = Callable[[Any], None]
"""Takes a captured value."""

_CATCHER: ContextVar[tuple[JobContext | None, Keep] | None] = ContextVar("holdfast.capturing", default=None)
"""The innermost `catching`, and the run that it stands in: one that lies around a worker hears nothing of its runs."""


class ResultCapture:
    """What `capture_result` was given last inside of `capturing`.

    Attributes:
        captured: True once there was something.
        value: that; None before.
    """

    def __init__(self) -> None:
        self.captured = False
        self.value: Any = None

    def __repr__(self) -> str:
        return f"<ResultCapture {self.value!r}>" if self.captured else "<ResultCapture of nothing yet>"

    def keep(self, value: Any) -> None:
        """Take a value; the last one stands."""
        self.captured, self.value = True, value


def capture_result(value: Any) -> None:
    """Keep a value as the result of the job whose run this code is part of, however deep. The last one stands.

    What the handler returns wins, unless that is None. A job that fails keeps what was captured too:
    `job.kept_result` shows it. Outside of a run, and of `capturing`, this does nothing.

    Args:
        value: JSON, of the task's return type if it has one.

    Raises:
        InvalidResult: it isn't of that type, or can't be stored; names the path.
    """
    run = CURRENT.get(None)
    catcher = _CATCHER.get()
    if catcher is not None and catcher[0] is run:
        catcher[1](value)
    elif run is not None:
        run.capture(value)


@contextmanager
def capturing() -> Generator[ResultCapture]:
    """Catch what is captured inside of the block, here and now, for tests and for code that embeds other code.

    Within a run it keeps those results from the job.
    """
    found = ResultCapture()
    with catching(found.keep):
        yield found


@contextmanager
def catching(keep: Keep) -> Generator[None]:
    """Hand each value that is captured inside of the block to a function."""
    token = _CATCHER.set((CURRENT.get(None), keep))
    try:
        yield
    finally:
        _CATCHER.reset(token)
