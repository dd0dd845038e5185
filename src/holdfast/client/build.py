"""From a function and its options to a task, everything checked where it is declared."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal, TypeAlias, TypedDict

from msgspec import UNSET, UnsetType

from holdfast.client.names import check_name, default_task_name
from holdfast.client.options import (
    DEFAULT_QUEUE,
    check_expires,
    check_max_attempts,
    check_priority,
    check_retry,
    check_timeout,
)
from holdfast.client.task import AsyncContextTask, AsyncTask, Kind, SyncContextTask, SyncTask, Task
from holdfast.core.errors import InvalidOption, InvalidTask
from holdfast.core.keys import Key, check_key_function
from holdfast.core.limits import Limits, Rates, counted
from holdfast.core.policy import PolicyLevel
from holdfast.core.retention import Retention, keep_of
from holdfast.core.retries import RetryPolicy
from holdfast.core.signature import Signature
from holdfast.core.unique import OnConflict, Unique, as_unique, check_on_conflict
from holdfast.middleware.base import Middleware, check_middleware

ErrorTypes: TypeAlias = type[BaseException] | tuple[type[BaseException], ...]


class TaskOptions(TypedDict, total=False):
    """What a task may be declared with."""

    name: str | None
    """Default: module.function; a function of `__main__` is named by its file."""
    queue: str
    priority: int | None
    """-100 … 100, higher first; default: the queue's, else 0."""
    max_attempts: int | None
    """Charged runs in all; None is without limit. Default: the queue's, else the app's, else 20."""
    retry: RetryPolicy | None
    retry_on: ErrorTypes | None
    """Exceptions that are retried; `Retry` is the strict mode: any other exception fails at once."""
    fail_on: ErrorTypes | None
    """Exceptions that fail at once."""
    timeout: timedelta | float | None
    """Of one run; a timedelta or seconds."""
    expires: timedelta | float | None
    """A job that hasn't begun so long after it was first due fails as expired."""
    max_crashes: int | None
    """After that many deaths of its worker a job is quarantined."""
    retention: Retention | None
    """How long its ended jobs are kept; default: the queue's, else the app's."""
    sensitive: Iterable[str]
    """Parameters that are masked in logs, errors and wherever people look."""
    middleware: Iterable[Middleware]
    executor: Literal["thread", "process"] | None
    """Of a plain function; default: a thread."""
    unique: Unique | str | None
    """What keeps its jobs from being stored beside others; a text is one key for all of them."""
    on_conflict: OnConflict | None
    """What happens then: "existing" (the default), "raise", "replace" or "debounce"."""
    limit: Limits | None
    """How many of its jobs run at a time across all workers and queues: a number, `Limit(…)`, or a list of such."""
    rate: Rates | None
    """How many of its jobs begin in a time: `Rate(count, per=…)`, or a list of such."""
    limit_key: Key | None
    """What those limits and rates count by that name no key themselves: a function of a job's arguments, or the name
    of a parameter."""
    ordering_key: Key | None
    """Jobs of one queue and key run one at a time, in order: a function of the arguments, or the name of a parameter.
    None given by the function is no key; `using(ordering_key=…)` wins. Of no meaning in a FIFO queue."""
    transactional: bool
    """Its runs may finish in a transaction of their own (`ctx.settle_in`); its jobs have leases of their own."""


def task(
    function: Callable[..., Any],
    *,
    takes_context: bool = False,
    local_names: Mapping[str, Any] | None = None,
    whole: bool = False,
    name: str | None = None,
    queue: str = DEFAULT_QUEUE,
    priority: int | None = None,
    max_attempts: int | None | UnsetType = UNSET,
    retry: RetryPolicy | None = None,
    retry_on: ErrorTypes | None = None,
    fail_on: ErrorTypes | None = None,
    timeout: timedelta | float | None | UnsetType = UNSET,
    expires: timedelta | float | None = None,
    max_crashes: int | None = None,
    retention: Retention | None = None,
    sensitive: Iterable[str] = (),
    middleware: Iterable[Middleware] = (),
    executor: Literal["thread", "process"] | None = None,
    unique: Unique | str | None = None,
    on_conflict: OnConflict | None = None,
    limit: Limits | None = None,
    rate: Rates | None = None,
    limit_key: Key | None = None,
    ordering_key: Key | None = None,
    transactional: bool = False,
) -> Task[Any, Any]:
    """A task that belongs to no app yet.

    Args:
        function: what a run calls.
        takes_context: its first parameter is the run's context.
        local_names: what its annotations may use besides.
        whole: key functions are given its one argument, not an object that has it.

    Raises:
        InvalidTask: the function can't be one.
        InvalidOption: an option makes no sense.
    """
    name = _check_function(function, name)
    signature = Signature.of(function, name=name, takes_context=takes_context, local_names=local_names)
    kind = _kind(function, name, executor, takes_context=takes_context)
    level = policy_level(
        max_attempts=max_attempts, retry=retry, retry_on=retry_on, fail_on=fail_on, timeout=timeout,
        max_crashes=max_crashes, retention=retention,
    )  # fmt: skip
    rules = counted("task", name, limit, rate, limit_key)
    keys = [(one.key, one.option) for one in rules]
    if ordering_key is not None:
        keys.append((check_key_function(ordering_key, what="ordering_key"), "ordering_key"))
    if not whole:
        _check_keys(keys, signature)
    return _CLASSES[kind == "async", takes_context](
        name=name,
        function=function,
        signature=signature,
        queue=check_name(queue, what="queue"),
        priority=None if priority is None else check_priority(priority),
        level=level,
        kind=kind,
        takes_context=takes_context,
        transactional=_check_transactional(transactional, name, kind),
        sensitive=_check_sensitive(sensitive, signature),
        middleware=check_middleware(middleware),
        unique=_check_unique(unique, on_conflict, name),
        on_conflict=on_conflict,
        expires=check_expires(expires),
        counted=rules,
        ordering_key=ordering_key,
        whole=whole,
    )


_CLASSES: dict[tuple[bool, bool], type[Task[Any, Any]]] = {
    # async, with context
    (False, False): SyncTask,
    (False, True): SyncContextTask,
    (True, False): AsyncTask,
    (True, True): AsyncContextTask,
}


def policy_level(
    *,
    max_attempts: int | None | UnsetType = UNSET,
    retry: RetryPolicy | None = None,
    retry_on: ErrorTypes | None = None,
    fail_on: ErrorTypes | None = None,
    timeout: timedelta | float | None | UnsetType = UNSET,
    max_crashes: int | None = None,
    retention: Retention | None = None,
    timeout_name: str = "timeout",
) -> PolicyLevel:
    """What an app, a queue or a task says of its policy, checked.

    None is "not said", but for `max_attempts` and `timeout`, where it is "without limit".
    """
    return PolicyLevel(
        max_attempts=UNSET if max_attempts is UNSET else check_max_attempts(max_attempts),
        retry=UNSET if retry is None else check_retry(retry),
        retry_on=UNSET if retry_on is None else _error_types(retry_on, "retry_on"),
        fail_on=UNSET if fail_on is None else _error_types(fail_on, "fail_on"),
        timeout=UNSET if isinstance(timeout, UnsetType) else check_timeout(timeout, what=timeout_name),
        max_crashes=UNSET if max_crashes is None else _check_crashes(max_crashes),
        retention=UNSET if retention is None else keep_of(retention),
    )


def local_names(function: object) -> Mapping[str, Any] | None:
    """The names around a function that is declared within another, which its annotations may use.

    Called by the decorator: the first frame outside of this package is where the function stands.
    """
    if "<locals>" not in getattr(function, "__qualname__", ""):
        return None
    frame = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the only way to the names of a function that still runs
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("holdfast."):
        frame = frame.f_back
    return dict(frame.f_locals)


def _check_function(function: object, name: str | None) -> str:
    if isinstance(function, str):
        raise InvalidTask(f"a task's name is given by keyword: task(name={function!r})")
    if isinstance(function, Task):
        raise InvalidTask(
            f"{function.name} is a task already; declare the function itself again under another name"
        )
    if isinstance(function, (staticmethod, classmethod)):
        raise InvalidTask(
            f"{function!r}: put the task's decorator inside of @staticmethod, or use a plain function"
        )
    if isinstance(function, type) or not callable(function):
        raise InvalidTask(f"a task is a function, and {function!r} is none; for classes there is TaskHandler")
    name = default_task_name(function) if name is None else name
    return check_name(name, what="task")


def _kind(function: Callable[..., Any], name: str, executor: str | None, *, takes_context: bool) -> Kind:
    if executor not in (None, "thread", "process"):
        raise InvalidOption(f'executor must be "thread" or "process", not {executor!r}')
    if _code_flags(function) & inspect.CO_COROUTINE:
        if executor is not None:
            raise InvalidTask(
                f"task {name}: an async function runs on the event loop; executor= is for plain functions"
            )
        return "async"
    if executor == "process":
        _check_process_task(function, name, takes_context=takes_context)
        return "process"
    return "thread"


def _check_transactional(transactional: bool, name: str, kind: Kind) -> bool:
    if transactional and kind == "process":
        raise InvalidTask(
            f"task {name}: a run in another process has no context to settle by; leave out transactional=True"
        )
    return transactional


def _check_unique(unique: Unique | str | None, on_conflict: OnConflict | None, name: str) -> Unique | None:
    if on_conflict is not None:
        check_on_conflict(on_conflict)
        if unique is None:
            raise InvalidOption(
                f"task {name}: on_conflict= says what happens to unique jobs; give unique= as well"
            )
    if unique is None:
        return None
    unique = as_unique(unique)
    unique.check_conflict(on_conflict or "existing")
    return unique


def _check_keys(keys: Iterable[tuple[Key | None, str]], signature: Signature) -> None:
    for key, what in keys:
        if isinstance(key, str) and key not in signature.parameters:
            fixed = "; for one fixed key write a function that gives it" if what == "ordering_key" else ""
            raise InvalidOption(
                f"task {signature.name}: {what} names {key!r}, which is none of its parameters: "
                f"{', '.join(signature.parameters) or 'it has none'}{fixed}"
            )


def _check_process_task(function: Callable[..., Any], name: str, *, takes_context: bool) -> None:
    qualname = getattr(function, "__qualname__", "<locals>")
    if "<locals>" in qualname or "<lambda>" in qualname:
        raise InvalidTask(
            f"task {name}: a child process finds its function by module and name, so it must stand at the top "
            "level of a module, not inside another function"
        )
    if takes_context:
        raise InvalidTask(
            f"task {name}: a run's context can't be handed to another process; leave out takes_context=True"
        )


def _code_flags(function: Any) -> int:
    while True:
        if hasattr(function, "__code__"):
            return int(function.__code__.co_flags)
        if hasattr(function, "func"):  # functools.partial
            function = function.func
        elif hasattr(function, "__func__"):  # a bound method
            function = function.__func__
        elif hasattr(type(function).__call__, "__code__"):
            function = type(function).__call__
        else:
            return 0


def _check_sensitive(sensitive: Iterable[str], signature: Signature) -> tuple[str, ...]:
    names = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive)
    for name in names:
        if name not in signature.parameters:
            raise InvalidTask(
                f"task {signature.name}: sensitive names {name!r}, which is none of its parameters: "
                f"{', '.join(signature.parameters) or 'it has none'}"
            )
    return names


def _error_types(types: Any, what: str) -> tuple[type[BaseException], ...]:
    found: list[Any] = list(types) if isinstance(types, (tuple, list)) else [types]  # pyright: ignore[reportUnknownArgumentType]
    for cls in found:
        if not (isinstance(cls, type) and issubclass(cls, BaseException)):
            raise InvalidOption(f"{what} must be an exception class or a tuple of such, not {cls!r}")
    return tuple(found)


def _check_crashes(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidOption(f"max_crashes must be a whole number of 1 or more, not {value!r}")
    return value
