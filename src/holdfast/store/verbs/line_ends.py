"""How a claim leaves the lines and slots that it had in hand: when somebody is to look at each again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from holdfast.core.lines import is_ordered
from holdfast.core.slots import Slot, room, room_at
from holdfast.store.marks import LAG_OF_LINES, ZERO, Floors, Position
from holdfast.store.statement import Verb
from holdfast.store.verbs.in_hand import CALLED, STUCK, Call, InHand, Order, read_heads, rule_for
from holdfast.store.verbs.limits import Rules
from holdfast.store.verbs.lines import NOW, Key, Line, write


def set_lines(
    places: Mapping[Key, InHand],
    held: Mapping[str, Slot],
    calls: Mapping[str, Call],
    order: Order,
    now: int,
) -> Verb[None]:
    """Say of each line when a claim is to look at it again, or what it waits for.

    Args:
        places: the lines.
        held: the slots that they need, locked.
        calls: which of those were found to have room.
        order: what was asked for.
        now: the store's time.
    """
    # There may be more lines behind those that were picked: none may stay in front for nothing.
    crowded = bool(order.lanes) and len(places) >= order.sight
    # What is the next now, where it is not what it was.
    yield from read_heads(
        [place for place in places.values() if place.sent and not is_ordered(place.line.key)], now
    )
    short: list[InHand] = []
    for place in places.values():
        line, head = place.line, place.head
        done = place.sent and not line.credit
        if place.sent and is_ordered(line.key):
            line.due = None  # it runs
        elif line.running:
            pass
        elif head is None:
            line.due, line.credit = None, 0
        elif head.first_due > now:
            line.due = head.first_due
        elif place.short_of is not None:
            short.append(place)
            continue
        elif place.asked and not (place.sent or place.moved) and head.task in order.tasks:
            line.due = now + STUCK
        elif crowded and line.due is not None and (not place.candidate or (place.asked and not place.sent)):
            # Out of the way of those behind it. Others may take what this worker doesn't, or has no room for.
            line.due = now + STUCK if head.task in order.tasks else now
        elif done:
            # Behind those that have not had their turn, also those that have come just now.
            line.due = now + 1
        elif line.due is None or line.due > now:
            line.due = now
        line.slot, line.ticket = None, 0
    for place in sorted(short, key=lambda p: bool(p.sent and not p.line.credit)):
        slot = held[place.short_of or ""]
        _queue_up(place, slot, calls.get(slot.name))
    changed = (place.line for place in places.values() if place.line != place.was)
    yield from write(sorted(changed, key=lambda line: line.name))


def _queue_up(place: InHand, slot: Slot, call: Call | None) -> None:
    """Have a line wait for a slot: behind the others, but where it stood if it has not sent its part, or is alone."""
    line = place.line
    stood = line.slot == slot.name and line.ticket > slot.served
    # One that has not sent its part yet goes on where it is.
    behind = place.sent and not line.credit and call is not None and not call.alone
    if not stood or behind:
        slot.tickets += 1
        line.ticket = slot.tickets
    elif call is not None:
        call.kept.append(line.ticket)
    line.slot, line.due = slot.name, None
    slot.waiting = True


def set_slots(held: Mapping[str, Slot], calls: Mapping[str, Call], rules: Rules, now: int) -> None:
    """Say of each slot when the lines that wait for it are to be called."""
    for name, call in calls.items():
        slot = held[name]
        # Nothing that still waits is below.
        slot.served = max(slot.served, min([*call.kept, *call.others], default=call.last + 1) - 1)
    for slot in held.values():
        rule = rule_for(rules, slot.name)
        if not slot.waiting:
            slot.wake_at = None
        elif room(rule, slot, now):
            slot.wake_at = NOW
        else:
            slot.wake_at = room_at(rule, slot, now)


def now_due(places: Iterable[InHand], now: int) -> tuple[tuple[str, int, int], ...]:
    """The earliest time of each lane at which a line may go on of which that was not known."""
    first: dict[tuple[str, int], int] = {}
    for place in places:
        line, before = place.line, place.was.due
        passed_over = not place.sent and before is not None and line.due == now > before
        if line.due is not None and line.due != before and not passed_over:
            lane = (line.queue, line.lane)
            first[lane] = min(line.due, first.get(lane, line.due))
    return tuple((*lane, due) for lane, due in first.items())


def next_floors(
    before: Floors,
    order: Order,
    places: Mapping[Key, InHand],
    picked: Sequence[Line],
    found: Sequence[Slot],
    seen: int,
    now: int,
) -> Floors:
    """From where on the next claim need look: what this one has seen is written anew, or gone."""
    safe = now - LAG_OF_LINES
    lanes = dict(before.lanes)
    last = picked[-1] if len(picked) >= order.sight else None
    for mark in order.lanes:
        lane = (mark.queue, mark.lane)
        if last is not None and lane == (last.queue, last.lane):
            lanes[lane] = min(safe, (last.due or 0) - 1)
            break  # the lanes behind it were not visited
        lanes[lane] = safe
    for line in picked:
        left = places[line.name].line.due
        if left is not None and left == line.due and (line.queue, line.lane) in lanes:
            lanes[line.queue, line.lane] = min(left - 1, lanes[line.queue, line.lane])
    lines = dict(before.lines)
    for place in places.values():
        if place.sent and not is_ordered(place.line.key):
            lines[place.line.name] = min(place.floor, Position(safe, ZERO.job_id))
    floors = msgspec.structs.replace(
        before,
        lanes=lanes,
        lines=lines,
        slots=safe if len(found) < CALLED else min(safe, (found[-1].wake_at or 0) - 1),
        seen_notes=max(before.seen_notes, seen),
    )
    if now - before.turned < LAG_OF_LINES:
        return floors
    return msgspec.structs.replace(floors, notes=before.next_notes, next_notes=before.seen_notes, turned=now)
