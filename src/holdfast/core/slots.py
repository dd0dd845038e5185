"""How many jobs at a time, and how many in a time: the arithmetic of limits and rates.

A slot is what a limit or a rate counts: of a queue, of a task, or of one key of either. Its name is that of the rule,
`task:mail.send`, and where the rule counts by a key, that too: `task:mail.send|acme`. A rate is kept by the generic
cell rate algorithm (ITU-T I.371): the one number `next_free` says until when what was let through has been spaced out.
"""

from __future__ import annotations

import msgspec

KEY_MARK = "|"
"""Between the name of a rule and a key. No rule's name holds it."""
WHAT_MARK = "/"
"""Between the name of a queue or task and what tells its rules apart."""
BOUNDLESS = 1 << 30
"""Room where no rule is known: who has declared it has taken it back."""


class Rule(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What a limit or a rate says, as it is stored."""

    most: int | None = None
    """So many jobs at a time. Or a rate:"""
    count: int | None = None
    """So many jobs …"""
    per: int | None = None
    """… in so many microseconds, evenly spaced, …"""
    burst: int | None = None
    """… but so many at once, if there were none for a while."""

    @property
    def spacing(self) -> int:
        """Microseconds from one job to the next, rounded up."""
        return -(-(self.per or 0) // (self.count or 1))


class Slot(msgspec.Struct, gc=False, array_like=True):
    """How it stands with a slot."""

    name: str
    epoch: int
    used: int
    """Jobs that run, for a limit."""
    next_free: int | None
    """For a rate."""
    wake_at: int | None
    """When somebody is to look which of the lines that wait for it may go on."""
    waiting: bool
    """Lines may wait for it."""
    tickets: int
    """The number of the last that began to."""
    served: int
    """The number up to which they were called."""


def slot_name(rule: str, key: str | None = None) -> str:
    """The name of what a rule counts, for a key where it counts by one."""
    return rule if key is None else f"{rule}{KEY_MARK}{key}"


def rule_name(scope: str, name: str, what: str = "") -> str:
    """The name of a rule.

    Args:
        scope: "queue" or "task".
        name: of the queue or task. The marks of this module, and `%`, are escaped in it as in addresses of the web.
        what: tells the rules of one queue or task apart; empty for its plain limit.
    """
    if "%" in name or KEY_MARK in name or WHAT_MARK in name:
        name = name.replace("%", "%25").replace(KEY_MARK, "%7C").replace(WHAT_MARK, "%2F")
    return f"{scope}:{name}{WHAT_MARK + what if what else ''}"


def rule_of(slot: str) -> str:
    """The name of the rule that a slot belongs to."""
    return slot.partition(KEY_MARK)[0]


def parts_of(rule: str) -> tuple[str, str, str]:
    """Scope, name and what of a rule, as `rule_name` took them."""
    scope, _, rest = rule.partition(":")
    name, _, what = rest.partition(WHAT_MARK)
    return scope, name.replace("%2F", WHAT_MARK).replace("%7C", KEY_MARK).replace("%25", "%"), what


def room(rule: Rule | None, slot: Slot, now: int) -> int:
    """How many more jobs a slot lets through at this time; never negative."""
    if rule is None:
        return BOUNDLESS
    if rule.most is not None:
        return max(0, rule.most - slot.used)
    ahead = max(0, (slot.next_free or 0) - now)
    spare = ((rule.burst or 1) - 1) * rule.spacing - ahead
    return spare // rule.spacing + 1 if spare >= 0 else 0


def use(rule: Rule | None, slot: Slot, number: int, now: int) -> None:
    """Let some jobs through."""
    slot.used += number
    if rule is not None and rule.count is not None:
        slot.next_free = max(now, slot.next_free or 0) + number * rule.spacing


def room_at(rule: Rule | None, slot: Slot, now: int) -> int | None:
    """When there will be room without anybody's doing: for a rate. None for a limit, or where there is some now."""
    if rule is None or rule.count is None or room(rule, slot, now):
        return None
    return (slot.next_free or 0) - ((rule.burst or 1) - 1) * rule.spacing
