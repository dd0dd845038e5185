"""Names of tasks and queues: what they may be, and what a task is called that wasn't given one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import InvalidOption, InvalidTask

if TYPE_CHECKING:
    from holdfast.client.task import Task

MAX_LENGTH = 200
"""Characters."""


def check_name(name: object, *, what: str) -> str:
    """A name as it was given: case is kept.

    Args:
        name: of a task or a queue.
        what: which of the two, for the error.

    Raises:
        InvalidOption: it isn't text, is empty or too long, or holds what can't be printed.
    """
    if not isinstance(name, str):
        raise InvalidOption(f"the name of a {what} must be text, not {name!r}")
    if not name.strip():
        raise InvalidOption(f"the name of a {what} must not be empty")
    if len(name) > MAX_LENGTH:
        raise InvalidOption(
            f"the name of a {what} may have {MAX_LENGTH} characters, not {len(name)}: {name[:40]!r}…"
        )
    if not name.isprintable():
        raise InvalidOption(f"the name of a {what} must be printable, unlike {name!r}")
    return name


def task_name(task: str | Task[Any, Any]) -> str:
    """The name of a task that is given as such, or by its name.

    Raises:
        InvalidOption: it is neither, or no name.
    """
    from holdfast.client.task import Task

    if isinstance(task, Task):
        return task.name
    if not isinstance(task, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"a task is given as such, or by its name, not as {task!r}")
    return check_name(task, what="task")


def default_task_name(function: Callable[..., Any]) -> str:
    """`module.function`; the place of a function within a class or another function is kept, as in `module.C.f`.

    Raises:
        InvalidTask: it has no name of its own, as a `functools.partial` has none.
    """
    qualname = getattr(function, "__qualname__", None)
    module = getattr(function, "__module__", None)
    if not qualname or not module or "<lambda>" in qualname:
        raise InvalidTask(
            f'{function!r} has no name of its own to call the task by: give one, as in name="mail.send"'
        )
    return f"{importable_module(module)}.{qualname.replace('.<locals>', '')}"


def importable_module(name: str) -> str:
    """A module's name as another process would import it: for `__main__`, the name of the file that was started."""
    if name != "__main__":
        return name
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        # `python -m package` runs package/__main__.py.
        return str(spec.name).removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    return PurePath(file).stem if file else name
