"""Taking jobs into hand that wait in lines: those whose turn it is, and those that there are slots for.

One transaction sees to the notes, calls the lines that wait for slots with room, picks lines that may go on, locks
the slots that their next jobs need, shares out what room there is, takes the jobs, and says of each line when a claim
is to look at it again. What can't go on is not looked at: a line waits for its slot with a ticket, and is called when
that slot has room.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from holdfast.core.job import Claimed, is_suspect
from holdfast.core.lines import Wanted, encode_limits, is_ordered, share_of, share_out
from holdfast.core.slots import Slot, room, use
from holdfast.store.marks import ZERO, Floors, Position
from holdfast.store.records import PauseRecord
from holdfast.store.statement import Row, Statement, Verb, Wake
from holdfast.store.verbs import expiry, slots
from holdfast.store.verbs.in_hand import (
    CALLED,
    Desk,
    InHand,
    Order,
    Taken,
    call_waiting,
    pick,
    read_heads,
    rule_for,
    see_to_notes,
    who_else_waits,
)
from holdfast.store.verbs.limits import Rules, look
from holdfast.store.verbs.limits import read as read_rules
from holdfast.store.verbs.line_ends import next_floors, now_due, set_lines, set_slots
from holdfast.store.verbs.lines import NOW, Key
from holdfast.store.verbs.pauses import Halted
from holdfast.store.verbs.strays import Place, put_elsewhere
from holdfast.store.verbs.unique import release_started

ROUNDS = 3
"""What lines without enough jobs have left over is shared out again so many times."""
ENDLESS = 1 << 30
"""Jobs of a line: nobody counts them."""
_START = Floors()


def claim_lined(order: Order) -> Verb[Taken]:
    """Take up to so many jobs that wait in lines, under a new lease."""
    floors = order.floors or _START
    desk = Desk(
        *(yield Statement("desk", {"notes": floors.notes, "slots": floors.slots, "limit": CALLED}))[0]
    )
    now = desk.now
    rules = read_rules(desk.limits or ())
    halted = Halted([PauseRecord(*row) for row in desk.pauses or ()])
    places: dict[Key, InHand] = {}
    notes = yield from see_to_notes(places, desk, floors)
    found = [slots.read(row) for row in desk.slots or ()]
    yield from call_waiting(places, found, rules, now, order.limit)
    picked = yield from pick(places, order)
    for place in places.values():
        if not is_ordered(place.line.key):
            # In order all are looked at: one that was committed late is not overtaken.
            place.floor = floors.lines.get(place.line.name, ZERO)
    yield from read_heads(list(places.values()), now)
    gone, called = notes.gone, {slot.name for slot in found}
    tasks = [task for task in order.tasks if not halted.job("", task)]
    for place in places.values():
        place.candidate = _may_go(place, order, halted, tasks, now)
    held = yield from _lock_slots(places.values(), {*gone, *called})
    if held:
        # Who changes a rule locks its slots: what is read now counts for as long as they are held.
        rules = yield from look()
    for place in places.values():
        # One that was idle may have been forgotten meanwhile: the next claim makes it anew.
        place.candidate = place.candidate and held.keys() >= set(place.needs)
    known = {name: msgspec.structs.replace(slot) for name, slot in held.items()}
    calls = yield from who_else_waits(places.values(), held, held.keys() & called)
    for name, call in calls.items():
        held[name].waiting = bool(call.others)
    for place in places.values():
        _wait_in_turn(place, held, calls.keys())
    slots.free(held, gone)
    jobs = yield from _take(places, order, tasks, rules, held, now)
    yield from set_lines(places, held, calls, order, now)
    set_slots(held, calls, rules, now)
    yield from slots.write(slot for slot in held.values() if slot != known[slot.name])
    due = now_due(places.values(), now)
    if due:
        yield Wake(lines=due)
    if jobs:
        yield from _lease(jobs, order)
    times = [slot.wake_at for slot in held.values()]
    times += (notes.again, desk.next, NOW if len(found) == CALLED else None)
    look_at = min((at for at in times if at is not None), default=None)
    seen_all = len(picked) < order.sight
    if order.floors is None:
        return Taken(jobs, look_at, all=seen_all)
    return Taken(
        jobs, look_at, next_floors(order.floors, order, places, picked, found, notes.seen, now), seen_all
    )


def _lease(jobs: list[Claimed], order: Order) -> Verb[None]:
    """Write the lease of jobs that were taken, and what begins with it."""
    rows = [(job.job_id, job.run, job.attempt, job.crashes) for job in jobs]
    yield Statement("lease_taken", {"lease": order.lease, "worker": order.worker, "jobs": rows})
    yield from expiry.read(jobs)
    unique = [job for job in jobs if job.unique is not None]
    if unique:
        yield from release_started(unique)


def _may_go(place: InHand, order: Order, halted: Halted, tasks: Collection[str], now: int) -> bool:
    """Whether this claim may take jobs of a line, slots aside."""
    line, head = place.line, place.head
    if head is None or line.running or head.first_due > now:
        return False
    line.lane = head.lane
    if halted.queue(line.queue) or not order.serves(line.queue):
        return False
    if is_suspect(line.lane) != any(is_suspect(mark.lane) for mark in order.lanes):
        return False
    # In an ordered line nobody overtakes the first, whatever its task is.
    return not is_ordered(line.key) or head.task in tasks


# --- which jobs ---------------------------------------------------------------------------------------------


def _lock_slots(places: Iterable[InHand], there: set[str]) -> Verb[dict[str, Slot]]:
    needed: set[str] = set()
    for place in places:
        if place.line.slot is not None:
            there.add(place.line.slot)
        if place.candidate:
            needed.update(place.needs)
    yield from slots.make(needed - there)
    names = needed | there
    return (yield from slots.locked(names)) if names else {}


def _take(
    places: Mapping[Key, InHand],
    order: Order,
    tasks: Collection[str],
    rules: Rules,
    held: Mapping[str, Slot],
    now: int,
) -> Verb[list[Claimed]]:
    """Share out the room that there is, and take the jobs."""
    free = {name: room(rule_for(rules, name), slot, now) for name, slot in held.items()}
    going = [place for place in places.values() if place.candidate]
    rank = _in_turn(going, order)
    urgency = _urgency(going, order, now)
    # Those of a lane stay together: however old its jobs are, shares take turns in it.
    going.sort(
        key=lambda p: (
            rank[p.line.queue], -urgency[p.line.queue, p.line.lane], -p.line.lane, not p.called, p.order,
        )
    )  # fmt: skip
    groups = {group: n for n, group in enumerate(dict.fromkeys((p.line.queue, p.line.lane) for p in going))}
    seats: list[tuple[int, int, int, Claimed]] = []
    for _ in range(ROUNDS):
        left = order.limit - len(seats)
        wanted = [_wanted(place, rules) for place in going]
        share_out(wanted, free, left)
        for place, line in zip(going, wanted, strict=True):
            place.asked, place.short_of, place.line.credit = line.got, line.short_of, line.credit
        asking = [place for place in going if place.asked]
        if not asking:
            break
        taken = yield from _taken(asking, order, tasks)
        for place, line in zip(going, wanted, strict=True):
            if not place.asked:
                continue
            got = taken.get(place.line.name, [])
            for n, job in enumerate(got, place.sent):
                seats.append((groups[line.group], n // line.weight, len(seats), job))
            _account(place, got, rules, free, held, now)
        # Others have left room to those that sent all that they were asked for, and to those that were not asked yet.
        going = [place for place in going if place.short_of is None and _may_send_more(place)]
        if len(seats) >= order.limit or not going:
            break
    # The lines of a group go in turn here too: what few jobs one has don't begin behind all of another.
    return [job for *_, job in sorted(seats, key=lambda seat: seat[:3])]


def _wait_in_turn(place: InHand, held: Mapping[str, Slot], called: Collection[str]) -> None:
    """Have a line stand behind those that wait for a slot which it needs, if they were not called with it."""
    if not place.candidate or place.called:
        return
    for name in place.needs:
        if held[name].waiting and name not in called and place.line.slot != name:
            place.candidate, place.short_of = False, name
            return


def _urgency(going: Iterable[InHand], order: Order, now: int) -> dict[tuple[str, int], int]:
    """The priority of each lane, and how long its oldest job has been due, if that counts."""
    found: dict[tuple[str, int], int] = {}
    for place in going:
        queue, lane = place.line.queue, place.line.lane
        after = order.ages.get(queue)
        aged = 0 if after is None or place.head is None else max(0, now - place.head.first_due) // after
        found[queue, lane] = max(lane + aged, found.get((queue, lane), lane))
    return found


def _may_send_more(place: InHand) -> bool:
    return not place.asked or (place.got >= place.asked and not is_ordered(place.line.key))


def _in_turn(going: Sequence[InHand], order: Order) -> dict[str, int]:
    """The place of each queue among those served: by `lanes`, or as their lines were called, which is by tickets."""
    due = [mark.queue for mark in order.lanes]
    called = [place.line.queue for place in sorted(going, key=lambda p: p.order) if place.called]
    queues = [*called, *due] if order.called_first else [*due, *called]
    queues += [place.line.queue for place in going]
    return {queue: number for number, queue in reversed(list(enumerate(queues)))}


def _wanted(place: InHand, rules: Rules) -> Wanted:
    line = place.line
    weights = rules.weights.get(line.queue)
    return Wanted(
        group=(line.queue, line.lane),
        limits=place.needs,
        supply=1 if is_ordered(line.key) else ENDLESS,
        weight=1 if weights is None else weights.get(share_of(line.key), 1),
        credit=line.credit,
    )


def _taken(asking: Sequence[InHand], order: Order, tasks: Collection[str]) -> Verb[dict[Key, list[Claimed]]]:
    """Take so many jobs of each line as it is asked for; returns those of each."""
    rows: list[Row] = []
    heads = [
        (place.head.id, encode_limits(place.needs))
        for place in asking
        if place.head is not None and is_ordered(place.line.key)
    ]
    if heads:
        rows += yield Statement("take_heads", {"heads": heads})
    lines = [
        (*place.line.name, place.asked, *place.floor) for place in asking if not is_ordered(place.line.key)
    ]
    if lines:
        rows += yield Statement(
            "take_from_lines",
            {"lines": lines, "tasks": list(tasks), "most": max(line[2] for line in lines)},
        )
    if rows:
        yield Statement("take_out", {"ids": [row[0] for row in rows]})
    found: dict[Key, list[Claimed]] = {}
    strays: list[tuple[Claimed, int, Place]] = []
    moved: set[Key] = set()
    for row in sorted(rows, key=lambda row: (row[10], row[0])):
        job = Claimed(*row[:15])
        job.lease = order.lease
        elsewhere = None if order.place is None else order.place(job)
        if elsewhere is None:
            found.setdefault((job.queue, row[16]), []).append(job)
        else:
            strays.append((job, row[15], elsewhere))
            moved.add((job.queue, row[16]))
    if strays:
        yield from put_elsewhere(strays)
    for place in asking:
        place.moved = place.line.name in moved
    return found


def _account(
    place: InHand,
    got: Sequence[Claimed],
    rules: Rules,
    free: dict[str, int],
    held: Mapping[str, Slot],
    now: int,
) -> None:
    """Write down what a line has sent."""
    place.got = len(got)
    place.sent += len(got)
    if len(got) < place.asked:
        place.short_of = None
    for name in place.needs:
        free[name] += place.asked - len(got)
        use(rule_for(rules, name), held[name], len(got), now)
    if got and is_ordered(place.line.key):
        place.line.id, place.line.run = got[0].job_id, got[0].run
    elif got:
        place.floor = Position(got[-1].run_at, got[-1].job_id)
