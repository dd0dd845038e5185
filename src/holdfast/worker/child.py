"""A child process of a worker: runs process handlers, one after the other, in its main thread.

It is told what to run by `module:qualname`. It ends with its parent, whatever it is doing then.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread
from types import FrameType
from typing import Any

from holdfast.client.capture import catching
from holdfast.client.log import ELSEWHERE
from holdfast.client.task import Task
from holdfast.core import outcomes as o
from holdfast.core.errors import InvalidArguments, InvalidResult
from holdfast.core.signature import Signature
from holdfast.core.times import from_datetime, from_timedelta, to_datetime
from holdfast.middleware.request_id import REQUEST_ID, request_id
from holdfast.worker import messages as m
from holdfast.worker.failures import describe
from holdfast.worker.logs import Style, configure, configure_rest
from holdfast.worker.messages import Line


def main(fd: int, parent: int, logs: tuple[int, Style] | None = None) -> None:
    """Serve a parent over a socket until it closes that, and log as it does."""
    if logs is not None:
        configure(*logs)
    for number in (signal.SIGINT, signal.SIGTERM):
        # They go to whole groups of processes; the parent decides when its children end. Not SIG_IGN, which
        # programs that a handler starts would inherit.
        signal.signal(number, _leave_it_to_the_parent)
    _die_with(parent)
    line = Line(socket.socket(fileno=fd))
    orders: SimpleQueue[m.ToChild] = SimpleQueue()
    Thread(target=_listen, args=(line, orders), name="holdfast-line", daemon=True).start()
    line.send(m.Ready())
    tasks: dict[str, tuple[Any, Signature]] = {}
    while True:
        order = orders.get()
        try:
            if isinstance(order, m.Load):
                answer = _load(order, tasks)
                configure_rest()
            else:
                answer = copy_context().run(_work, order, *tasks[order.target])
        except BaseException as error:
            answer = _raised(error, "panicked")
        _flush()
        line.send(answer)


def _listen(line: Line, orders: SimpleQueue[m.ToChild]) -> None:
    while True:
        try:
            orders.put(line.hear_parent())
        except (EOFError, OSError):
            os._exit(0)  # the parent is gone, and with it whoever waits for the handler


def _leave_it_to_the_parent(number: int, frame: FrameType | None) -> None:
    pass


def _die_with(parent: int) -> None:
    """Have the kernel end this process with its parent even while C code holds the interpreter (Linux)."""
    if sys.platform == "linux":
        import ctypes

        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _load(order: m.Load, tasks: dict[str, tuple[Any, Signature]]) -> m.FromChild:
    if order.target not in tasks:
        module, _, qualname = order.target.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for name in qualname.split("."):
                found = getattr(found, name)
        except BaseException as error:
            return _raised(error, "raised")
        is_task = isinstance(found, Task)
        tasks[order.target] = (found.function, found.signature) if is_task else (found, Signature.of(found))
    return m.Ready()


def _work(order: m.Work, function: Any, signature: Signature) -> m.FromChild:
    try:
        args, kwargs = signature.decode(order.args)
    except InvalidArguments as error:
        return _raised(error, "invalid args")
    ELSEWHERE.set(order.fields)
    captured: list[str] = []
    with _request_of(order), catching(lambda value: captured.append(signature.encode_captured(value))):
        answer = _call(function, signature, args, kwargs)
    if captured:
        answer.captured = captured[-1]
    return answer


def _call(
    function: Any, signature: Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> m.Returned | m.Raised | m.Decided:
    try:
        value = function(*args, **kwargs)
    except o.Outcome as outcome:
        value = outcome
    except Exception as error:
        return _raised(error, "raised")
    except BaseException as error:
        return _raised(error, "panicked")
    try:
        return (
            _decided(value, signature)
            if isinstance(value, o.Outcome)
            else m.Returned(signature.encode_result(value))
        )
    except InvalidResult as error:
        return _raised(error, "bad result")


def _request_of(order: m.Work) -> AbstractContextManager[object]:
    """So that what the handler enqueues belongs to the same request."""
    found = order.fields.get(REQUEST_ID)
    return request_id(found) if isinstance(found, str) and found else nullcontext()


def _decided(outcome: o.Outcome, signature: Signature) -> m.Raised | m.Decided:
    """An outcome as plain data."""
    match outcome:
        case o.Retry():
            delay = None if outcome.after is None else from_timedelta(outcome.after)
            return m.Decided("Retry", delay=delay, cause=_cause(outcome.cause))
        case o.Snooze():
            return m.Decided("Snooze", delay=from_timedelta(outcome.for_))
        case o.MoveToDlq():
            return m.Decided("MoveToDlq", outcome.reason, cause=_cause(outcome.cause))
        case o.Cancel():
            return m.Decided("Cancel", outcome.reason)
        case o.Reschedule():
            return _rescheduled(outcome, signature)
        case _:
            return _raised(
                TypeError(f"{outcome!r} is not an outcome that a handler may return"), "bad result"
            )


def _rescheduled(outcome: o.Reschedule, signature: Signature) -> m.Raised | m.Decided:
    import time

    try:
        args = None if outcome.new_args is None else signature.encode_mapping(outcome.new_args)
        due = outcome.by.next_run(to_datetime(time.time_ns() // 1000))
        return m.Decided("Reschedule", at=from_datetime(due), args=args)
    except Exception as error:  # schedules are users' objects
        return m.Decided("MoveToDlq", "it could not be rescheduled", cause=_raised(error, "raised"))


def _cause(error: BaseException | None) -> m.Raised | None:
    return None if error is None else _raised(error, "raised")


def _raised(error: BaseException, how: str) -> m.Raised:
    classes = [f"{cls.__module__}:{cls.__qualname__}" for cls in type(error).__mro__ if cls is not object]
    return m.Raised(describe(error), classes, how)


def _flush() -> None:
    """What a handler printed is not to wait for the next one."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
