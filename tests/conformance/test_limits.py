"""Rules of limits, rates and fair shares: what code declares, and what is set at run time and wins."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from holdfast.core.slots import Rule
from holdfast.store.records import LimitRecord, LimitRow
from holdfast.store.verbs.limits import (
    declare_limits,
    list_limits,
    look,
    reset_limits,
    rules,
    set_limits,
    weights,
)
from tests.conformance.scene import HOUR, SECOND, Scene, until

MAIL, TASK = ("queue", "mail"), ("task", "mail.send")


def row(name: str, rule: Rule | dict[str, object]) -> LimitRow:
    return LimitRow(name, msgspec.json.encode(rule).decode())


def test_what_code_declares_holds_and_is_taken_back_by_who_declares_its_owner(scene: Scene) -> None:
    limit, rate, other = (
        row("queue:mail", Rule(most=5)),
        row("task:mail.send/rate", Rule(count=10, per=1_000_000, burst=2)),
        row("queue:other", Rule(most=1)),
    )
    scene.store.write(declare_limits, [limit, rate, other], [MAIL, TASK, ("queue", "other")])
    assert scene.store.read(rules) == {
        "queue:mail": Rule(most=5),
        "task:mail.send/rate": Rule(count=10, per=1_000_000, burst=2),
        "queue:other": Rule(most=1),
    }
    scene.store.write(declare_limits, [row("queue:mail", Rule(most=6))], [MAIL, TASK])
    assert scene.store.read(rules) == {"queue:mail": Rule(most=6), "queue:other": Rule(most=1)}
    assert [one.name for one in scene.store.read(list_limits)] == ["queue:mail", "queue:other"]


def test_an_override_wins_until_it_is_reset(scene: Scene) -> None:
    declared = row("queue:mail", Rule(most=5))
    scene.store.write(declare_limits, [declared], [MAIL])
    scene.store.write(set_limits, [row("queue:mail", Rule(most=1)), row("queue:new", Rule(most=9))])
    held = {"queue:mail": Rule(most=1), "queue:new": Rule(most=9)}
    assert scene.store.read(rules) == held
    scene.store.write(declare_limits, [row("queue:mail", Rule(most=7))], [MAIL, ("queue", "new")])
    assert scene.store.read(rules) == held
    assert scene.store.write(reset_limits, ["queue:mail", "queue:new", "queue:none"]) == [
        "queue:mail",
        "queue:new",
    ]
    assert scene.store.write(reset_limits, ["queue:mail"]) == []
    assert scene.store.read(list_limits) == [LimitRecord("queue:mail", row("", Rule(most=7)).settings, None)]


def test_an_override_outlives_what_it_overrides(scene: Scene) -> None:
    scene.store.write(declare_limits, [row("queue:mail", Rule(most=5))], [MAIL])
    scene.store.write(set_limits, [row("queue:mail", Rule(most=1))])
    scene.store.write(declare_limits, [], [MAIL])
    assert scene.store.read(list_limits) == [LimitRecord("queue:mail", None, row("", Rule(most=1)).settings)]
    scene.store.write(reset_limits, ["queue:mail"])
    assert scene.store.read(list_limits) == []


def test_weights_are_no_rules(scene: Scene) -> None:
    scene.store.write(declare_limits, [row("queue:mail/fair", {"weights": {"acme": 3}})], [MAIL])
    assert scene.store.read(weights) == {"mail": {"acme": 3}}
    assert scene.store.read(rules) == {}
    scene.store.write(set_limits, [row("queue:mail/fair", {"weights": {}})])
    assert scene.store.read(look).weights == {"mail": {}}


def test_a_change_wakes_who_waits_and_cuts_what_a_rate_has_spaced_out(scene: Scene) -> None:
    rate = "queue:mail/rate"
    day = row(rate, Rule(count=1, per=24 * HOUR))
    scene.store.write(declare_limits, [day, row("queue:mail", Rule(most=1))], [MAIL])
    now = scene.store.now()
    fresh = Waits(wake_at=None, next_free=None)
    for name, waiting, ahead in [
        (rate, True, 24 * HOUR),
        (f"{rate}|acme", False, 24 * HOUR),
        (f"{rate}|b", False, 1 * SECOND),
        ("queue:mail", True, None),
        ("queue:mailing", True, None),
        ("queue:mail/rate-key|acme", True, 24 * HOUR),
    ]:
        put_slot(scene, name, waiting=waiting, next_free=None if ahead is None else now + ahead)
    heard = scene.news()
    scene.store.write(set_limits, [row(rate, Rule(count=10, per=60 * SECOND, burst=2))])
    slots = read_slots(scene)
    assert scene.is_now(slots[rate].wake_at, now)
    assert slots[f"{rate}|acme"].wake_at is None
    for name in (rate, f"{rate}|acme"):
        assert scene.is_now((slots[name].next_free or 0) - 12 * SECOND, now)
    assert slots[f"{rate}|b"].next_free == now + SECOND
    assert slots["queue:mail"] == slots["queue:mailing"] == fresh
    assert slots["queue:mail/rate-key|acme"] == Waits(None, now + 24 * HOUR)
    until(lambda: any(wake.notes and wake.control for wake in heard))
    scene.store.write(declare_limits, [], [MAIL])
    slots = read_slots(scene)
    assert scene.is_now(slots["queue:mail"].wake_at, now)
    assert slots["queue:mailing"] == fresh


class Waits(NamedTuple):
    wake_at: int | None
    next_free: int | None


def put_slot(scene: Scene, name: str, *, waiting: bool, next_free: int | None) -> None:
    at = "NULL" if next_free is None else str(next_free)
    if scene.backend.dialect == "postgres":
        at = f"to_timestamp({at} / 1e6::float8)"
    scene.backend.execute(f"DELETE FROM {{}}slots WHERE name = '{name}'")
    scene.backend.execute(
        f"INSERT INTO {{}}slots (name, waiting, next_free) VALUES ('{name}', {str(waiting).upper()}, {at})"
    )


def read_slots(scene: Scene) -> dict[str, Waits]:
    columns = ["wake_at", "next_free"]
    if scene.backend.dialect == "postgres":
        columns = [f"(extract(epoch FROM {column}) * 1000000)::bigint" for column in columns]
    rows = scene.backend.execute(f"SELECT name, {', '.join(columns)} FROM {{}}slots")
    return {name: Waits(*rest) for name, *rest in rows}
