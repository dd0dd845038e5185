"""Keys: what tells jobs apart for limits, rates, fair shares and order, made of their arguments.

A key function is given the arguments of a job by name, `lambda args: args.tenant`; the name of a parameter stands for
the function that gives it. Keys are text inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, TypeAlias, cast
from uuid import UUID

from holdfast.core.errors import InvalidArguments, InvalidOption

Key: TypeAlias = str | Callable[[Any], object]
"""A key function, or the name of a parameter."""
LONGEST_KEY = 255
"""Characters."""
_ASYNC = 0x80 | 0x200
"""The flags of coroutine functions and async generators in a code object, as `inspect` has them."""


class Arguments(SimpleNamespace):
    """The arguments of a job, as attributes."""


def check_key_function(key: object, *, what: str) -> Key:
    """A key function, or the name of a parameter.

    Raises:
        InvalidOption: it is neither, or async.
    """
    if isinstance(key, str):
        if not key.isidentifier():
            raise InvalidOption(
                f"{what} takes the name of a parameter or a function of the arguments, and no parameter can be "
                f"called {key!r:.80}; for one fixed key write lambda args: {key!r:.80}"
            )
        return key
    if not callable(key):
        raise InvalidOption(
            f"{what} takes the name of a parameter, or a function such as lambda args: args.tenant, not {key!r:.80}"
        )
    if getattr(getattr(key, "__code__", None), "co_flags", 0) & _ASYNC:
        raise InvalidOption(f"{what} takes a plain function; an async one can't be waited for at an enqueue")
    return cast("Key", key)


def key_of(key: Key, arguments: Any, *, what: str) -> str | None:
    """The key of a job; None if its function gives none.

    Args:
        key: the function, or the name of a parameter.
        arguments: what the function is given.
        what: how an error calls it.

    Raises:
        InvalidOption: there is no such parameter.
        InvalidArguments: the function raises, or gives what is no key.
    """
    if isinstance(key, str):
        return as_key(_parameter(key, arguments, what), what=what)
    try:
        value = key(arguments)
    except Exception as error:  # users' functions raise what they like
        raise InvalidArguments(f"{what} failed with {type(error).__name__}: {error}") from error
    return as_key(value, what=what)


def as_key(value: object, *, what: str) -> str | None:
    """A key as text: of a text, a whole number or a UUID. None stays None.

    Raises:
        InvalidArguments: it is something else, or no text that both stores can keep.
    """
    if value is None:
        return None
    if isinstance(value, str):
        # The base's own method: an enum prints itself differently.
        text = str.__str__(value)
    elif isinstance(value, UUID):
        text = str(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        text = str(int.__index__(value))
    else:
        raise InvalidArguments(
            f"{what} gave {value!r:.80}; a key is a text, a whole number or a UUID, and None stands for no key"
        )
    if not 1 <= len(text) <= LONGEST_KEY or not text.isprintable():
        raise InvalidArguments(
            f"{what} gave {text!r:.80}; a key has 1 to {LONGEST_KEY} printable characters, and None stands for no key"
        )
    return text


def _parameter(name: str, arguments: Any, what: str) -> object:
    if isinstance(arguments, Mapping):
        if name in arguments:
            return cast("Mapping[str, object]", arguments)[name]
    elif hasattr(arguments, name):
        return getattr(arguments, name)
    known = cast("Mapping[str, object]", arguments) if isinstance(arguments, Mapping) else _fields(arguments)
    raise InvalidOption(
        f"{what} names {name!r}, which is no argument there: {', '.join(known) or 'it has none'}"
    )


def _fields(arguments: object) -> Mapping[str, object]:
    found: Mapping[str, object] = getattr(arguments, "__dict__", {})
    return found or dict.fromkeys(getattr(arguments, "__struct_fields__", ()))
