"""The two loops that drive a verb: one on a blocking connection, one on an async one.

They open no transaction: whoever owns the connection has done that, or has chosen not to.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from holdfast.store.statement import Rows, Step, Verb

T = TypeVar("T")


class Adapter(Protocol):
    """Runs one step on one connection."""

    def run(self, step: Step) -> Rows: ...


class AsyncAdapter(Protocol):
    """Runs one step on one async connection."""

    async def run(self, step: Step) -> Rows: ...


def drive(verb: Verb[T], adapter: Adapter) -> T:
    """Run a verb to its end. An error of the adapter is raised inside the verb, so that it may handle it."""
    try:
        step = next(verb)
        while True:
            try:
                rows = adapter.run(step)
            except Exception as error:
                step = verb.throw(error)
            else:
                step = verb.send(rows)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def adrive(verb: Verb[T], adapter: AsyncAdapter) -> T:
    """The same, awaiting each step."""
    try:
        step = next(verb)
        while True:
            try:
                rows = await adapter.run(step)
            except Exception as error:
                step = verb.throw(error)
            else:
                step = verb.send(rows)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
