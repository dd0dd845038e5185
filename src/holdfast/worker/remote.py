"""A child process as its parent sees it."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from datetime import datetime
from typing import Any

from holdfast.core import outcomes as o
from holdfast.core.job import Failure
from holdfast.core.times import to_datetime, to_timedelta
from holdfast.worker import messages as m
from holdfast.worker.failures import found_elsewhere
from holdfast.worker.logs import configured
from holdfast.worker.messages import Line

START_TIMEOUT = 60.0
"""Seconds for a new child to come up."""
_LOOK = 500
"""Milliseconds between two looks at whether a child lives, where the kernel doesn't tell."""


class ChildDied(Exception):
    """The child ended, by itself or killed; the message says how."""


class Child:
    """One child process."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            code = (
                f"import sys; sys.path[:] = {sys.path!r}; sys.argv[:] = {sys.argv[:1]!r}\n"
                f"from holdfast.worker.child import main; main({theirs.fileno()}, {os.getpid()}, {configured()!r})"
            )
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-c", code], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )
        self._line = Line(ours)
        self._end = _pidfd(self._process.pid)
        self._loaded: set[str] = set()
        self._expect_ready(START_TIMEOUT)

    @property
    def pid(self) -> int:
        return self._process.pid

    def load(self, target: str) -> None:
        """Have it import a task.

        Raises:
            ChildDied: on the way.
            Exception: what the import raised, as far as its class is known here.
        """
        if target not in self._loaded:
            self._send(m.Load(target))
            self._expect_ready(None)
            self._loaded.add(target)

    def run(
        self, target: str, args: str, fields: dict[str, Any] | None = None
    ) -> tuple[o.Outcome, str | None]:
        """Run a task that it has loaded, its log lines with these fields; returns its outcome and what it captured.

        Raises:
            ChildDied: meanwhile.
        """
        self._send(m.Work(target, args, fields or {}))
        answer = self._hear(None)
        return outcome_of(answer), None if isinstance(answer, m.Ready) else answer.captured

    def kill(self) -> None:
        """End it now; whoever waits for it sees ChildDied. From any thread."""
        self._process.kill()

    def close(self) -> None:
        """Let it end, and make sure that it does."""
        self._line.close()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._end is not None:
            os.close(self._end)
            self._end = None

    def _send(self, message: m.ToChild) -> None:
        try:
            self._line.send(message)
        except OSError as error:
            raise ChildDied(self._how_it_ended()) from error

    def _expect_ready(self, timeout: float | None) -> None:
        message = self._hear(timeout)
        if isinstance(message, m.Raised):
            raise error_of(message)

    def _hear(self, timeout: float | None) -> m.FromChild:
        # Not by the end of the line alone: a program that the handler started may keep that open.
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        if self._end is not None:
            poll.register(self._end, select.POLLIN)
        wait = None if self._end is not None and timeout is None else int((timeout or _LOOK / 1000) * 1000)
        while True:
            ready = dict(poll.poll(wait))
            if self._line.fileno() in ready:
                try:
                    return self._line.hear_child()
                except (EOFError, OSError) as error:
                    raise ChildDied(self._how_it_ended()) from error
            if ready or self._process.poll() is not None:
                raise ChildDied(self._how_it_ended())
            if timeout is not None:
                self.kill()
                raise ChildDied(f"it did not come up within {timeout:.0f} s")

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "it closed its line to the worker"
        if code < 0:
            from signal import Signals

            try:
                return f"it died by {Signals(-code).name}"
            except ValueError:
                return f"it died by signal {-code}"
        return f"it ended with exit code {code}"


def _pidfd(pid: int) -> int | None:
    """Something to wait on for the end of a process, on systems that have it."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


# --- what a child said, as objects of this process -----------------------------------------------------------


def outcome_of(message: m.FromChild) -> o.Outcome:
    """The outcome that a child found."""
    match message:
        case m.Returned():
            return o.Succeeded(message.result)
        case m.Raised():
            made = {"panicked": o.Panicked, "invalid args": o.InvalidArgs, "bad result": o.BadResult}
            return made.get(message.how, o.Raised)(error_of(message))
        case m.Decided():
            return _decided(message)
        case m.Ready():
            raise TypeError("a child answered out of turn")


def _decided(message: m.Decided) -> o.Outcome:
    cause = None if message.cause is None else error_of(message.cause)
    delay = None if message.delay is None else to_timedelta(message.delay)
    match message.name:
        case "Retry":
            return o.Retry(delay, cause=cause)
        case "Snooze" if delay is not None:
            return o.Snooze(delay)
        case "Reschedule" if message.at is not None:
            outcome = o.Reschedule(_At(to_datetime(message.at)))
            outcome.encoded_args = message.args
            return outcome
        case "Cancel":
            return o.Cancel(message.reason)
        case _:
            return o.MoveToDlq(message.reason, cause=cause)


class _At:
    """The schedule "then", computed by a child."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def next_run(self, now: datetime) -> datetime:
        return self._at


def error_of(message: m.Raised) -> BaseException:
    """An exception that stands for one of a child: of the nearest class that is known here, so that `retry_on` and
    `fail_on` tell it from others, and kept as the child described it."""
    for name in message.classes:
        cls = _known_class(name)
        if cls is not None:
            return _stand_in(cls, message.failure)
    return _stand_in(RuntimeError, message.failure)


def _known_class(name: str) -> type[BaseException] | None:
    module, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _stand_in(cls: type[BaseException], failure: Failure) -> BaseException:
    try:
        # Not by its own __init__, which may want anything.
        error = cls.__new__(cls)
        error.args = (failure.message,)
    except Exception:  # a user's __new__
        error = RuntimeError(failure.message)
    return found_elsewhere(error, failure)
