"""What one call of an application asks of the store, written once for its blocking and its async form.

A flow is a generator: it yields calls of verbs and receives what they return. `Client.run` drives it on this
thread, `Client.arun` awaits each call, and both can run it on a connection of the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class Read(msgspec.Struct, frozen=True, gc=False):
    """A call that changes nothing."""

    verb: Callable[..., Any]
    args: tuple[Any, ...]


class Write(msgspec.Struct, frozen=True, gc=False):
    """A call in a transaction."""

    verb: Callable[..., Any]
    args: tuple[Any, ...]


Flow = Generator[Read | Write, Any, T]
"""A flow that returns a T."""
