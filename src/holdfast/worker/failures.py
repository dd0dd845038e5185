"""What is kept of an exception."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.core.failures import type_name
from holdfast.core.job import Failure
from holdfast.core.payload import cap, clean_text

if TYPE_CHECKING:
    from traceback import TracebackException

OWN = str(Path(__file__).resolve().parent.parent)
"""The folder of this package: its frames say nothing about a handler."""

_FOUND_ELSEWHERE = "__holdfast_failure__"
"""Where an exception that stands for one of another process carries what that process found."""


def describe(error: BaseException) -> Failure:
    """The kept form of an exception: type, message and traceback, each in a form and size that a store takes.

    The traceback begins in the handler: the frames of Holdfast that lead there are left out.
    """
    found = getattr(error, _FOUND_ELSEWHERE, None)
    if isinstance(found, Failure):
        return found
    return Failure(type_name(type(error)), _kept(_message(error)), _kept(_traceback(error)))


def found_elsewhere(error: BaseException, failure: Failure) -> BaseException:
    """Make `describe` return this for the exception."""
    setattr(error, _FOUND_ELSEWHERE, failure)
    return error


def _kept(text: str) -> str:
    return cap(clean_text(text))


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as broken:  # a user's __str__, which may raise anything
        return f"(its message could not be made: {type(broken).__name__})"


def _traceback(error: BaseException) -> str:
    from traceback import TracebackException

    try:
        found = TracebackException(type(error), error, error.__traceback__, compact=True)
        for part in _chain(found):
            _drop_own(part)
        return "".join(found.format())
    except BaseException as broken:  # a user's __str__ or __repr__, a source file that changed
        return f"(the traceback could not be made: {type(broken).__name__})"


def _drop_own(found: TracebackException) -> None:
    leading = 0
    for frame in found.stack:
        if not frame.filename.startswith(OWN):
            break
        leading += 1
    del found.stack[:leading]


def _chain(found: TracebackException | None) -> Iterator[TracebackException]:
    if found is None:
        return
    yield found
    yield from _chain(found.__cause__)
    yield from _chain(found.__context__)
    for part in getattr(found, "exceptions", None) or ():
        yield from _chain(part)
