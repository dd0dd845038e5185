"""Signatures: what is refused where a task is declared, how calls are bound, and round trips of every type."""

from __future__ import annotations

import base64
import contextlib
import enum
import functools
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, NoReturn, TypedDict, TypeVar

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidArguments, InvalidResult, InvalidTask, PayloadTooLarge
from holdfast.core.outcomes import Reschedule, Snooze
from holdfast.core.signature import Signature

if TYPE_CHECKING:
    from somewhere import OnlyForCheckers  # type: ignore[import-not-found]

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


@dataclass
class Address:
    street: str
    zip: int = 0
    tags: list[str] = field(default_factory=list)


@dataclass
class Tree:
    value: int
    children: list[Tree] = field(default_factory=list)


class Row(TypedDict, total=False):
    id: int
    name: str


class Point(NamedTuple):
    x: int
    y: float = 0.5


class Struct(msgspec.Struct):
    address: Address
    when: datetime | None = None


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    tricks: list[str]


class Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    code: str = pydantic.Field(alias="Code")
    made: date
    weight: float = pydantic.Field(gt=0, default=1.0)

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def label(self) -> str:
        return f"{self.code}!"


class Machine(pydantic.BaseModel):
    parts: list[Part]
    home: Path


class Box(pydantic.BaseModel, Generic[T]):
    content: T


class Login(pydantic.BaseModel):
    password: pydantic.SecretStr


class Account(pydantic.BaseModel):
    logins: dict[str, list[Login | None]]


class OpenLogin(pydantic.BaseModel):
    password: pydantic.SecretStr

    @pydantic.field_serializer("password")
    def _reveal(self, value: pydantic.SecretStr) -> str:
        return value.get_secret_value()


class Opaque:
    pass


@dataclass
class HoldsOpaque:
    deep: list[dict[str, Opaque]]


PART = Part(Code="x-1", made=date(2024, 2, 29), weight=2.5)


def annotated(annotation: Any, returns: Any = None) -> Callable[..., Any]:
    def f(x: Any) -> Any: ...

    f.__annotations__ = {"x": annotation, "return": returns}
    return f


def call(signature: Signature, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return signature.decode(signature.encode(args, kwargs))


def refusal(signature: Signature, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(InvalidArguments) as caught:
        signature.encode(args, kwargs)
    return str(caught.value)


# --- types -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 2**70),
        (float, 0.1),
        (bool, True),
        (str, "grüße 😀"),
        (bytes, b"\0\xff"),
        (bytearray, bytearray(b"\0\xff")),
        (None, None),
        (list[int], [1, 2]),
        (tuple[int, str], (1, "a")),
        (tuple[int, ...], (1, 2, 3)),
        (set[str], {"a", "b"}),
        (frozenset[int], frozenset({1})),
        (dict[str, list[int]], {"a": [1]}),
        (dict[int, str], {1: "a"}),
        (dict[date, float], {date(2024, 1, 1): 0.5}),
        (dict[Colour, int], {Colour.RED: 1}),
        (dict[Path, int], {Path("/a"): 1}),
        (dict[str, object], {"a": [1, None, {"b": "c"}]}),
        (Sequence[int], [1]),
        (Mapping[str, int], {"a": 1}),
        (Colour, Colour.BLUE),
        (Level, Level.LOW),
        (Literal["a", "b"], "a"),
        (datetime, datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
        (datetime, datetime(2024, 1, 2, 3, 4, 5)),  # noqa: DTZ001
        (date, date(2024, 1, 2)),
        (time, time(3, 4, 5, 6)),
        (timedelta, timedelta(days=-3, microseconds=7)),
        (Decimal, Decimal("1.10")),
        (uuid.UUID, uuid.UUID(int=7)),
        (Path, Path("/a/b")),
        (PurePosixPath | None, PurePosixPath("a")),
        (Address, Address("Main", 7, ["x"])),
        (Tree, Tree(1, [Tree(2)])),
        (Row, {"id": 1}),
        (Point, Point(1, 2.5)),
        (Struct, Struct(Address("Main"), datetime(2024, 1, 1, tzinfo=UTC))),
        (Cat | Dog, Dog(["sit"])),
        (Part, PART),
        (Part | None, None),
        (list[Machine], [Machine(parts=[PART], home=Path("/m"))]),
        (Box[int], Box[int](content=3)),
        (OpenLogin, OpenLogin(password=pydantic.SecretStr("s3"))),
        (int | str | None, "a"),
        (Annotated[int, msgspec.Meta(ge=3)], 3),
        (Any, {"a": [1, 2.5, None]}),
        (object, [1]),
    ],
)
def test_a_value_comes_back_as_its_type_as_argument_and_result(annotation: Any, value: Any) -> None:
    signature = Signature.of(annotated(annotation, annotation))
    (again,), _ = call(signature, value)
    assert again == value
    assert type(again) is type(value)
    result = signature.decode_result(signature.encode_result(value))
    assert result == value
    assert type(result) is type(value)


def test_bytes_travel_as_base64() -> None:
    text = base64.b64encode(b"\xff\0").decode()
    assert Signature.of(annotated(bytes)).encode((b"\xff\0",), {}) == f'{{"x":"{text}"}}'


def test_attrs_classes_come_back() -> None:
    attrs = pytest.importorskip("attrs")
    crate = attrs.make_class("Crate", {"size": attrs.field(type=int)})
    signature = Signature.of(annotated(crate))
    assert call(signature, crate(3)) == ((crate(3),), {})
    assert "`x.size`: nan" in refusal(signature, crate(float("nan")))


def test_raw_gets_its_json_undecoded() -> None:
    signature = Signature.of(annotated(msgspec.Raw))
    (raw,), _ = signature.decode('{"x":{"a": [1,  2]}}')
    assert bytes(raw) == b'{"a": [1,  2]}'
    assert signature.encode((raw,), {}) == '{"x":{"a": [1,  2]}}'
    assert "`x`: the msgspec.Raw isn't valid JSON" in refusal(signature, msgspec.Raw(b'1,"y":2'))


def test_a_float_parameter_takes_an_int_but_not_the_other_way_round() -> None:
    assert call(Signature.of(annotated(float)), 3) == ((3.0,), {})
    assert "`x`: expected `int`, got `float`" in refusal(Signature.of(annotated(int)), 3.5)


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (Opaque, "Opaque can't be decoded from JSON"),
        (list[dict[str, Opaque]], "Opaque can't be decoded from JSON"),
        (HoldsOpaque, "Opaque can't be decoded from JSON"),
        (complex, "parameter 'x': complex can't be decoded"),
        (Callable[[int], int], "Callable can't be decoded"),
        (Iterator[int], "Iterator can't be decoded"),
        (type[int], "type can't be decoded"),
        (Exception, "Exception can't be decoded"),
        (Path | str, "may not contain any additional types"),
        (Part | Machine, "may not contain more than one custom type"),
        (list[int] | set[int], "more than one array-like"),
        (date | datetime, "more than one str-like"),
        (dict[tuple[int, int], str], "keys are neither text nor numbers"),
        (list[dict[None, str]], "keys are neither text nor numbers"),
        (dict[bool, str], "keys are neither text nor numbers"),
        (enum.Enum("Mixed", {"A": 1, "B": "b"}), "either all str or all int"),
        (NoReturn, "NoReturn"),
        (
            Login,
            "the field 'password' of the pydantic model Login is a SecretStr: it is written as asterisks",
        ),
        (Account, "the pydantic model Login is a SecretStr"),
    ],
)
def test_a_type_that_cannot_be_decoded_is_refused_where_the_task_is_declared(
    annotation: Any, reason: str
) -> None:
    with pytest.raises(InvalidTask, match=reason) as caught:
        Signature.of(annotated(annotation), name="mail.send")
    assert str(caught.value).startswith("task mail.send: parameter 'x': ")
    if annotation is not NoReturn:
        with pytest.raises(InvalidTask, match=r"task mail\.send: its return annotation: "):
            Signature.of(annotated(int, annotation), name="mail.send")


# --- declarations ----------------------------------------------------------------------------------------


def unresolvable(to: str, other: OnlyForCheckers) -> None: ...


def unresolvable_result() -> OnlyForCheckers: ...


def takes_its_context(ctx: OnlyForCheckers, path: str, *, width: int = 800) -> int: ...


def takes_opaque(ctx: Opaque, path: str) -> None: ...


def spreads(first: int, *rest: int) -> None: ...


def spreads_names(first: int, **rest: int) -> None: ...


def nothing() -> None: ...


def only_keywords(*, a: int) -> None: ...


def generates() -> Iterator[int]:
    yield 1


async def generates_async():  # type: ignore[no-untyped-def]
    yield 1


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    with pytest.raises(
        InvalidTask, match=r"task unresolvable: parameter 'other': .*OnlyForCheckers.*at run time"
    ):
        Signature.of(unresolvable)
    with pytest.raises(InvalidTask, match=r"its return annotation: .*OnlyForCheckers"):
        Signature.of(unresolvable_result)


def test_the_context_is_no_argument_and_its_annotation_is_not_looked_at() -> None:
    signature = Signature.of(takes_its_context, takes_context=True)
    assert signature.parameters == ("path", "width")
    assert signature.required == {"path"}
    assert call(signature, "a.png") == (("a.png",), {"width": 800})


def test_a_first_parameter_that_looks_like_a_context_gets_advice() -> None:
    with pytest.raises(InvalidTask, match="declare the task with takes_context=True"):
        Signature.of(takes_opaque)


@pytest.mark.parametrize("function", [nothing, only_keywords, lambda *a: a])
def test_a_context_needs_a_first_parameter(function: Callable[..., Any]) -> None:
    with pytest.raises(InvalidTask, match="needs a first parameter"):
        Signature.of(function, takes_context=True)


@pytest.mark.parametrize("function", [spreads, spreads_names])
def test_collecting_parameters_are_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(InvalidTask, match=r"parameter '\*+rest': .*stored by parameter name"):
        Signature.of(function)


@pytest.mark.parametrize("function", [generates, generates_async])
def test_generators_are_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(InvalidTask, match="yield"):
        Signature.of(function)


def test_names_local_to_a_function_can_be_given() -> None:
    @dataclass
    class Local:
        n: int

    def handler(x: Local) -> None: ...

    with pytest.raises(InvalidTask, match="'Local' is not defined"):
        Signature.of(handler)
    assert call(Signature.of(handler, local_names=locals()), Local(3)) == ((Local(3),), {})


class Handler:
    def method(self, x: Address) -> None: ...

    def __call__(self, x: Address) -> None: ...


def wrapped(x: Address) -> None: ...


@functools.wraps(wrapped)
def wrapper(*args: Any, **kwargs: Any) -> None: ...


@pytest.mark.parametrize("function", [Handler().method, Handler(), wrapper, functools.partial(wrapped)])
def test_every_kind_of_callable_has_its_annotations_resolved(function: Callable[..., Any]) -> None:
    assert call(Signature.of(function), Address("Main")) == ((Address("Main"),), {})


def test_what_a_partial_has_bound_may_be_left_out() -> None:
    def resize(path: str, width: int) -> None: ...

    signature = Signature.of(functools.partial(resize, width=3), name="r")
    assert call(signature, "a") == (("a",), {"width": 3})


def test_odd_parameter_names() -> None:
    def f(
        self: int,
        cls: int,
        _x: int,
        __y: int,
        é: int,  # noqa: PLC2401
        __init__: int,
        __dict__: int = 6,
    ) -> None: ...

    assert call(Signature.of(f), 0, 1, 2, 3, 4, 5) == ((0, 1, 2, 3, 4, 5, 6), {})


# --- calls -----------------------------------------------------------------------------------------------


def test_only_what_was_given_is_stored() -> None:
    def f(a: int, b: int = 2, *, c: int = 3) -> None: ...

    signature = Signature.of(f)
    assert signature.encode((1,), {}) == '{"a":1}'
    assert signature.encode((1,), {"c": 2}) == '{"a":1,"c":2}'
    assert signature.encode_mapping({"b": 5, "a": 1}) == '{"b":5,"a":1}'


def test_a_default_is_the_functions_own_object() -> None:
    shared: list[int] = [1]

    def f(a: list[int] = shared, b: Any = None, c: Struct = Struct(Address("x"))) -> None: ...  # noqa: B008

    first, second = (Signature.of(f).decode("{}")[0] for _ in range(2))
    assert first[0] is second[0] is shared
    assert first[2] is second[2]


def test_a_changed_default_applies_to_jobs_that_wait() -> None:
    def old(a: int, b: int = 2) -> None: ...

    def new(a: int, b: int = 3, c: str = "c") -> None: ...

    assert Signature.of(new).decode(Signature.of(old).encode((1,), {})) == ((1, 3, "c"), {})


def test_a_default_need_not_fit_its_annotation() -> None:
    def f(a: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    assert Signature.of(f).decode("{}") == ((None,), {})


parameter_lists = st.tuples(
    st.integers(0, 2), st.integers(0, 3), st.integers(0, 3), st.integers(0, 5), st.sets(st.integers(0, 2))
)


@given(
    parameter_lists,
    st.lists(st.integers(), max_size=6),
    st.dictionaries(st.sampled_from(["p0", "p1", "e0", "e1", "e2", "k0", "k1", "k2", "zz"]), st.integers()),
)
def test_calls_are_bound_as_python_binds_them_with_its_own_messages(
    shape: tuple[int, int, int, int, set[int]], args: list[int], kwargs: dict[str, int]
) -> None:
    n_only, n_either, n_keyword, n_defaults, keyword_defaults = shape
    positional = [f"p{i}" for i in range(n_only)] + [f"e{i}" for i in range(n_either)]
    first_default = max(0, len(positional) - n_defaults)
    parts = [name if i < first_default else f"{name}=-1" for i, name in enumerate(positional)]
    if n_only:
        parts.insert(n_only, "/")
    if n_keyword:
        parts += ["*", *(f"k{i}=-1" if i in keyword_defaults else f"k{i}" for i in range(n_keyword))]
    space: dict[str, Any] = {}
    exec(f"def f({', '.join(parts)}): return locals()", space)
    f = space["f"]
    signature = Signature.of(f)
    try:
        expected = f(*args, **kwargs)
    except TypeError as theirs:
        with pytest.raises(InvalidArguments) as ours:
            signature.encode(args, kwargs)
        # From 3.13 on Python guesses what was meant.
        words = str(theirs).partition(". Did you mean")[0]
        assert str(ours.value) == words
    else:
        got_args, got_kwargs = call(signature, *args, **kwargs)
        assert f(*got_args, **got_kwargs) == expected


def test_arguments_by_name_may_be_positional_only_ones() -> None:
    def f(a: int, /, b: int) -> None: ...

    signature = Signature.of(f, name="t")
    assert signature.decode(signature.encode_mapping({"b": 2, "a": 1})) == ((1, 2), {})
    for mapping, message in [
        ({"a": 1}, r"t\(\) missing 1 required positional argument: 'b'"),
        ({"a": 1, "b": 1, "c": 1}, r"t\(\) got an unexpected keyword argument 'c'"),
    ]:
        with pytest.raises(InvalidArguments, match=message):
            signature.encode_mapping(mapping)


@given(
    st.integers(),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_arguments_survive(a: int, b: str, c: float | None) -> None:
    def f(a: int, b: str, *, c: float | None = 0.25) -> None: ...

    assert call(Signature.of(f), a, b, c=c) == ((a, b), {"c": c})
    assert call(Signature.of(f), a, b=b) == ((a, b), {"c": 0.25})


# --- what doesn't fit ------------------------------------------------------------------------------------


def sends(
    to: Address, when: datetime | None = None, extra: dict[str, dict[str, list[int]]] | None = None
) -> None: ...


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((5,), "`to`: expected `object`, got `int`"),
        (({"street": "x", "zip": "y"},), "`to.zip`: expected `int`, got `str`"),
        (({},), "`to`: missing required field `street`"),
        ((Address("x", tags=["a", 3]),), "`to.tags[1]`: expected `str`, got `int`"),
        ((Address("x"), "tomorrow"), "`when`: invalid RFC3339 encoded datetime"),
        ((Address("x"), None, {"a": {"b": [1, "2"]}}), "`extra.a.b[1]`: expected `int`, got `str`"),
        (
            (Address("x"), None, {"a": {"b": [1]}, "c d": {"e": None}}),
            "`extra['c d'].e`: expected `array`, got `null`",
        ),
        (
            (Address("x"), None, {"a": {"b": [Opaque()]}}),
            "`extra.a.b[0]`: a value of type Opaque can't be stored",
        ),
        ((Address("\0"),), "`to.street`: holds the character NUL"),
    ],
)
def test_the_error_names_task_and_path(args: tuple[Any, ...], message: str) -> None:
    assert refusal(Signature.of(sends, name="mail.send"), *args).startswith(
        f"arguments of mail.send: {message}"
    )


def test_the_path_goes_on_inside_of_a_model() -> None:
    signature = Signature.of(annotated(dict[str, Machine]), name="t")
    part = {"Code": "a", "made": "2024-01-01"}
    bad = {"m": {"parts": [part, part | {"weight": -1}], "home": "/"}}
    assert refusal(signature, bad) == "arguments of t: `x.m.parts[1].weight`: Input should be greater than 0"
    assert refusal(signature, {"m": {"parts": [part | {"z": 1}], "home": "/"}}).startswith(
        "arguments of t: `x.m.parts[0].z`"
    )


def test_a_wrong_key_is_named() -> None:
    assert refusal(Signature.of(annotated(dict[int, int])), {"7": 1, "seven": 2}).startswith(
        "arguments of annotated.<locals>.f: `x.seven`: as a key: expected `int`, got `str`"
    )


def test_the_named_key_is_the_one_of_this_error_and_not_of_another() -> None:
    def f(d: dict[str, int], n: int) -> None: ...

    assert "`d.b`: expected `int`, got `str`" in refusal(Signature.of(f), {"a": 1, "b": "x"}, "y")


def test_keys_with_dots_do_not_confuse_the_search() -> None:
    message = refusal(Signature.of(annotated(dict[str, dict[str, int]])), {"a.b[...]": {"$.c": "x"}})
    assert "`x['a.b[...]']['$.c']`: expected `int`, got `str`" in message


def test_a_wrong_path_is_refused() -> None:
    assert "`x`: expected `str`, got `int`" in refusal(Signature.of(annotated(Path)), 5)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ('{"a":1', "arguments of t: not valid JSON"),
        ("", "not valid JSON"),
        ("[1]", "arguments of t: expected `object`, got `array`"),
        ("{}", "arguments of t: missing the argument `a`"),
        ('{"a":1,"b":2}', "arguments of t: unknown argument `b`"),
        ('{"a":"x"}', "arguments of t: `a`: expected `int`, got `str`"),
        ('{"a":' + "[" * 100_000, "nested over 100 levels|not valid JSON|expected `int`"),
    ],
)
def test_stored_arguments_that_no_longer_fit_are_one_kind_of_error(stored: str, message: str) -> None:
    def f(a: int) -> None: ...

    with pytest.raises(InvalidArguments, match=message):
        Signature.of(f, name="t").decode(stored)


@dataclass
class Picky:
    n: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise LookupError("no negatives")
        if self.n > 9:
            raise ValueError("too many")


def test_whatever_a_users_class_raises_is_an_invalid_argument() -> None:
    signature = Signature.of(annotated(list[Picky]), name="t")
    assert refusal(signature, [{"n": 10}]) == "arguments of t: `x[0]`: too many"
    assert "LookupError: no negatives" in refusal(signature, [{"n": -1}])


def test_a_memory_error_is_no_invalid_argument() -> None:
    class Huge(msgspec.Struct):
        def __post_init__(self) -> None:
            raise MemoryError

    with pytest.raises(MemoryError):
        Signature.of(annotated(Huge)).decode('{"x":{}}')


def test_the_size_limit_is_the_signatures() -> None:
    signature = Signature.of(annotated(str, str), name="t", limit=20)
    with pytest.raises(PayloadTooLarge, match=r"arguments of t: 21 bytes of JSON, and the limit is 20"):
        signature.encode(("x" * 13,), {})
    with pytest.raises(InvalidResult, match="result of t: 21 bytes of JSON, and the limit is 20"):
        signature.encode_result("x" * 19)
    assert call(signature, "x" * 12) == (("x" * 12,), {})


def test_another_limit_leaves_the_first_signature_as_it_was() -> None:
    first = Signature.of(annotated(str), name="t")
    with pytest.raises(PayloadTooLarge):
        first.limited(9).encode(("x" * 10,), {})
    assert call(first, "x" * 10) == (("x" * 10,), {})


# --- results ---------------------------------------------------------------------------------------------


def returns(annotation: Any) -> Signature:
    return Signature.of(annotated(int, annotation), name="t")


def test_none_is_always_a_result() -> None:
    for annotation in (int, None, Any, Address):
        assert returns(annotation).encode_result(None) == "null"
        assert returns(annotation).decode_result("null") is None


@pytest.mark.parametrize(
    ("annotation", "value", "wrong"),
    [
        (int | Reschedule, 5, "x"),
        (Address | Snooze | None, Address("x"), 5),
        (Reschedule | Snooze, None, 5),
        (Reschedule, None, 5),
        (NoReturn, None, 5),
        (None, None, 5),
        (Annotated[int | Reschedule, "note"], 5, "x"),
    ],
)
def test_outcomes_beside_the_result_are_ignored(annotation: Any, value: Any, wrong: Any) -> None:
    signature = returns(annotation)
    assert signature.decode_result(signature.encode_result(value)) == value
    with pytest.raises(InvalidResult, match="result of t: expected"):
        signature.encode_result(wrong)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is new in Python 3.12")
def test_type_aliases_are_looked_into() -> None:
    space: dict[str, Any] = {"Reschedule": Reschedule, "Address": Address}
    exec("type R = int | Reschedule\ntype A = Address\ndef f(x: A) -> R: ...", space)
    signature = Signature.of(space["f"])
    assert call(signature, Address("x")) == ((Address("x"),), {})
    assert signature.decode_result(signature.encode_result(5)) == 5
    with pytest.raises(InvalidResult):
        signature.encode_result("x")


def test_without_annotation_a_result_is_plain_json() -> None:
    def f(): ...  # type: ignore[no-untyped-def]

    signature = Signature.of(f)
    assert signature.decode_result(signature.encode_result({"a": (1, Path("/x"))})) == {"a": [1, "/x"]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Opaque(), "result of t: a value of type Opaque can't be stored"),
        ({"a": [float("nan")]}, r"result of t: `a\[0\]`: nan"),
        ("\0", "result of t: holds the character NUL"),
        (msgspec.Raw(b"{"), "result of t: the msgspec.Raw isn't valid JSON"),
    ],
)
def test_a_result_that_cannot_be_stored_is_refused(value: Any, message: str) -> None:
    with pytest.raises(InvalidResult, match=message):
        returns(Any).encode_result(value)


def test_a_stored_result_that_no_longer_fits_is_refused() -> None:
    with pytest.raises(InvalidResult, match="result of t: `zip`: expected `int`, got `str`"):
        returns(Address).decode_result('{"street":"x","zip":"y"}')


def test_an_awaitable_is_no_result_of_a_plain_function() -> None:
    with pytest.raises(InvalidTask, match=r"its return annotation: .*Awaitable"):
        returns(Awaitable[int])


def test_without_pydantic_loaded_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pydantic")
    signature = Signature.of(annotated(Address))
    assert call(signature, Address("x")) == ((Address("x"),), {})
    assert "can't be stored" in refusal(signature, Opaque())
    with contextlib.suppress(InvalidTask):
        Signature.of(annotated(Opaque))
    assert "pydantic" not in sys.modules
