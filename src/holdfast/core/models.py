"""Pydantic models as arguments and results, without needing pydantic.

A value can only be a model if the program has imported pydantic, so it is looked up among the loaded modules
and never imported from here.
"""

from __future__ import annotations

import sys
from typing import Any, get_args


class ModelError(ValueError):
    """A model refused its data. `location` is the path within the model, `str()` the reason."""

    def __init__(self, message: str, location: tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.location = location


def class_of(value: object) -> type[Any]:
    """`type(value)`, for type checkers that know the value but in part."""
    return type(value)


def is_model(cls: type[Any]) -> bool:
    """True for classes of pydantic 2 models."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)


def dump(model: Any) -> Any:
    """The JSON types of a model, in the form that `load` takes."""
    # `round_trip` leaves out computed fields, which a model that forbids extra fields would refuse.
    return model.model_dump(mode="json", round_trip=True, by_alias=not _takes_names())


def load(cls: Any, data: bytes) -> Any:
    """A model from JSON; from text, since strict models take dates and the like from JSON only.

    Raises:
        ModelError: the data doesn't fit.
    """
    names = {"by_alias": True, "by_name": True} if _takes_names() else {}
    try:
        return cls.model_validate_json(data, **names)
    except sys.modules["pydantic"].ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise ModelError(first["msg"], first["loc"]) from None


def refuse_masked(cls: Any) -> None:
    """Look for secrets: they are written as asterisks, so the run would be given asterisks.

    Raises:
        TypeError: naming the model and field.
    """
    pydantic = sys.modules["pydantic"]
    secrets = (pydantic.SecretStr, pydantic.SecretBytes, pydantic.Secret)
    seen: set[Any] = set()
    rest: list[Any] = [cls]
    while rest:
        model = rest.pop()
        if model in seen:
            continue
        seen.add(model)
        # A serializer of the model's own may reveal them on purpose.
        written = model.__pydantic_decorators__
        if written.field_serializers or written.model_serializers:
            continue
        for name, field in model.model_fields.items():
            for part in _classes_in(field.annotation):
                if issubclass(part, secrets):
                    raise TypeError(
                        f"the field {name!r} of the pydantic model {model.__qualname__} is a {part.__name__}: "
                        "it is written as asterisks, so the value would be lost; make it a str, and name the "
                        "parameter in the task's sensitive=(...)"
                    )
                if issubclass(part, pydantic.BaseModel):
                    rest.append(part)


def _classes_in(annotation: Any) -> list[type]:
    parts: list[type] = []
    rest = [annotation]
    while rest:
        part = rest.pop()
        rest.extend(get_args(part))
        if isinstance(part, type) and not get_args(part):
            parts.append(part)
    return parts


def _takes_names() -> bool:
    # From 2.11 on, fields may be given by name whatever aliases a model has; before, not without the alias.
    major, minor = sys.modules["pydantic"].VERSION.split(".")[:2]
    return (int(major), int(minor)) >= (2, 11)
