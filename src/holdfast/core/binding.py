"""Arguments to parameter names, as Python's own call does it, with Python's own error messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.core.errors import InvalidArguments


class Binding:
    """The names and kinds of a handler's parameters.

    Args:
        name: of the task, for errors.
        positional_only: names, in order.
        by_either: names of those that take both forms, in order.
        keyword_only: names.
        required: names of those without a default.
    """

    def __init__(
        self,
        name: str,
        positional_only: Sequence[str],
        by_either: Sequence[str],
        keyword_only: Sequence[str],
        required: frozenset[str],
    ) -> None:
        self.name = name
        self.positional = (*positional_only, *by_either)
        self.keyword_only = tuple(keyword_only)
        self.names = (*self.positional, *self.keyword_only)
        self.required = required
        self._all_positional = -1 if keyword_only else len(self.names)
        self._positional_only = frozenset(positional_only)
        self._by_keyword = frozenset((*by_either, *keyword_only))

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The given arguments by name. Defaults are not filled in.

        Raises:
            InvalidArguments: in the words that Python's TypeError has for such a call.
        """
        given = dict(zip(self.positional, args, strict=False))
        if not kwargs and len(args) == self._all_positional:
            return given
        for key, value in kwargs.items():
            if key not in self._by_keyword:
                raise self._unexpected(kwargs)
            if key in given:
                raise self._error(f"got multiple values for argument {key!r}")
            given[key] = value
        if len(args) > len(self.positional):
            raise self._too_many(len(args), kwargs)
        self._refuse_missing(given)
        return given

    def bind_mapping(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        """The same where all are given by name, positional-only ones as well."""
        for key in mapping:
            if key not in self.names:
                raise self._error(f"got an unexpected keyword argument {key!r}")
        given = dict(mapping)
        self._refuse_missing(given)
        return given

    def _refuse_missing(self, given: Mapping[str, Any]) -> None:
        # All known and none twice: as many as there are parameters are all of them.
        if len(given) == len(self.names) or self.required <= given.keys():
            return
        for kind, names in (("positional", self.positional), ("keyword-only", self.keyword_only)):
            missing = [name for name in names if name in self.required and name not in given]
            if missing:
                plural = "" if len(missing) == 1 else "s"
                listed = _listed(missing)
                raise self._error(f"missing {len(missing)} required {kind} argument{plural}: {listed}")

    def _unexpected(self, kwargs: Mapping[str, Any]) -> InvalidArguments:
        misplaced = [name for name in self.positional if name in kwargs and name in self._positional_only]
        if misplaced:
            return self._error(
                f"got some positional-only arguments passed as keyword arguments: '{', '.join(misplaced)}'"
            )
        unknown = next(key for key in kwargs if key not in self._by_keyword)
        return self._error(f"got an unexpected keyword argument {unknown!r}")

    def _too_many(self, count: int, kwargs: Mapping[str, Any]) -> InvalidArguments:
        most = len(self.positional)
        least = sum(name in self.required for name in self.positional)
        takes = f"{most}" if least == most else f"from {least} to {most}"
        plural = "" if most == 1 and least == most else "s"
        by_keyword = sum(name in kwargs for name in self.keyword_only)
        if by_keyword:
            given = (
                f"{count} positional argument{'' if count == 1 else 's'} "
                f"(and {by_keyword} keyword-only argument{'' if by_keyword == 1 else 's'}) were given"
            )
        else:
            given = f"{count} {'was' if count == 1 else 'were'} given"
        return self._error(f"takes {takes} positional argument{plural} but {given}")

    def _error(self, message: str) -> InvalidArguments:
        return InvalidArguments(f"{self.name}() {message}")


def _listed(names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    if len(quoted) < 3:
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
