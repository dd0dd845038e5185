"""A handler's signature: what an enqueue may pass, how it is stored, and what a run is given.

Arguments are stored as one JSON object by parameter name, with only those that were given: a default is the
function's own, of the code that runs the job, so that a changed default applies to jobs that wait already.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec.structs import astuple

from holdfast.core import codec, paths, payload
from holdfast.core.binding import Binding
from holdfast.core.errors import InvalidArguments, InvalidOption, InvalidResult, InvalidTask
from holdfast.core.outcomes import Outcome

if TYPE_CHECKING:
    import inspect

Function = Callable[..., Any]


class Signature:
    """Made by `Signature.of`. Any thread may use it.

    Attributes:
        name: of the task, for errors.
        parameters: names, in order, without the context.
        required: names of the parameters without a default.
    """

    __slots__ = (
        "_binding", "_decode", "_decode_result", "_keyword_only", "_limit", "_positional", "_raw_arguments",
        "_raw_result", "_returns_nothing", "_what", "name", "parameters", "required",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        parameters: Sequence[inspect.Parameter],
        annotations: Mapping[str, Any],
        result: Any,
        limit: int,
    ) -> None:
        self.name = name
        self.parameters = tuple(parameter.name for parameter in parameters)
        self.required = frozenset(p.name for p in parameters if p.default is p.empty)
        self._limit = limit
        self._what = f"arguments of {name}"
        self._binding = _binding(name, parameters, self.required)
        self._positional = len(self._binding.positional)
        self._keyword_only = self._binding.keyword_only
        self._decode = codec.decoder(_struct(name, parameters, annotations)).decode
        self._raw_arguments = any(codec.may_hold_raw(annotation) for annotation in annotations.values())
        self._decode_result = codec.decoder(result).decode if result is not Any else None
        self._raw_result = codec.may_hold_raw(result)
        self._returns_nothing = result is None or result is type(None)

    @classmethod
    def of(
        cls,
        function: Function,
        *,
        name: str | None = None,
        takes_context: bool = False,
        ignored: tuple[type, ...] = (Outcome,),
        limit: int = payload.DEFAULT_LIMIT,
        local_names: Mapping[str, Any] | None = None,
    ) -> Signature:
        """Read a handler's signature.

        Args:
            function: any callable that has one.
            name: of the task, for errors; default: the function's own.
            takes_context: the first parameter is the run's context and no argument.
            ignored: classes that a return annotation may name beside the result, as in `int | Reschedule`.
            limit: bytes of JSON that the arguments, and the result, may have.
            local_names: names that annotations given as text may use beside those of the function's module.

        Raises:
            InvalidTask: naming function, parameter and reason.
        """
        declared = _Declaration(function, name or _name_of(function), local_names)
        parameters = declared.parameters(takes_context=takes_context)
        annotations = {p.name: declared.annotation(p, takes_context) for p in parameters}
        result = declared.result(ignored)
        return cls(declared.name, parameters, annotations, result, limit)

    def limited(self, limit: int) -> Signature:
        """The same with another limit of bytes."""
        changed = copy(self)
        changed._limit = limit  # noqa: SLF001 - a copy of its own kind
        return changed

    def __repr__(self) -> str:
        return f"<Signature {self.name}({', '.join(self.parameters)})>"

    # --- the caller's side ---------------------------------------------------------------------------------

    def encode(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """The arguments of a call as JSON text that is known to decode.

        Raises:
            PayloadTooLarge: naming both sizes.
            InvalidArguments: they don't fit the parameters, or can't be stored; names the path.
        """
        return self._encode(self._binding.bind(args, kwargs))

    def encode_mapping(self, mapping: Mapping[str, Any]) -> str:
        """The same from arguments by name, positional-only ones as well."""
        return self._encode(self._binding.bind_mapping(mapping))

    def _encode(self, given: dict[str, Any]) -> str:
        text = payload.encode(given, what=self._what, limit=self._limit, may_hold_raw=self._raw_arguments)
        try:
            # What the run will do is tried now, while somebody is there to mend it.
            self._decode(text)
        except Exception as error:
            raise self._undecodable(error, text) from error
        return text

    def comparable(self, text: str, names: Collection[str] | None = None) -> str:
        """Stored arguments as text that is equal where the run is given equal ones: typed, defaults filled in, sorted.

        Args:
            text: as `encode` made it.
            names: those that count; None is all.

        Raises:
            InvalidOption: a default can't be stored as JSON, and so can't be compared.
        """
        values = self._values(text)
        chosen = values if names is None else {name: values[name] for name in names}
        try:
            return codec.SORTED.encode(chosen).decode()
        except Exception as error:  # users' classes raise what they like
            raise InvalidOption(
                f"{self.name}: its arguments can't be compared: {error}; name those that count in Unique(args=…), or "
                "give a key of your own"
            ) from error

    def named(self, text: str) -> dict[str, Any]:
        """The typed arguments by parameter name, defaults filled in.

        Raises:
            InvalidArguments: the text doesn't fit the signature; names the path.
        """
        try:
            return self._values(text)
        except Exception as error:
            raise self._undecodable(error, text) from error

    def _values(self, text: str) -> dict[str, Any]:
        return dict(zip(self.parameters, astuple(self._decode(text)), strict=True))

    # --- the worker's side ---------------------------------------------------------------------------------

    def decode(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The typed arguments to call the handler with: `function(*args, **kwargs)`.

        Raises:
            InvalidArguments: the text doesn't fit the signature; names the path.
        """
        try:
            values = astuple(self._decode(text))
        except Exception as error:
            raise self._undecodable(error, text) from error
        if not self._keyword_only:
            return values, {}
        count = self._positional
        return values[:count], dict(zip(self._keyword_only, values[count:], strict=True))

    def _undecodable(self, error: Exception, text: str) -> InvalidArguments:
        # Any exception but one: a `__post_init__` of users' classes raises what it likes.
        if isinstance(error, MemoryError):
            raise error
        pieces, reason = paths.of_error(error, text, self._decode)
        return payload.located(self._what, pieces, _as_argument(pieces, reason))

    # --- results -------------------------------------------------------------------------------------------

    def encode_result(self, value: Any) -> str:
        """What a run returned as JSON text that is known to decode.

        Raises:
            InvalidResult: it isn't of the annotated type, or can't be stored; names the path.
        """
        if value is None:
            return "null"
        text = self._result_text(value, may_hold_raw=self._raw_result)
        if self._decode_result is not None:
            self._typed_result(text, self._decode_result)
        return text

    def encode_captured(self, value: Any) -> str:
        """The same of a value that code below the handler has captured: a handler that is declared to return
        nothing leaves that to whoever captures, and any JSON will do."""
        return (
            self._result_text(value, may_hold_raw=True)
            if self._returns_nothing
            else self.encode_result(value)
        )

    def decode_result(self, text: str) -> Any:
        """The result, typed by the return annotation.

        None stays None whatever the annotation says: a function may end without a return.

        Raises:
            InvalidResult: the text doesn't fit the annotation.
        """
        if text == "null":
            return None
        # A handler that returns nothing may have had a result captured.
        typed = None if self._returns_nothing else self._decode_result
        return self._typed_result(text, typed or msgspec.json.decode)

    def _result_text(self, value: Any, *, may_hold_raw: bool) -> str:
        try:
            return payload.encode(
                value, what=f"result of {self.name}", limit=self._limit, may_hold_raw=may_hold_raw
            )
        except InvalidArguments as error:
            raise InvalidResult(str(error)) from error

    def _typed_result(self, text: str, decode: Callable[[str | bytes], Any]) -> Any:
        try:
            return decode(text)
        except MemoryError:
            raise
        except Exception as error:
            pieces, reason = paths.of_error(error, text, decode)
            raise InvalidResult(str(payload.located(f"result of {self.name}", pieces, reason))) from error


class _Declaration:
    """A function while its signature is read."""

    def __init__(self, function: Function, name: str, local_names: Mapping[str, Any] | None) -> None:
        self.name = name
        self._function = function
        self._globals = getattr(_innermost(function), "__globals__", {})
        self._locals = dict(local_names or {})
        self._signature = self._read()

    def _read(self) -> inspect.Signature:
        flags = getattr(getattr(_innermost(self._function), "__code__", None), "co_flags", 0)
        if flags & _GENERATOR:
            raise InvalidTask(f"task {self.name}: a function with yield runs nothing when it is called")
        try:
            return _signature(self._function)
        except (TypeError, ValueError, NameError) as error:
            raise InvalidTask(f"task {self.name}: its signature can't be read: {error}") from error

    def parameters(self, *, takes_context: bool) -> list[inspect.Parameter]:
        parameters = list(self._signature.parameters.values())
        if takes_context:
            if not parameters or not _is_positional(parameters[0]):
                raise InvalidTask(
                    f"task {self.name}: takes_context=True needs a first parameter, which is given the context"
                )
            del parameters[0]
        for parameter in parameters:
            if not _is_positional(parameter) and parameter.kind is not parameter.KEYWORD_ONLY:
                raise self._refused(
                    str(parameter.replace(annotation=parameter.empty)),
                    "arguments are stored by parameter name; name each parameter, or take one list or dict",
                )
        return parameters

    def annotation(self, parameter: inspect.Parameter, takes_context: bool) -> Any:
        """The type of a parameter; `Any` if none is given."""
        label = parameter.name
        annotation = self._resolved(parameter.annotation, label)
        try:
            codec.decoder(annotation)
        except Exception as error:  # msgspec reads users' classes, and says so in more than one way
            reason = str(error)
            if not takes_context and parameter.name == next(iter(self._signature.parameters)):
                reason += "; if it is the run's context, declare the task with takes_context=True"
            raise self._refused(label, reason) from error
        return annotation

    def result(self, ignored: tuple[type, ...]) -> Any:
        """The type of the result; `Any` if none is given."""
        annotation = _without(self._resolved(self._signature.return_annotation, "return"), ignored)
        try:
            codec.decoder(annotation)
        except Exception as error:  # as above
            raise self._refused("return", str(error)) from error
        return annotation

    def _resolved(self, annotation: Any, label: str) -> Any:
        if annotation is self._signature.empty:
            return Any

        def holder() -> None: ...

        # One at a time: the context's annotation may name what is imported for type checkers only.
        holder.__annotations__ = {"it": annotation}
        try:
            hints = typing.get_type_hints(holder, self._globals, self._locals, include_extras=True)
        except Exception as error:  # evaluating text raises what it likes
            raise self._refused(
                label,
                f"its annotation {annotation!r} can't be resolved: {error}; "
                "what it names must be imported in the module at run time, not for type checkers only",
            ) from error
        return hints["it"]

    def _refused(self, label: str, reason: str) -> InvalidTask:
        where = "its return annotation" if label == "return" else f"parameter {label!r}"
        return InvalidTask(f"task {self.name}: {where}: {reason}")


def _struct(
    name: str, parameters: Sequence[inspect.Parameter], annotations: Mapping[str, Any]
) -> type[msgspec.Struct]:
    """One struct of all parameters, so that one call of the decoder makes them all."""
    fields: list[Any] = []
    names: dict[str, str] = {}
    for index, parameter in enumerate(parameters):
        # Not the parameter's own name: `__x` can't be a slot, and `__init__` would be one.
        field = f"a{index}"
        names[field] = parameter.name
        annotation, default = annotations[parameter.name], parameter.default
        if default is parameter.empty:
            fields.append((field, annotation))
        elif type(default) in _IMMUTABLE:
            fields.append((field, annotation, default))
        else:
            # From a factory: msgspec copies or refuses mutable defaults, where Python shares them.
            fields.append((field, annotation, msgspec.field(default_factory=partial(_same, default))))
    return msgspec.defstruct(
        f"Arguments of {name}", fields, kw_only=True, forbid_unknown_fields=True, rename=names, gc=False
    )


_GENERATOR = 0x20 | 0x200
"""The flags of generators and async generators in a code object, as `inspect` has them."""
_IMMUTABLE = frozenset({types.NoneType, bool, int, float, str, bytes})


def _same(value: Any) -> Any:
    return value


def _binding(name: str, parameters: Sequence[inspect.Parameter], required: frozenset[str]) -> Binding:
    return Binding(
        name,
        [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY],
        [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD],
        [p.name for p in parameters if p.kind is p.KEYWORD_ONLY],
        required,
    )


def _is_positional(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)


def _signature(function: Function) -> inspect.Signature:
    # A slow import; whoever declares no task is spared it.
    import inspect

    if sys.version_info >= (3, 14):
        # Annotations are evaluated when they are read; those that can't be are looked at one by one later.
        from annotationlib import Format

        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def _innermost(function: Any) -> Any:
    """The function in whose module the annotations were written."""
    while True:
        if isinstance(function, partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif hasattr(function, "__func__"):
            function = function.__func__
        elif not hasattr(function, "__globals__") and hasattr(type(function).__call__, "__globals__"):
            return type(function).__call__
        else:
            return function


def _name_of(function: Any) -> str:
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def _without(annotation: Any, ignored: tuple[type, ...]) -> Any:
    """A return annotation without the classes that are no result."""
    while hasattr(annotation, "__value__"):  # type R = int | Reschedule
        annotation = annotation.__value__
    if get_origin(annotation) is Annotated:
        inner = get_args(annotation)[0]
        left = _without(inner, ignored)
        return annotation if left is inner else left
    if annotation in (typing.NoReturn, typing.Never) or _is_one_of(annotation, ignored):
        return types.NoneType
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    members = get_args(annotation)
    left = tuple(member for member in members if not _is_one_of(member, ignored))
    if len(left) == len(members):
        return annotation
    return Union[left] if left else types.NoneType  # noqa: UP007 - of a tuple


def _is_one_of(annotation: Any, ignored: tuple[type, ...]) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, ignored)


def _as_argument(pieces: Sequence[str], reason: str) -> str:
    """msgspec speaks of the fields of objects; at the top those are the arguments."""
    for theirs, ours in (
        ("object missing required field", "missing the argument"),
        ("object contains unknown field", "unknown argument"),
    ):
        if reason.startswith(theirs):
            return reason.replace(theirs, ours if not pieces else theirs.removeprefix("object "), 1)
    return reason
