"""Enqueues that a test expects, compared with those that were made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from holdfast.client.job import MASK
from holdfast.client.options import NOTHING, Using
from holdfast.core import payload
from holdfast.core.errors import HoldfastError, InvalidArguments
from holdfast.core.job import NewJob

if TYPE_CHECKING:
    from holdfast.client.job import Job
    from holdfast.client.registry import Registry
    from holdfast.client.task import BoundTask, Task

SHOWN = 10
"""So many enqueues are listed where none fits."""

Enqueued = tuple["Job[Any]", NewJob]
"""A job as it is now, and as it was asked for."""


class Expected:
    """An enqueue of a task with some of its arguments and options.

    Args:
        what: the task, or its name, or what `task.using(…)` returns: then these options are expected too.
        args: by position.
        kwargs: by name.
        registry: of the app.

    Raises:
        InvalidArguments: the task has no such parameter: no enqueue could ever have it.
    """

    def __init__(
        self, what: BoundTask[..., Any] | str, args: Sequence[Any], kwargs: dict[str, Any], registry: Registry
    ) -> None:
        self._task: Task[..., Any] | None
        if isinstance(what, str):
            self.name, self._task, self._using = what, registry.find(what), NOTHING
        else:
            self._task, self._using = what.bound
            self.name = self._task.name
        self.args = self._named(args, kwargs)

    def _named(self, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        if self._task is None:
            if args:
                raise InvalidArguments(
                    f"task {self.name} isn't declared here, so its parameters have no order: name them"
                )
            return kwargs
        parameters = self._task.signature.parameters
        if len(args) > len(parameters):
            raise InvalidArguments(f"{self.name} takes {len(parameters)} arguments, not {len(args)}")
        named = dict(zip(parameters, args, strict=False))
        for name in kwargs:
            if name not in parameters or name in named:
                wrong = "is given twice" if name in named else "is no parameter"
                raise InvalidArguments(
                    f"{name} {wrong} of {self.name}({', '.join(parameters)}); options are given to using: "
                    f"assert_enqueued(task.using(queue=…), …)"
                )
        return {**named, **kwargs}

    def fits(self, job: NewJob) -> bool:
        """True for an enqueue that is as expected."""
        return job.task == self.name and not self.differences(job)

    def differences(self, job: NewJob) -> list[str]:
        """What of an enqueue of this task is not as expected."""
        return [*self._other_args(job), *_other_options(self._using, job)]

    def _other_args(self, job: NewJob) -> Iterable[str]:
        stored: dict[str, Any] = msgspec.json.decode(job.args)
        typed = self._typed(job)
        for name, wanted in self.args.items():
            given = [of[name] for of in (typed, stored) if name in of]
            if not any(_same(wanted, value) for value in given) and not _stored_alike(wanted, given):
                yield name

    def _typed(self, job: NewJob) -> dict[str, Any]:
        """The arguments as the handler gets them, with its defaults."""
        if self._task is None:
            return {}
        signature = self._task.signature
        try:
            values, keywords = signature.decode(job.args)
        except HoldfastError:  # changed by a middleware, perhaps: the text itself is compared
            return {}
        return {**dict(zip(signature.parameters, values, strict=False)), **keywords}

    def __str__(self) -> str:
        return _call(self.name, self.args, self._task) + _shown_options(self._using)

    def message(self, enqueued: Sequence[Enqueued], wanted: str) -> str:
        """What an assertion says that has failed: the nearest enqueues first."""
        lines = [f"expected {wanted} of {self}"]
        if not enqueued:
            return f"{lines[0]}, but nothing at all was enqueued"
        same = [(self.differences(new), job) for job, new in enqueued if new.task == self.name]
        same.sort(key=lambda one: len(one[0]))
        rest = [job for job, new in enqueued if new.task != self.name]
        lines.append(f"enqueued were {len(enqueued)}:")
        shown = [f"{_shown(job)}{_but(differences)}" for differences, job in same] + [
            _shown(job) for job in rest
        ]
        lines += [f"  {line}" for line in shown[:SHOWN]]
        if len(shown) > SHOWN:
            lines.append(f"  … and {len(shown) - SHOWN} more")
        return "\n".join(lines)


def _same(wanted: Any, given: Any) -> bool:
    # The expectation on the left: it may be a matcher, such as `mock.ANY` or `pytest.approx`.
    return bool(wanted == given)


def _stored_alike(wanted: Any, given: list[Any]) -> bool:
    """Equal as they are stored: a `Path` may be expected as text."""
    try:
        text = payload.encode(wanted, what="what is expected")
        return any(text == payload.encode(value, what="what was given") for value in given)
    except HoldfastError:  # what can't be stored may be a matcher
        return False


def _other_options(using: Using, job: NewJob) -> Iterable[str]:
    for name, shown in (
        ("delay", "delay"), ("run_at", "at"), ("priority", "priority"), ("queue", "queue"), ("job_id", "id"),
        ("ordering_key", "ordering_key"),
    ):  # fmt: skip
        wanted = getattr(using, name)
        if wanted is not None and wanted != getattr(job, name):
            yield f"{shown}="
    if using.meta is not None and not using.meta.items() <= job.meta.items():
        yield "meta="
    if using.overrides is not None:
        for name in ("max_attempts", "retry", "timeout"):
            wanted = getattr(using.overrides, name)
            if wanted is not UNSET and wanted != getattr(job.overrides, name, UNSET):
                yield f"{name}="


def _shown_options(using: Using) -> str:
    told = {
        name: value
        for name in ("delay", "run_at", "priority", "queue", "meta", "overrides")
        if (value := getattr(using, name)) is not None
    }
    return f" using {told}" if told else ""


def _but(differences: list[str]) -> str:
    return f"   (other: {', '.join(differences)})" if differences else ""


def _shown(job: Job[Any]) -> str:
    call = ", ".join(f"{name}={value!r}" for name, value in job.masked_args.items())
    return f"{job.task}({call}) in queue {job.queue}, priority {job.priority}, {job.state}"


def _call(name: str, args: dict[str, Any], task: Task[..., Any] | None) -> str:
    hidden = () if task is None else task.sensitive
    return f"{name}({', '.join(f'{key}={MASK if key in hidden else repr(value)}' for key, value in args.items())})"
