"""The key of a unique job: equal where the jobs are the same, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidOption
from holdfast.core.signature import Signature
from holdfast.core.states import TERMINAL, JobState
from holdfast.core.unique import (
    ALIVE,
    PRESETS,
    READABLE,
    WAITING,
    Unique,
    comparable,
    holds_in,
    key_for,
    key_of,
)

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
NAMES = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=200)


def f(a: float, b: dict[str, Any] | None = None, *, c: Any = "default") -> None: ...


F = Signature.of(f)


@given(a=st.integers(-1000, 1000), b=st.none() | st.dictionaries(st.text("ab"), VALUES, max_size=3), c=VALUES)
def test_how_the_arguments_are_given_makes_no_difference(a: int, b: Any, c: Any) -> None:
    ways = [
        ((a, b), {"c": c}),
        ((), {"c": c, "b": b, "a": float(a)}),
        ((a,), {"c": c, "b": b and dict(reversed(b.items()))}),
    ]
    if b is None:
        ways.append(((a,), {"c": c}))
    if c == "default":
        ways.append(((a, b), {}))
    assert len({F.comparable(F.encode(args, kwargs)) for args, kwargs in ways}) == 1  # type: ignore[arg-type]


def test_a_default_that_is_given_is_the_same_as_one_that_is_not() -> None:
    texts = {
        F.comparable(F.encode(*call))
        for call in (((1,), {}), ((), {"a": 1.0, "b": None}), ((1, None), {"c": "default"}))
    }
    assert len(texts) == 1
    assert F.comparable(F.encode((2,), {})) not in texts


@given(one=st.tuples(VALUES, VALUES), other=st.tuples(VALUES, VALUES))
def test_other_arguments_make_another_text(one: Any, other: Any) -> None:
    def text(pair: Any) -> str:
        return F.comparable(F.encode((1,), {"b": {"x": pair[0]}, "c": pair[1]}))

    def exactly(value: Any) -> str:
        # True is not 1 in JSON, while Python takes them for equal.
        return repr(sorted(value.items())) if isinstance(value, dict) and not value else _shown(value)

    assert (text(one) == text(other)) == (exactly(one) == exactly(other))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_shown(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_shown, value)) + "]"
    return repr(value)


def test_some_arguments_may_count_alone() -> None:
    one, other = F.encode((1,), {"c": 1}), F.encode((1,), {"c": 2})
    assert F.comparable(one) != F.comparable(other)
    assert F.comparable(one, ["a", "b"]) == F.comparable(other, ["b", "a"])
    assert F.comparable(one, ["c"]) != F.comparable(other, ["c"])


def test_a_default_that_is_no_json_can_not_be_compared() -> None:
    nothing = object()

    def g(a: int, b: Any = nothing) -> None: ...

    signature = Signature.of(g, name="g")
    text = signature.encode((1,), {})
    with pytest.raises(InvalidOption, match=r"g: its arguments can't be compared: .*object"):
        signature.comparable(text)
    assert signature.comparable(text, ["a"]) == '{"a":1}'


def test_of_a_task_that_is_not_known_what_was_given_counts() -> None:
    assert comparable('{"b": 1, "a": {"y": 1, "x": 2}}', None, "t") == '{"a":{"x":2,"y":1},"b":1}'
    assert comparable('{"b": 1, "a": 2}', ["a"], "t") == '{"a":2}'
    with pytest.raises(InvalidOption, match=r"'c', which wasn't given, and the task t isn't known here"):
        comparable('{"b": 1}', ["c"], "t")


PARTS = st.tuples(NAMES, NAMES, st.text(max_size=20), st.none() | NAMES)


@given(one=PARTS, other=PARTS)
def test_no_two_things_have_one_key(one: Any, other: Any) -> None:
    def key(parts: Any) -> str:
        task, queue, args, own = parts
        rule = Unique(by=("task", "queue"), key=own) if own else Unique()
        return key_for(rule, task, queue, args).text

    def meant(parts: Any) -> Any:
        task, queue, args, own = parts
        return (task, queue, own) if own else (task, queue, None, args)

    assert (key(one) == key(other)) == (meant(one) == meant(other))
    assert len(key(one)) <= READABLE


@pytest.mark.parametrize(
    "by", [("task",), ("queue",), ("args",), ("task", "args"), ("task", "queue", "args")]
)
def test_what_is_not_compared_makes_no_difference(by: Any) -> None:
    def key(task: str, queue: str, args: str) -> str:
        return key_for(Unique(by=by), task, queue, args).text

    assert (key("t", "q", "a") == key("u", "q", "a")) == ("task" not in by)
    assert (key("t", "q", "a") == key("t", "r", "a")) == ("queue" not in by)
    assert (key("t", "q", "a") == key("t", "q", "b")) == ("args" not in by)


def test_a_key_of_ones_own_is_among_the_jobs_of_a_task_unless_it_says_otherwise() -> None:
    mine = Unique(key="order-17")
    assert (
        key_for(mine, "t", "q", "").text
        == key_for(mine, "t", "r", "").text
        != key_for(mine, "u", "q", "").text
    )
    everywhere = Unique(key="order-17", by=())
    assert key_for(everywhere, "t", "q", "").text == key_for(everywhere, "u", "r", "").text == '["order-17"]'


@pytest.mark.parametrize(
    ("while_", "states"),
    [
        (None, ALIVE),
        ("waiting", WAITING),
        ("alive", ALIVE),
        ("kept", ALIVE | TERMINAL),
        (["pending", "blocked", JobState.RUNNING, "failed"], ALIVE | {JobState.FAILED}),
    ],
)
def test_the_states_in_which_it_holds_its_key_go_with_it(while_: Any, states: frozenset[JobState]) -> None:
    made = key_for(Unique(key="a:b", while_=while_), "t", "q", "")
    assert made.held is not None
    assert key_of(made.held) == made.text
    assert {
        state for state in JobState if state is not JobState.NOT_FOUND and holds_in(made.held, state)
    } == states
    assert key_for(Unique(key="a", within=5), "t", "q", "").held is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": ()}, "by is empty"),
        ({"by": "task"}, "by must hold of"),
        ({"by": ("tasks",)}, "by must hold of"),
        ({"by": ("args",), "key": "x"}, "in place of the arguments"),
        ({"args": ()}, "at least one"),
        ({"args": "to"}, "names of parameters"),
        ({"args": ("to",), "by": ("task",)}, "they don't"),
        ({"key": ""}, "1 to 255"),
        ({"key": "x" * 256}, "1 to 255"),
        ({"key": "a\nb"}, "printable"),
        ({"within": 0}, "within must be positive"),
        ({"within": -1}, "within must be positive"),
        ({"within": 400 * 24 * 3600}, "366 days"),
        ({"within": 5, "while_": "alive"}, "give one of them"),
        ({"while_": "running"}, "must be one of waiting, alive, kept"),
        ({"while_": ["running"]}, "must hold pending and blocked"),
        ({"while_": []}, "must hold pending and blocked"),
        ({"while_": ["pending", "blocked", "failed"]}, "and not running"),
        ({"while_": ["pending", "blocked", "lost"]}, "must hold states of jobs"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_said(options: Any, said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        Unique(**options)


def test_a_job_that_may_have_ended_can_not_be_amended() -> None:
    for rule in (Unique(within=5), Unique(while_="kept")):
        rule.check_conflict("raise")
        with pytest.raises(InvalidOption, match="may have ended"):
            rule.check_conflict("debounce")
    Unique().check_conflict("debounce")
    assert set(PRESETS) == {"waiting", "alive", "kept"}
