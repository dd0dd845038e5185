"""Tasks as objects, for those who prefer a class with its own state to a function."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_origin

from holdfast.client import build
from holdfast.client.task import Task
from holdfast.core.errors import InvalidTask
from holdfast.core.outcomes import Outcome

if TYPE_CHECKING:
    from holdfast.client.context import JobContext

Args = TypeVar("Args")
Result = TypeVar("Result")


class TaskHandler(Generic[Args, Result]):
    """One task: derive from it, say the types, write `run`, and `app.add(…)` an instance.

    ```python
    class Resize(TaskHandler[ResizeArgs, Size]):
        async def run(self, args: ResizeArgs, ctx: JobContext) -> Size: ...

    resize = app.add(Resize(), queue="images")
    resize.enqueue(ResizeArgs("a.png"))
    ```
    """

    async def run(self, args: Args, ctx: JobContext) -> Result | Outcome:
        """Do one job."""
        raise NotImplementedError(f"{type(self).__qualname__} has no method run(self, args, ctx)")


def adapt(handler: TaskHandler[Any, Any], options: Mapping[str, Any]) -> Task[Any, Any]:
    """The task of a handler: it takes one argument, `args`."""
    cls: Any = type(handler)
    if not isinstance(handler, TaskHandler):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidTask(f"add takes an instance of a TaskHandler, as in app.add(Resize()), not {handler!r}")
    if cls.run is TaskHandler[Any, Any].run or not inspect.iscoroutinefunction(cls.run):
        raise InvalidTask(f"{cls.__qualname__} needs a method: async def run(self, args, ctx)")
    return build.task(
        _function(handler), takes_context=True, local_names=build.local_names(cls), whole=True, **options
    )


def _function(handler: TaskHandler[Any, Any]) -> Callable[..., Any]:
    """The function that a run calls: named and documented like the class, its argument typed like `run`'s."""
    cls: Any = type(handler)
    run: Any = handler.run

    async def call(ctx: JobContext, args: Any) -> Any:
        return await run(args, ctx)

    found: Any = call
    found.__module__, found.__name__, found.__qualname__ = cls.__module__, cls.__name__, cls.__qualname__
    found.__doc__ = cls.__doc__
    found.__signature__ = _signature(cls)
    # Where annotations that are text are resolved.
    found.__wrapped__ = cls.run
    return call


def _signature(cls: type[TaskHandler[Any, Any]]) -> inspect.Signature:
    """Of a function (ctx, args) with the types of a handler's `run`, else those that its class names."""
    written = _written(cls.run)
    parameters = list(written.parameters.values())
    if len(parameters) != 3:
        raise InvalidTask(f"{cls.__qualname__}.run must take (self, args, ctx), not {written}")
    args, result = parameters[1].annotation, written.return_annotation
    named = _named(cls)
    empty = inspect.Parameter.empty
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [
            inspect.Parameter("ctx", positional),
            inspect.Parameter("args", positional, annotation=named[0] if args is empty else args),
        ],
        return_annotation=named[1] if result is empty else result,
    )


def _written(run: Callable[..., Any]) -> inspect.Signature:
    if sys.version_info >= (3, 14):
        # The context's annotation may name what is imported for type checkers only.
        from annotationlib import Format

        return inspect.signature(run, annotation_format=Format.FORWARDREF)
    return inspect.signature(run)


def _named(cls: type[TaskHandler[Any, Any]]) -> tuple[Any, Any]:
    """What a class says in `TaskHandler[Args, Result]`."""
    for base in cls.__mro__:
        for written in getattr(base, "__orig_bases__", ()):
            if get_origin(written) is TaskHandler:
                args, result = get_args(written)
                return args, result
    return Any, Any
