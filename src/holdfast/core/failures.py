"""How an exception's type is called where it is kept."""

from __future__ import annotations

from typing import Any


def type_name(cls: type[BaseException]) -> str:
    """`ValueError`, `app.errors.NoSuchCustomer`; Holdfast's own as they are imported: `holdfast.Retry`."""
    module: Any = cls.__module__  # a class may say anything of itself
    if module == "builtins" or not isinstance(module, str):
        return cls.__qualname__
    if module == "holdfast" or module.startswith("holdfast."):
        return f"holdfast.{cls.__qualname__}"
    return f"{module}.{cls.__qualname__}"
