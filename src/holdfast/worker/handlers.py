"""What a worker keeps of each task in each queue, so that a run has nothing to look up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import InvalidMiddleware, InvalidResult
from holdfast.core.outcomes import BadResult, MoveToDlq, Outcome, Raised, Reschedule, Succeeded

if TYPE_CHECKING:
    from holdfast.client.task import Kind, Task
    from holdfast.middleware.base import ProcessNext

NOTHING = Succeeded("null")
"""What a handler that returns nothing has decided."""


class Handler:
    """One task as it is run in one queue.

    Args:
        task: as declared.
        chain: middleware around the run, or None where there is none.
        on_loop: the chain needs an event loop, though the handler is a plain function.
    """

    __slots__ = ("chain", "decode", "function", "kind", "on_loop", "takes_context", "target", "task")

    def __init__(self, task: Task[Any, Any], chain: ProcessNext | None, *, on_loop: bool) -> None:
        self.task = task
        self.kind: Kind = task.kind
        self.function: Callable[..., Any] = task.function
        self.decode = task.signature.decode
        self.takes_context = task.takes_context
        self.chain = chain
        self.on_loop = on_loop
        self.target = task.import_path if task.kind == "process" else ""

    def decided(self, value: Any) -> Outcome:
        """The outcome of what the handler returned."""
        if value is None:
            return NOTHING
        if isinstance(value, Outcome):
            return self.checked(value)
        try:
            return Succeeded(self.task.signature.encode_result(value), value)
        except InvalidResult as error:
            return BadResult(error)

    def checked(self, outcome: object) -> Outcome:
        """An outcome that a handler or a middleware gave, with the arguments of a reschedule encoded."""
        if isinstance(outcome, Reschedule) and outcome.new_args is not None and outcome.encoded_args is None:
            try:
                outcome.encoded_args = self.task.signature.encode_mapping(outcome.new_args)
            except Exception as error:  # what the object holds is the handler's
                return MoveToDlq("its new arguments don't fit the task", cause=error)
        if isinstance(outcome, Outcome):
            return outcome
        return Raised(
            InvalidMiddleware(
                f"a middleware around {self.task.name} returned {outcome!r}, which is no outcome; "
                "return what call_next gave, or an outcome in its place"
            )
        )
