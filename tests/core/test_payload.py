"""What may be stored, and that an error says where the offending value is."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import payload
from holdfast.core.errors import InvalidArguments, PayloadTooLarge

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
any_text = st.text(st.characters(exclude_categories=[]))
numbers = st.integers(-(2**200), 2**200) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(text, inner, max_size=5),
    max_leaves=20,
)


def encode(value: Any, **options: Any) -> str:
    return payload.encode(value, what="args of t", **options)


def refusal(value: Any, **options: Any) -> str:
    with pytest.raises(InvalidArguments) as caught:
        encode(value, **options)
    return str(caught.value)


@given(json_values)
def test_what_json_can_hold_comes_back_the_same(value: Any) -> None:
    stored = encode(value)
    assert msgspec.json.decode(stored) == json.loads(stored) == value
    payload.check(stored, what="it")


# --- where -----------------------------------------------------------------------------------------------


class Opaque:
    pass


class Struct(msgspec.Struct):
    inner: Any


@dataclasses.dataclass
class Data:
    inner: Any


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    inner: Any


wraps: list[tuple[Callable[[Any], Any], str]] = [
    (lambda v: {"key": v}, ".key"),
    (lambda v: {"two words": v}, "['two words']"),
    (lambda v: {"fine": 1, "7": v}, "['7']"),
    (lambda v: [None, v], "[1]"),
    (lambda v: (v, 1), "[0]"),
    (Struct, ".inner"),
    (Data, ".inner"),
]


@given(
    st.lists(st.sampled_from(wraps), max_size=6),
    st.sampled_from(
        [
            (Opaque(), "a value of type Opaque can't be stored as JSON"),
            (1j, "a value of type complex can't be stored as JSON"),
            ({(1, 2): 3}, "a key of type tuple can't be stored as JSON"),
            ({None: 3}, "a key of type NoneType can't be stored as JSON"),
            ({1: 1, "\ud800": 2}, "a key holds half of a surrogate pair"),
            ("\ud800", "holds half of a surrogate pair"),
            ("a\0b", "holds the character NUL"),
            ({"a\0b": 1}, "a key holds the character NUL"),
            (math.nan, "nan can't be stored as JSON"),
            (-math.inf, "-inf can't be stored as JSON"),
            (msgspec.Raw(b"{bad"), "the msgspec.Raw isn't valid JSON"),
        ]
    ),
)
def test_the_offending_value_is_named_by_its_path(
    outer: list[tuple[Callable[[Any], Any], str]], bad: tuple[Any, str]
) -> None:
    value, reason = bad
    path = ""
    for wrap, piece in outer:
        value, path = wrap(value), piece + path
    # A field of a struct is seen before and beside it.
    message = refusal({"first": [1, "x", None], "arg": value})
    assert message.startswith(f"args of t: `arg{path}`: {reason}"), message


def test_within_a_model_the_field_is_named() -> None:
    assert refusal({"m": [Model(inner={"x": math.nan})]}).startswith("args of t: `m[0].inner.x`: nan")
    assert (
        refusal({"m": Model(inner=Opaque())})
        == "args of t: `m.inner`: a value of type Opaque can't be stored as JSON"
    )


def test_the_whole_has_no_path() -> None:
    assert refusal(math.nan) == "args of t: nan can't be stored as JSON; use None or text"


class BrokenModel(pydantic.BaseModel):
    x: int

    @pydantic.field_serializer("x")
    def _x(self, _: int) -> int:
        raise LookupError("no x today")


def test_whatever_a_serializer_raises_is_one_kind_of_error() -> None:
    assert "`m.x`" not in refusal({"m": BrokenModel(x=1)})
    assert "no x today" in refusal({"m": BrokenModel(x=1)})


# --- what msgspec would let pass -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, [1.0, math.nan], {"a": {"b": -math.inf}}, (None, math.nan)]
)
@pytest.mark.parametrize("may_hold_raw", [True, False])
def test_a_float_that_json_lacks_never_becomes_null(value: Any, may_hold_raw: bool) -> None:
    assert b"null" in msgspec.json.encode(value), "msgspec has learnt to refuse it: the look-out can go"
    assert "can't be stored as JSON" in refusal({"x": value}, may_hold_raw=may_hold_raw)


def test_none_and_words_that_look_alike_pass() -> None:
    for value in [
        None,
        [None, 1.5],
        "null",
        "NaN",
        "Infinity",
        "-Infinity is far",
        {"NaN": None},
        r"\u0000",
        r"\ud800",
    ]:
        assert msgspec.json.decode(encode(value)) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{bad",
        b"nan",
        b'1,"admin":true',
        b"[1]]",
        b'"\xff"',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b"1 2",
        b"1e999",
    ],
)
def test_raw_json_is_parsed_before_it_is_trusted(raw: bytes) -> None:
    assert "args of t: `body`: " in refusal({"body": msgspec.Raw(raw)})


@given(json_values)
def test_raw_json_that_is_valid_stays(value: Any) -> None:
    assert msgspec.json.decode(encode([msgspec.Raw(json.dumps(value).encode())])) == [value]


def test_nul_in_raw_json_is_found() -> None:
    assert "`body.x`: holds the character NUL" in refusal({"body": msgspec.Raw(b'{"x":"a\\u0000"}')})


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not this"


class Number(int):
    pass


class Ratio(float):
    pass


def test_subclasses_of_plain_types_are_stored_as_what_they_derive_from() -> None:
    assert encode([Text("x"), Number(3), Ratio(0.5), Path("/a/b")]) == '["x",3,0.5,"/a/b"]'
    assert "`[0]`: nan" in refusal([Ratio("nan")])


# --- check -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (r'{"a":["x\u0000"]}', "`a[0]`: holds the character NUL"),
        (r'{"a\u0000":1}', "it: a key holds the character NUL"),
        (r'{"a":"\ud800"}', "`a`: holds half of a surrogate pair"),
        (r'{"a":"\uDC00\uD800"}', "`a`: holds half of a surrogate pair"),
        ('{"a":"\ud800"}', "`a`: holds half of a surrogate pair"),
        ('{"a":[1,NaN]}', r"`a\[1\]`: nan can't be stored"),
        ('{"a":-Infinity}', "`a`: -inf can't be stored"),
        ("NaN!", "not valid JSON"),
    ],
)
def test_text_that_a_store_cannot_keep_is_refused(stored: str, message: str) -> None:
    with pytest.raises(InvalidArguments, match=message.replace("[0]", r"\[0\]")):
        payload.check(stored, what="it")


@pytest.mark.parametrize(
    "stored", [r'"\\u0000"', r'"\ud83d\ude00"', '"😀"', r'"\u001b"', r'"\\ud800"', '"NaN"', "{}"]
)
def test_text_that_only_looks_like_it_passes(stored: str) -> None:
    payload.check(stored, what="it")


@given(st.text(min_size=1, max_size=60), st.integers(0, 200))
def test_the_limit_counts_bytes(word: str, limit: int) -> None:
    stored = msgspec.json.encode(word.replace("\0", "").encode(errors="ignore").decode()).decode()
    size = len(stored.encode())
    if size <= limit:
        payload.check(stored, what="it", limit=limit)
    else:
        with pytest.raises(PayloadTooLarge, match=rf"it: {size:,} bytes of JSON, and the limit is {limit:,}"):
            payload.check(stored, what="it", limit=limit)


def test_a_mebibyte_is_the_default_limit() -> None:
    fits = "x" * (1024 * 1024 - 2)
    assert len(encode(fits)) == 1024 * 1024
    with pytest.raises(PayloadTooLarge, match="1,048,577 bytes of JSON, and the limit is 1,048,576"):
        encode(fits + "x")


def nested(depth: int, kinds: str) -> str:
    opening = "".join("[" if kinds[i % len(kinds)] == "[" else '{"]":' for i in range(depth))
    closing = "".join("]" if kinds[i % len(kinds)] == "[" else "}" for i in reversed(range(depth)))
    return opening + "1" + closing


@given(st.integers(1, 220), st.text("[{", min_size=1, max_size=7), json_values)
def test_nesting_is_counted_as_it_is(depth: int, kinds: str, beside: Any) -> None:
    # Beside it stands much that is flat, so that brackets alone say nothing.
    flat = json.dumps([[beside, '"[', "\\", '\\"]']] * 60)
    stored = f"[{flat},{nested(depth, kinds)}]"
    if depth + 1 <= 100:
        payload.check(stored, what="it")
    else:
        with pytest.raises(InvalidArguments, match="it: nested over 100 levels deep"):
            payload.check(stored, what="it")


def test_payload_bombs_are_refused_as_values() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    loop: list[Any] = []
    loop.append(loop)
    assert refusal(deep) == refusal(loop) == "args of t: nested over 100 levels deep, or contains itself"
    while isinstance(deep, list):  # taken apart here: freeing it in one go recurses
        deep = deep[0]


def test_integers_of_any_size_that_python_prints_are_kept_and_larger_ones_refused() -> None:
    assert msgspec.json.decode(encode([2**64, -(10**300)])) == [2**64, -(10**300)]
    assert refusal({"n": [10**5000]}).startswith("args of t: `n[0]`: ")


# --- metadata --------------------------------------------------------------------------------------------


@given(st.dictionaries(text, json_values, max_size=4))
def test_meta_survives(meta: dict[str, Any]) -> None:
    stored = payload.encode_meta(meta)
    assert payload.decode_meta(stored) == meta
    assert (stored is None) == (not meta)


def test_bad_meta_is_refused() -> None:
    assert payload.encode_meta(None) is None
    with pytest.raises(InvalidArguments, match="meta: the key 1 is not text"):
        payload.encode_meta({1: 2})  # type: ignore[dict-item]
    with pytest.raises(InvalidArguments, match="meta: `tenant`: holds the character NUL"):
        payload.encode_meta({"tenant": "\0"})
    with pytest.raises(PayloadTooLarge, match="meta: 14 bytes"):
        payload.encode_meta({"a": "x" * 6}, limit=10)


# --- free text -------------------------------------------------------------------------------------------


@given(any_text)
def test_clean_text_is_storable_and_otherwise_the_same(dirty: str) -> None:
    clean = payload.clean_text(dirty)
    clean.encode()
    assert "\0" not in clean
    bad = {"\0", *map(chr, range(0xD800, 0xE000))}
    if not bad & set(dirty):
        assert clean == dirty


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("a\0b", "a␀b"),
        ("a\ud800b", "a�b"),
        ("\udc00", "�"),
        ("\ud83d\ude00", "😀"),
        ("\ufeffx\ud800", "\ufeffx�"),
    ],
)
def test_clean_text_shows_what_was_there(dirty: str, clean: str) -> None:
    assert payload.clean_text(dirty) == clean


@given(st.text(max_size=20).map(lambda part: part * 40), st.integers(0, 1000))
def test_capped_text_fits_and_is_whole_characters(long: str, limit: int) -> None:
    capped = payload.cap(long, limit)
    assert len(capped.encode()) <= limit
    if len(long.encode()) <= limit:
        assert capped == long


def test_a_capped_text_keeps_both_ends_and_says_that_it_was_cut() -> None:
    long = "begin " + "é" * 20_000 + " end"
    capped = payload.cap(long)
    assert 16 * 1024 - 4 <= len(capped.encode()) <= 16 * 1024
    assert capped.startswith("begin é")
    assert capped.endswith("é end")
    assert "\n… 40,010 bytes, cut to 16,384 …\n" in capped
