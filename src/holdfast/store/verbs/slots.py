"""Slots: what limits and rates count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from holdfast.core.slots import Slot
from holdfast.store.statement import Many, Row, Statement, Verb, Wake

NOW = 0
SET = ("name", "epoch", "used", "next_free", "wake_at", "waiting", "tickets", "served")


def make(names: Collection[str]) -> Verb[None]:
    """Make those of some slots that aren't there. Before any is locked."""
    if names:
        yield Many("add_slots", ("name",), [(name,) for name in sorted(names)])


def locked(names: Collection[str]) -> Verb[dict[str, Slot]]:
    """Lock slots, waiting for whoever has them in hand. After lines."""
    rows = yield Statement("lock_slots", {"names": sorted(names)})
    return {row[0]: read(row) for row in rows}


def read(row: Row) -> Slot:
    """From its columns."""
    slot = Slot(*row)
    slot.waiting = bool(slot.waiting)
    return slot


def write(slots: Iterable[Slot]) -> Verb[None]:
    """Write slots that are locked."""
    rows: list[Row] = [
        (s.name, s.epoch, s.used, s.next_free, s.wake_at, s.waiting, s.tickets, s.served) for s in slots
    ]
    if rows:
        yield Many("set_slots", SET, rows)


def give_back(used: Counter[str]) -> Verb[None]:
    """Note that so many jobs have left each of some slots, and have workers look at the lines that wait for them."""
    held = yield from locked(used)
    woken = free(held, used)
    yield from write(held.values())
    if woken:
        yield Wake(notes=True)


def free(held: dict[str, Slot], used: Counter[str]) -> bool:
    """Count jobs out of locked slots; True if lines wait for some of them."""
    woken = False
    for name, number in used.items():
        slot = held.get(name)
        if slot is None:
            continue
        slot.used = max(0, slot.used - number)
        # What has a time already will be looked at then: that of a rate is no earlier for an end.
        if slot.waiting and slot.wake_at is None:
            slot.wake_at = NOW
            woken = True
    return woken
