"""Python values to JSON and back: what msgspec doesn't know by itself, and which types can make the journey.

Beyond msgspec's own types these travel: paths (as text), pydantic models, subclasses of `str`, `int` and
`float` (as what they derive from), and `object`, which is taken as `Any`.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from msgspec import inspect as types

from holdfast.core import models
from holdfast.core.models import class_of


def to_builtin(value: Any) -> Any:
    """What msgspec is to encode in place of a value that it doesn't know; a TypeError if nothing will do."""
    cls = class_of(value)
    if _is_path(cls):
        return str(value)
    if models.is_model(cls):
        return models.dump(value)
    # The bases' own methods: a subclass may print itself differently.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    raise TypeError(f"a value of type {cls.__qualname__} can't be stored as JSON")


def from_builtin(cls: Any, value: Any) -> Any:
    """The value of a type that msgspec doesn't know, from what JSON gave."""
    if cls is object:
        return value
    if _is_path(cls):
        if isinstance(value, str):
            return cls(value)
        raise TypeError(f"expected `str`, got `{_json_type(value)}`")
    return models.load(cls, ENCODER.encode(value))


ENCODER = msgspec.json.Encoder(enc_hook=to_builtin)
SORTED = msgspec.json.Encoder(enc_hook=to_builtin, order="sorted")
"""Equal values give equal text, in whatever order they hold their parts."""


def decoder(annotation: Any) -> msgspec.json.Decoder[Any]:
    """A typed decoder.

    Raises:
        TypeError: the type can't be decoded from JSON.
    """
    refuse_undecodable(annotation)
    return msgspec.json.Decoder(annotation, dec_hook=from_builtin)


def refuse_undecodable(annotation: Any) -> None:
    """Look inside `annotation` for types that msgspec makes a decoder of, only to fail on every value.

    Raises:
        TypeError: naming the type.
    """
    for node in _walk(types.type_info(annotation)):
        if isinstance(node, types.CustomType):
            _refuse_class(node.cls)
        elif isinstance(node, types.DictType) and not _is_key(node.key_type):
            raise TypeError("a dict whose keys are neither text nor numbers can't be a JSON object")


def may_hold_raw(annotation: Any) -> bool:
    """True if values of the type may hold `msgspec.Raw`, whose text is stored as it stands."""
    open_types = (types.AnyType, types.RawType)
    return any(
        isinstance(node, open_types) or (isinstance(node, types.CustomType) and node.cls is object)
        for node in _walk(types.type_info(annotation))
    )


def _walk(root: types.Type) -> list[types.Type]:
    """The type and all within it, each once: dataclasses may contain themselves."""
    found: dict[int, types.Type] = {}
    rest: list[Any] = [root]
    while rest:
        node = rest.pop()
        if isinstance(node, tuple):
            rest.extend(node)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(node, types.Field):
            rest.append(node.type)
        elif isinstance(node, types.Type) and id(node) not in found:
            found[id(node)] = node
            rest.extend(getattr(node, name) for name in node.__struct_fields__)
    return list(found.values())


def _refuse_class(cls: Any) -> None:
    if cls is object or _is_path(cls):
        return
    if models.is_model(cls):
        models.refuse_masked(cls)
        return
    where = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
    raise TypeError(f"{where}{cls.__qualname__} can't be decoded from JSON")


_KEYS = (
    types.AnyType, types.StrType, types.IntType, types.FloatType, types.BytesType, types.EnumType,
    types.LiteralType, types.DateTimeType, types.DateType, types.TimeType, types.TimeDeltaType,
    types.UUIDType, types.DecimalType,
)  # fmt: skip


def _is_key(node: types.Type) -> bool:
    """True for what msgspec writes as an object's key, and reads back."""
    if isinstance(node, types.Metadata):
        return _is_key(node.type)
    if isinstance(node, types.UnionType):
        return all(_is_key(member) for member in node.types)
    if isinstance(node, types.CustomType):
        return node.cls is object or _is_path(node.cls)
    return isinstance(node, _KEYS)


def _is_path(cls: Any) -> bool:
    # Looked up, since there can't be a path before its module is loaded, and that takes a while.
    pathlib = sys.modules.get("pathlib")
    return pathlib is not None and issubclass(cls, pathlib.PurePath)


def _json_type(value: object) -> str:
    names = {"list": "array", "dict": "object", "NoneType": "null"}
    name = type(value).__name__
    return names.get(name, name)
