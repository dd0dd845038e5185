"""Where in a payload something is wrong: paths such as `to.addresses[3]`, for error messages.

A path is a list of pieces, each `.name`, `[3]` or `['any key']`. Only errors are made here, so nothing of it
is in a hurry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec

from holdfast.core import models

Reason = Callable[[Any], str | None]
"""Says what is wrong with one value itself, its parts aside; None if nothing is."""

MAX_DEPTH = 100
_MANY = 200
"""Of more keys than this, the offending one is not searched for."""

_ANY_KEY = "[...]"
_AT = re.compile(r"^(?P<reason>.*) - at (?P<key>`key` in )?`\$(?P<path>.*)`$", re.DOTALL)
_PIECE = re.compile(r"\[\.\.\.\]|\[\d+\]|\.[^.\[\]]+")


def render(pieces: Sequence[str]) -> str:
    """The path as text; empty for the whole."""
    return "".join(pieces).removeprefix(".")


def of_key(key: Any) -> str:
    """The piece for an object's key."""
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"


def find(value: Any, reason: Reason) -> tuple[list[str], str] | None:
    """The path of the first part of a value for which there is a reason, and the reason."""
    return _find(value, reason, 0)


def find_deepest(value: Any, reason: Reason) -> tuple[list[str], str] | None:
    """The same for a reason that a whole has because a part of it has: names the innermost part."""
    why = reason(value)
    if why is None:
        return None
    pieces: list[str] = []
    for _ in range(MAX_DEPTH):
        for piece, part in children(value):
            found = reason(part)
            if found is not None:
                pieces.append(piece)
                value, why = part, found
                break
        else:
            break
    return pieces, why


def children(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a value that is encoded as an array or object, each with its piece of the path."""
    cls = models.class_of(value)
    if isinstance(value, dict):
        for key, part in cast("dict[object, Any]", value).items():
            yield of_key(key), part
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, part in enumerate(cast(list[Any], value)):
            yield f"[{index}]", part
    elif models.is_model(cls):
        for name, part in value:
            yield f".{name}", part
    else:
        for name in _field_names(cls):
            if hasattr(value, name):
                yield f".{name}", getattr(value, name)


def of_error(error: Exception, text: str, decode: Callable[[bytes], object]) -> tuple[list[str], str]:
    """Where and why a typed decoding failed.

    Args:
        error: what msgspec raised.
        text: what was decoded.
        decode: the decoder, to find the keys that msgspec leaves out of its paths.
    """
    message = str(error)
    match = _AT.match(message)
    if match is None:
        return [], _plain(error)
    pieces, reason = _PIECE.findall(match["path"]), match["reason"]
    if error.__cause__ is None:
        reason = _mid_sentence(reason)
    if "".join(pieces) != match["path"]:
        # A key with dots or brackets in it: better the path as it was given than a wrong one.
        return [match["path"]], reason
    if match["key"]:
        pieces.append(_ANY_KEY)
        reason = f"as a key: {reason}"
    if _ANY_KEY in pieces:
        pieces = _with_keys(pieces, message, text, decode)
    if isinstance(error.__cause__, models.ModelError):
        location = error.__cause__.location
        pieces += [f"[{step}]" if isinstance(step, int) else of_key(step) for step in location]
    return pieces, reason


def _mid_sentence(reason: str) -> str:
    return reason[:1].lower() + reason[1:]


def _plain(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"nested over {MAX_DEPTH} levels deep"
    if isinstance(error, msgspec.ValidationError):
        return _mid_sentence(str(error))
    if isinstance(error, msgspec.DecodeError):
        return f"not valid JSON: {error}"
    # From a `__post_init__` of the user's own.
    return f"{type(error).__name__}: {error}"


def _with_keys(pieces: list[str], message: str, text: str, decode: Callable[[bytes], object]) -> list[str]:
    """Put keys in place of `[...]`: the one is it, alone with which the same error comes."""
    whole = msgspec.json.decode(text)
    node: Any = whole
    for index, piece in enumerate(pieces):
        if piece == _ANY_KEY:
            key = _guilty_key(node, lambda: _fails_alike(whole, message, decode))
            if key is None:
                return pieces
            pieces[index] = of_key(key)
            node = node[key]
        else:
            node = node[int(piece[1:-1])] if piece.startswith("[") else node[piece[1:]]
    return pieces


def _guilty_key(node: Any, fails: Callable[[], bool]) -> str | None:
    if not isinstance(node, dict) or len(cast(dict[str, Any], node)) > _MANY:
        return None
    items = dict(cast(dict[str, Any], node))
    for key, value in items.items():
        node.clear()
        node[key] = value
        if fails():
            return key
    return None


def _fails_alike(whole: object, message: str, decode: Callable[[bytes], object]) -> bool:
    try:
        decode(msgspec.json.encode(whole))
    except Exception as error:  # hooks of users' classes raise what they like
        return str(error) == message
    return False


def _find(value: Any, reason: Reason, depth: int) -> tuple[list[str], str] | None:
    why = reason(value)
    if why is not None:
        return [], why
    if depth < MAX_DEPTH:
        for piece, part in children(value):
            found = _find(part, reason, depth + 1)
            if found is not None:
                return [piece, *found[0]], found[1]
    return None


def _field_names(cls: Any) -> list[str]:
    """The fields that msgspec encodes of a struct, dataclass or attrs class."""
    if hasattr(cls, "__struct_fields__"):
        return list(cls.__struct_fields__)
    if hasattr(cls, "__dataclass_fields__"):
        return list(cls.__dataclass_fields__)
    if hasattr(cls, "__attrs_attrs__"):
        return [field.name for field in cls.__attrs_attrs__]
    return []
