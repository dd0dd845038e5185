"""Limits and rates as they are declared, and the rules that become of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidOption
from holdfast.core.limits import (
    HIGHEST,
    LONGEST,
    MOST,
    SHORTEST,
    Limit,
    Rate,
    check_weights,
    counted,
    declared_form,
    read_what,
    what_of,
)
from holdfast.core.slots import Rule, Slot, parts_of, room, room_at, rule_name, rule_of, slot_name, use
from holdfast.core.times import SECOND

NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=30)
MARKS = st.text("|/%:2F57Ca", min_size=1, max_size=8)
RATES = st.builds(
    lambda count, per, share: Rate(
        count, per=timedelta(microseconds=per), burst=max(1, count * share // 100)
    ),
    st.integers(1, 1000),
    st.integers(10_000, 3600 * SECOND),
    st.integers(0, 100),
)


def tenant(args: Any) -> str:
    return str(args.tenant)


# --- one ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [0, -1, True, 1.5, "5", None, MOST + 1])
def test_what_is_no_limit(most: Any) -> None:
    with pytest.raises(InvalidOption, match="a limit must be a whole number of 1 to 1,000,000,000"):
        Limit(most)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"count": 0}, "a rate must be a whole number"),
        ({"count": -1}, "a rate must be"),
        ({"count": True}, "a rate must be"),
        ({"count": 2.5}, "a rate must be"),
        ({"count": "10"}, "a rate must be"),
        ({"per": 0}, "per of a rate must be positive"),
        ({"per": -1}, "per of a rate"),
        ({"per": timedelta(0)}, "per of a rate"),
        ({"per": True}, "per of a rate must be a timedelta or a number of seconds"),
        ({"per": "1m"}, "per of a rate must be"),
        ({"per": None}, "per of a rate"),
        ({"per": float("nan")}, "per of a rate"),
        ({"per": float("inf")}, "per of a rate"),
        ({"per": 0.0009}, "per of a rate is a millisecond to 366 days"),
        ({"per": timedelta(days=367)}, "per of a rate is a millisecond to 366 days"),
        ({"count": 101, "per": 0.001}, "100,000 jobs a second at most"),
        ({"burst": 0}, "burst of a rate must be"),
        ({"burst": True}, "burst of a rate must be"),
        ({"burst": 1.0}, "burst of a rate must be"),
        ({"burst": 5_270_401}, "burst of a rate is at most what the rate gives in 366 days"),
    ],
)
def test_what_is_no_rate(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        Rate(**{"count": 10, "per": 60, **arguments})


@pytest.mark.parametrize("one", [Limit, lambda most, **rest: Rate(most, per=60, **rest)])
def test_names_and_keys_are_checked(one: Any) -> None:
    assert one(1, key="tenant", name="per-tenant_1.a").name == "per-tenant_1.a"
    assert one(1, key=tenant).key is tenant
    for name in ("", "a b", "a/b", "a|b", "x" * 41, 5):
        with pytest.raises(InvalidOption, match=r"name of a (limit|rate) has 1 to 40"):
            one(1, name=name)
    for key in ("", "a b", 5):
        with pytest.raises(InvalidOption, match=r"key of a (limit|rate) takes"):
            one(1, key=key)


def test_limits_and_rates_are_values() -> None:
    assert Limit(5, key="a") == Limit(5, key="a") != Limit(5)
    assert Rate(5, per=1) == Rate(5, per=1)
    with pytest.raises(AttributeError):
        Limit(5).most = 6  # type: ignore[misc]


@pytest.mark.parametrize(
    ("rate", "burst", "spacing"),
    [
        (Rate(1, per=timedelta(days=1)), 1, 86_400 * SECOND),
        (Rate(10, per=1), 1, 100_000),
        (Rate(100, per=1), 10, 10_000),
        (Rate(1000, per=0.5), 200, 500),
        (Rate(3, per=10), 1, 3_333_334),
        (Rate(10, per=60, burst=10), 10, 6 * SECOND),
        (Rate(HIGHEST, per=1), HIGHEST // 10, 10),
        (Rate(1, per=timedelta(microseconds=SHORTEST)), 100, SHORTEST),
        (Rate(1, per=timedelta(microseconds=LONGEST)), 1, LONGEST),
    ],
)
def test_the_burst_of_a_rate_is_what_it_gives_in_a_tenth_of_a_second(
    rate: Rate, burst: int, spacing: int
) -> None:
    assert rate.rule.burst == burst
    assert rate.rule.spacing == spacing


@given(RATES, st.data())
def test_a_rate_is_never_exceeded_by_more_than_its_burst(rate: Rate, data: st.DataObject) -> None:
    """Whoever takes whatever there is room for, at whatever times."""
    rule = rate.rule
    slot = Slot("s", 0, 0, None, None, False, 0, 0)
    begun: list[int] = []
    now = 1_000_000_000_000_000
    for _ in range(data.draw(st.integers(1, 30))):
        number = room(rule, slot, now)
        if number:
            assert room_at(rule, slot, now) is None
            number = data.draw(st.integers(1, number))
            use(rule, slot, number, now)
            begun += [now] * number
            now += data.draw(st.integers(0, 2 * rule.spacing))
        else:
            at = room_at(rule, slot, now)
            assert at is not None
            assert at > now
            assert room(rule, slot, at - 1) == 0
            assert room(rule, slot, at) > 0
            now = at
    for first, start in enumerate(begun):
        for last in range(first, len(begun)):
            # In a span of time that begins with one job and ends with another.
            most = (begun[last] - start) * rate.count / (rule.per or 1) + (rule.burst or 0)
            assert last - first + 1 <= most + 1e-6


# --- what a queue or a task says ---------------------------------------------------------------------------------


def test_one_or_several() -> None:
    assert counted("queue", "mail", None, None, None) == ()
    (one,) = counted("queue", "mail", 5, None, None)
    assert (one.name, one.rule, one.key) == ("queue:mail", Rule(most=5), None)
    found = counted(
        "task",
        "mail.send",
        [50, Limit(5, key="tenant"), Limit(7, key=tenant, name="again")],
        (Rate(1, per=1), Rate(9, per=60, key="to", name="to")),
        None,
    )
    assert [(one.name, one.key) for one in found] == [
        ("task:mail.send", None),
        ("task:mail.send/key", "tenant"),
        ("task:mail.send/key:again", tenant),
        ("task:mail.send/rate", None),
        ("task:mail.send/key-rate:to", "to"),
    ]


def test_one_key_for_those_that_name_none() -> None:
    found = counted("queue", "mail", [5, Limit(3, key="to", name="b")], Rate(1, per=1), "tenant")
    assert [(one.name, one.key) for one in found] == [
        ("queue:mail/key", "tenant"),
        ("queue:mail/key:b", "to"),
        ("queue:mail/key-rate", "tenant"),
    ]


@pytest.mark.parametrize(
    ("limit", "rate", "key", "said"),
    [
        ([5, 6], None, None, "queue mail has two limits that can't be told apart"),
        ([Limit(5, key="a"), Limit(6, key="b")], None, None, "two limits by key"),
        (None, [Rate(5, per=1), Rate(100, per=60)], None, "two rates that"),
        ([Limit(5, name="a"), Limit(6, name="a")], None, None, "two limits that"),
        (None, None, "tenant", "limit_key= says what"),
        (5, None, "no name", "limit_key takes"),
        ("5", None, None, "limit takes a number"),
        (Rate(5, per=1), None, None, "limit takes a number"),
        (0, None, None, "a limit must be"),
        (1.5, None, None, "a limit must be"),
        (True, None, None, "a limit must be"),
        (None, 5, None, r"rate takes Rate\(count, per=…\)"),
        (None, Limit(5), None, "rate takes"),
        (None, {"count": 5}, None, "rate takes"),
    ],
)
def test_what_makes_no_sense(limit: Any, rate: Any, key: Any, said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        counted("queue", "mail", limit, rate, key)


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("one", [Limit(2), Limit(2, name="a"), Rate(2, per=60), Rate(2, per=60, name="rate")])
def test_what_is_declared_can_be_read_again(one: Limit | Rate, by_key: bool) -> None:
    what = read_what(what_of(one, by_key=by_key))
    assert what is not None
    assert (what.rate, what.by_key, what.name) == (isinstance(one, Rate), by_key, one.name)
    again = declared_form(one.rule, one.name)
    assert again is not None
    assert (again.rule, again.name) == (one.rule, one.name)


def test_no_two_whats_are_the_same() -> None:
    ones = [
        make(name)
        for name in (None, "key", "rate", "key-rate", "limit", "fair")
        for make in (lambda n: Limit(2, name=n), lambda n: Rate(2, per=60, name=n))
    ]
    whats = [what_of(one, by_key=by_key) for one in ones for by_key in (False, True)]
    assert len(set(whats)) == len(whats)
    assert read_what("fair") is None
    assert declared_form(Rule()) is None


# --- names -------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(["queue", "task"]), NAMES | MARKS, st.sampled_from(["", "rate", "key:a.b"]), NAMES | MARKS
)
def test_the_name_of_a_slot_says_what_it_is_of(scope: str, name: str, what: str, key: str) -> None:
    rule = rule_name(scope, name, what)
    assert parts_of(rule) == (scope, name, what)
    assert rule_of(rule) == rule_of(slot_name(rule, key)) == rule
    assert slot_name(rule, key).removeprefix(rule) == f"|{key}"


# --- shares ------------------------------------------------------------------------------------------------------


def test_weights() -> None:
    assert check_weights({"acme": 3, 17: 1000}) == {"acme": 3, "17": 1000}
    for weights in (
        {"a": 0},
        {"a": 1001},
        {"a": 1.5},
        {"a": True},
        {"": 1},
        {None: 1},
        {1.5: 1},
        [("a", 1)],
        "a",
    ):
        with pytest.raises(InvalidOption):
            check_weights(weights)  # type: ignore[arg-type]
