"""The rules of limits, rates and fair shares: what code declares, and what people have changed at run time.

What was set at run time is kept beside what code says, and wins until it is reset. A change holds from the next claim
on: claims read the rules in their own transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from holdfast.core.limits import FAIR, Shares, read_what
from holdfast.core.slots import Rule, parts_of
from holdfast.store.records import LimitRecord, LimitRow
from holdfast.store.statement import Many, Row, Statement, Verb, Wake
from holdfast.store.verbs import slots

_NOTHING = Rule()


class Rules(msgspec.Struct, frozen=True, gc=False):
    """What holds now."""

    rules: dict[str, Rule] = {}
    """Limits and rates by the names of their rules."""
    weights: dict[str, Mapping[str, int]] = {}
    """Of the shares of a queue, by its name. A share that isn't named weighs 1."""


def look() -> Verb[Rules]:
    """All that holds now."""
    return read((yield Statement("list_limits")))


def read(rows: Iterable[Row]) -> Rules:
    """From rows of rules, settings and overrides; what was set at run time counts before what code says."""
    rules: dict[str, Rule] = {}
    weights: dict[str, Mapping[str, int]] = {}
    for name, settings, override in rows:
        text = settings if override is None else override
        scope, owner, what = parts_of(name)
        if what == FAIR:
            if scope == "queue":
                weights[owner] = _weights(text)
        elif (rule := _rule(text)) != _NOTHING:
            rules[name] = rule
    return Rules(rules, weights)


def rules() -> Verb[dict[str, Rule]]:
    """The limits and rates that hold now, by name."""
    return (yield from look()).rules


def weights() -> Verb[dict[str, Mapping[str, int]]]:
    """The weights of the shares that hold now, by queue."""
    return (yield from look()).weights


def list_limits() -> Verb[list[LimitRecord]]:
    """Every rule by name, as it is kept."""
    return [LimitRecord(*row) for row in (yield Statement("list_limits"))]


def declare_limits(rows: Sequence[LimitRow], owners: Iterable[tuple[str, str]]) -> Verb[None]:
    """Store what code says.

    Args:
        rows: the rules that it declares.
        owners: the queues and tasks that it declares, as "queue" or "task" and a name: of these it says all there is,
            and what is kept of them besides is taken back.
    """
    told = {row.name: row.settings for row in rows}
    mine = frozenset(owners)
    known = {str(row[0]): row[1] for row in (yield Statement("list_limits"))}
    changed = sorted((name, text) for name, text in told.items() if known.get(name) != text)
    gone = sorted(
        name
        for name, settings in known.items()
        if settings is not None and name not in told and parts_of(name)[:2] in mine
    )
    if not changed and not gone:
        return
    if changed:
        yield Many("declare_limits", ("name", "settings"), changed)
    if gone:
        yield Statement("retract_limits", {"names": gone})
        yield Statement("drop_void_limits", {"names": gone})
    yield from _tell([*(name for name, _ in changed), *gone])


def set_limits(rows: Sequence[LimitRow]) -> Verb[None]:
    """Change rules at run time, those too that no code declares.

    Args:
        rows: names and the new settings.
    """
    yield Many("set_limits", ("name", "override"), sorted((row.name, row.settings) for row in rows))
    yield from _tell([row.name for row in rows])


def reset_limits(names: Sequence[str]) -> Verb[list[str]]:
    """Take back what was set at run time.

    Args:
        names: of the rules.

    Returns:
        Those for which something was.
    """
    rows = yield Statement("reset_limits", {"names": sorted(names)})
    reset = sorted(str(row[0]) for row in rows)
    if reset:
        yield Statement("drop_void_limits", {"names": reset})
        yield from _tell(reset)
    return reset


def _tell(names: Iterable[str]) -> Verb[None]:
    """Rules have changed: those who wait look again, and what a rate has spaced out is cut to what it says now.

    Without that a rate of one a day that was raised would still hold the next job back for that day.
    """
    known = (yield from look()).rules
    changed: list[tuple[str, int | None]] = []
    plain: list[str] = []
    for name in sorted(names):
        what = read_what(parts_of(name)[2])
        if what is None:
            continue
        if not what.by_key:
            plain.append(name)
        rule = known.get(name)
        most = None if rule is None or rule.count is None else rule.spacing * (rule.burst or 1)
        changed.append((name, most))
    if changed:
        # Claims that go by what was said before have these in hand: they are waited for, or would put lines to wait
        # behind our back. One that a claim is just making is only seen by making it too.
        yield from slots.make(plain)
        yield Statement("lock_rules", {"rules": [name for name, _ in changed]})
        yield Many("wake_slots", ("rule", "most"), changed)
    yield Wake(notes=True, control=True)


@lru_cache(maxsize=4096)
def _rule(text: str) -> Rule:
    return msgspec.json.decode(text, type=Rule)


@lru_cache(maxsize=256)
def _weights(text: str) -> Mapping[str, int]:
    return msgspec.json.decode(text, type=Shares).weights
