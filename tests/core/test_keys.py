"""Keys of jobs, made of their arguments."""

from __future__ import annotations

import enum
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from holdfast.core.errors import InvalidArguments, InvalidOption
from holdfast.core.keys import Arguments, as_key, check_key_function, key_of

ID = UUID("018f3e3c-0000-7000-8000-000000000001")


class Kind(enum.StrEnum):
    BIG = "big"


class Old(str, enum.Enum):  # noqa: UP042 - as older code has it
    BIG = "big"


class Number(enum.IntEnum):
    ONE = 1


class Struct(msgspec.Struct):
    tenant: str


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("acme", "acme"), (17, "17"), (-1, "-1"), (ID, str(ID)), (Kind.BIG, "big"), (Old.BIG, "big"),
        (Number.ONE, "1"), ("é|/%: x", "é|/%: x"), ("x" * 255, "x" * 255), (None, None),
    ],
)  # fmt: skip
def test_what_can_be_a_key(value: object, text: str | None) -> None:
    assert as_key(value, what="it") == text


@pytest.mark.parametrize(
    "value", [True, 1.5, b"x", "", "x" * 256, "a\nb", "\x1f", "a\0", ["x"], (), object(), {"a": 1}]
)
def test_what_can_not(value: object) -> None:
    with pytest.raises(InvalidArguments, match="the key of it"):
        as_key(value, what="the key of it")


@pytest.mark.parametrize("given", [Arguments(tenant="acme"), {"tenant": "acme"}, Struct("acme")])
def test_the_name_of_a_parameter_stands_for_a_function(given: Any) -> None:
    assert key_of("tenant", given, what="it") == "acme"
    with pytest.raises(InvalidOption, match=r"it names 'tennant', which is no argument there: tenant$"):
        key_of("tennant", given, what="it")


def test_a_function_that_raises_is_named_and_its_error_kept() -> None:
    with pytest.raises(InvalidArguments, match=r"it failed with ZeroDivisionError: ") as caught:
        key_of(lambda args: str(1 // 0), SimpleNamespace(), what="it")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(InvalidArguments, match="'Arguments' object has no attribute 'a'"):
        key_of(lambda args: args.a, Arguments(b=1), what="it")


async def _later(args: Any) -> str:
    return ""


@pytest.mark.parametrize("key", [17, None, "two words", "", "a.b", _later])
def test_what_can_not_make_a_key(key: Any) -> None:
    with pytest.raises(InvalidOption, match=r"^limit_key takes"):
        check_key_function(key, what="limit_key")
