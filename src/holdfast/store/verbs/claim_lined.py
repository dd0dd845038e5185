"""Taking jobs into hand that wait in lines: those whose turn it is, and those that there are slots for.

One transaction sees to the notes, calls the lines that wait for slots with room, picks lines that may go on, locks
the slots that their next jobs need, shares out what room there is, takes the jobs, and says of each line when a claim
is to look at it again. What can't go on is not looked at: a line waits for its slot with a ticket, and is called when
that slot has room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from holdfast.core.job import Claimed, is_suspect
from holdfast.core.lines import (
    Wanted,
    decode_limits,
    encode_limits,
    is_ordered,
    share_of,
    share_out,
    weight_of,
)
from holdfast.core.slots import Rule, Slot, room, room_at, rule_of, use
from holdfast.store.marks import LAG_OF_LINES, ZERO, Floors, Position
from holdfast.store.records import LaneMark, PauseRecord
from holdfast.store.statement import Many, Row, Statement, Verb, Wake
from holdfast.store.verbs import expiry, slots
from holdfast.store.verbs.limits import Rules, look
from holdfast.store.verbs.limits import read as read_rules
from holdfast.store.verbs.lines import NOW, Key, Line, write
from holdfast.store.verbs.pauses import Halted
from holdfast.store.verbs.strays import Place, PlaceOf, put_elsewhere
from holdfast.store.verbs.unique import release_started

NOTES = 500
"""So many notes are seen to at once …"""
CALLED = 250
"""… and so many slots that may have room."""
ROUNDS = 3
"""What lines without enough jobs have left over is shared out again so many times."""
ENDLESS = 1 << 30
"""Jobs of a line: nobody counts them."""
_START = Floors()
STUCK = 100_000
"""Microseconds until another look at a line whose next job could not be taken: a caller's transaction holds it."""


class Order(NamedTuple):
    """What a claim of lines is asked for."""

    worker: str
    lease: str
    """A new id; nothing is written under it when nothing is taken."""
    lanes: Sequence[LaneMark]
    """Where lines are due, the most urgent first."""
    limit: int
    """At most so many jobs."""
    tasks: Collection[str]
    """The names of the tasks that the worker serves."""
    serves: Callable[[str], bool]
    """Whether jobs of a queue may be taken now."""
    place: PlaceOf | None = None
    """Says in which line a job should stand, where that is another: it is put there."""
    floors: Floors | None = None
    """From where on to look, on a store that wants that."""
    called_first: bool = False
    """Queues of lines that were called by a slot are served before those of `lanes`. Change it from claim to claim, and
    neither can starve the other."""


class Taken(NamedTuple):
    """What a claim of lines has brought."""

    jobs: list[Claimed]
    look_at: int | None
    """When notes or slots are to be seen to again; 0 is at once, None not as far as is known."""
    floors: Floors | None = None
    """From where on the next claim need look."""


class _Desk(NamedTuple):
    """What is read first."""

    now: int
    pauses: list[Row] | None
    limits: list[Row] | None
    notes: bool
    slots: list[Row] | None
    next: int | None
    """When the next slot is to be looked at that isn't yet."""


class _Head(NamedTuple):
    """The job of a line that is the next."""

    id: str
    first_due: int
    lane: int
    task: str
    limits: tuple[str, ...]


class _Place:
    """A line that this claim has in hand."""

    __slots__ = (
        "asked",
        "called",
        "candidate",
        "floor",
        "got",
        "head",
        "line",
        "order",
        "sent",
        "short_of",
        "was",
    )

    def __init__(self, line: Line, order: int, *, called: bool = False) -> None:
        self.line = line
        self.was = msgspec.structs.replace(line)
        self.order = order
        """In which it was found, within its lane."""
        self.called = called
        """It waited for a slot that may have room now."""
        self.head: _Head | None = None
        self.floor = ZERO
        """Its jobs are looked for from here on."""
        self.candidate = False
        self.asked = 0
        """So many jobs were asked of it …"""
        self.got = 0
        """… and so many came, in the last round."""
        self.sent = 0
        """So many came in all."""
        self.short_of: str | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The slots that its next job needs."""
        return () if self.head is None else self.head.limits


class _Call(NamedTuple):
    """A slot whose lines were called, once it is locked."""

    others: list[int]
    """The first tickets of lines that wait for it too, which this claim doesn't have in hand."""
    kept: list[int]
    """The tickets of those called that keep theirs."""
    last: int
    """The highest ticket of those called."""
    alone: bool
    """Only one line waits for it."""


def claim_lined(order: Order) -> Verb[Taken]:
    """Take up to so many jobs that wait in lines, under a new lease."""
    floors = order.floors or _START
    desk = _Desk(
        *(yield Statement("desk", {"notes": floors.notes, "slots": floors.slots, "limit": CALLED}))[0]
    )
    now = desk.now
    rules = read_rules(desk.limits or ())
    halted = Halted([PauseRecord(*row) for row in desk.pauses or ()])
    places: dict[Key, _Place] = {}
    notes = yield from _see_to_notes(places, desk, floors)
    found = [slots.read(row) for row in desk.slots or ()]
    yield from _call(places, found, rules, now, order.limit)
    picked = yield from _pick(places, order)
    for place in places.values():
        if not is_ordered(place.line.key):
            # In order all are looked at: one that was committed late is not overtaken.
            place.floor = floors.lines.get(place.line.name, ZERO)
    yield from _read_heads(list(places.values()), now)
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
    calls = yield from _called(places.values(), held, held.keys() & called)
    for name, call in calls.items():
        held[name].waiting = bool(call.others)
    slots.free(held, gone)
    jobs = yield from _take(places, order, tasks, rules, held, now)
    yield from _set_lines(places, held, calls, order, now)
    _set_slots(held, calls, rules, now)
    yield from slots.write(slot for slot in held.values() if slot != known[slot.name])
    due = _due(places.values(), now)
    if due:
        yield Wake(lines=due)
    if jobs:
        rows = [(job.job_id, job.run, job.attempt, job.crashes) for job in jobs]
        yield Statement("lease_taken", {"lease": order.lease, "worker": order.worker, "jobs": rows})
        yield from expiry.read(jobs)
        unique = [job for job in jobs if job.unique is not None]
        if unique:
            yield from release_started(unique)
    times = [slot.wake_at for slot in held.values()]
    times += (notes.again, desk.next, NOW if len(found) == CALLED else None)
    look_at = min((at for at in times if at is not None), default=None)
    if order.floors is None:
        return Taken(jobs, look_at)
    return Taken(jobs, look_at, _floors(order.floors, order, places, picked, found, notes.seen, now))


# --- which lines ---------------------------------------------------------------------------------------------


class _Notes(NamedTuple):
    """What notes have told."""

    gone: Counter[str]
    """The slots that jobs have left which are gone."""
    again: int | None
    """When there are more notes to see to, if any."""
    seen: int
    """The highest number."""


def _see_to_notes(places: dict[Key, _Place], desk: _Desk, floors: Floors) -> Verb[_Notes]:
    """Have the lines of notes in hand."""
    gone = Counter[str]()
    if not desk.notes:
        return _Notes(gone, None, 0)
    numbered = yield Statement("take_notes", {"after": floors.notes, "limit": NOTES})
    if not numbered:
        # Others see to them.
        return _Notes(gone, None, 0)
    notes = [row[1:] for row in numbered]
    seen = max(row[0] for row in numbered)
    keys = sorted({(row[2], row[3]): row[4] for row in notes}.items())
    yield Many("add_lines", ("queue", "key", "lane"), [(*key, lane) for key, lane in keys])
    rows = yield Statement("lock_free_lines", {"keys": [key for key, _ in keys]})
    for row in rows:
        _have(places, Line(*row))
    unseen: list[Row] = []
    for note in notes:
        job_id, run, queue, key, _, left = note
        place = places.get((queue, key))
        if place is None:
            unseen.append(note)
            continue
        gone.update(decode_limits(left))
        if run and place.line.id == job_id and place.line.run == run:
            place.line.free()
    if unseen:
        yield Many("put_notes_back", ("id", "run", "queue", "key", "lane", "limits"), unseen)
    if len(notes) == NOTES:
        return _Notes(gone, NOW, seen)
    return _Notes(gone, desk.now + STUCK if unseen else None, seen)


def _call(places: dict[Key, _Place], found: Sequence[Slot], rules: Rules, now: int, limit: int) -> Verb[None]:
    """Have lines in hand that wait for slots which may have room."""
    if found:
        asked = [
            (slot.name, slot.served, min(room(_rule(rules, slot.name), slot, now), limit) + 1)
            for slot in found
        ]
        most = max(number for _, _, number in asked)
        for row in (yield Statement("waiting_lines", {"slots": asked, "most": most})):
            _have(places, Line(*row), called=True)


def _called(places: Iterable[_Place], held: Mapping[str, Slot], names: set[str]) -> Verb[dict[str, _Call]]:
    """What is known of slots whose lines were called, now that they are locked and nobody can begin to wait for them.

    Lines that wait may have been passed over, since others had them in hand for a moment.
    """
    mine: dict[str, list[int]] = {name: [] for name in names}
    for place in places:
        if place.line.slot in mine:
            mine[place.line.slot].append(place.line.ticket)
    others: dict[str, list[int]] = {name: [] for name in names}
    # Where all that began to wait since are in hand, there are no others.
    unsure = sorted(name for name in names if held[name].tickets - held[name].served > len(mine[name]))
    if unsure:
        most = max(len(mine[name]) for name in unsure) + 1
        for slot, ticket in (yield Statement("first_tickets", {"slots": unsure, "most": most})):
            if ticket not in mine[slot]:
                others[slot].append(ticket)
    return {
        name: _Call(others[name], [], max(mine[name], default=0), len(mine[name]) + len(others[name]) <= 1)
        for name in names
    }


def _pick(places: dict[Key, _Place], order: Order) -> Verb[list[Line]]:
    """Have lines in hand that may go on; returns them as they were."""
    if not order.lanes:
        return []
    lanes = [(mark.queue, mark.lane, mark.run_at) for mark in order.lanes]
    picked = [Line(*row) for row in (yield Statement("pick_lines", {"lanes": lanes, "limit": order.limit}))]
    for line in picked:
        _have(places, msgspec.structs.replace(line))
    return picked


def _have(places: dict[Key, _Place], line: Line, *, called: bool = False) -> None:
    known = places.get(line.name)
    if known is None:
        places[line.name] = _Place(line, len(places), called=called)
    else:
        known.called = known.called or called


def _read_heads(places: Sequence[_Place], now: int) -> Verb[None]:
    """Find the next job of each line: that which has the turn and waits for its retry, else the first."""
    holders = [place for place in places if place.line.id is not None and not place.line.running]
    if holders:
        rows = yield Statement("holders", {"ids": [place.line.id for place in holders]})
        found = {row[2]: _head(row) for row in rows}
        for place in holders:
            place.head = found.get(place.line.id or "")
            if place.head is None:
                # It is gone, and a note of that on its way.
                place.line.free()
    rest = [place for place in places if place.line.id is None]
    yield from _read_first(rest)
    # That there is none, or none that is due, counts only after a look from the start.
    unsure = [
        place
        for place in rest
        if place.floor is not ZERO and (place.head is None or place.head.first_due > now)
    ]
    for place in unsure:
        place.floor = ZERO
    yield from _read_first(unsure)


def _read_first(places: Sequence[_Place]) -> Verb[None]:
    if not places:
        return
    rows = yield Statement("heads", {"keys": [(*place.line.name, *place.floor) for place in places]})
    heads = {(row[0], row[1]): _head(row) for row in rows}
    for place in places:
        place.head = heads.get(place.line.name)


def _head(row: Row) -> _Head:
    return _Head(row[2], row[3], row[4], row[5], decode_limits(row[6]))


def _may_go(place: _Place, order: Order, halted: Halted, tasks: Collection[str], now: int) -> bool:
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


# --- which jobs ----------------------------------------------------------------------------------------------


def _lock_slots(places: Iterable[_Place], there: set[str]) -> Verb[dict[str, Slot]]:
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
    places: Mapping[Key, _Place],
    order: Order,
    tasks: Collection[str],
    rules: Rules,
    held: Mapping[str, Slot],
    now: int,
) -> Verb[list[Claimed]]:
    """Share out the room that there is, and take the jobs."""
    free = {name: room(_rule(rules, name), slot, now) for name, slot in held.items()}
    going = [place for place in places.values() if place.candidate]
    rank = _in_turn(going, order)
    going.sort(key=lambda p: (rank[p.line.queue], -p.line.lane, not p.called, p.order))
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
        # Of lines that had as many as they were asked for, some may have more, and others have left room to them.
        going = [
            place
            for place in asking
            if place.got >= place.asked and place.short_of is None and not is_ordered(place.line.key)
        ]
        if len(seats) >= order.limit or not going:
            break
    # The lines of a group go in turn here too: what few jobs one has don't begin behind all of another.
    return [job for *_, job in sorted(seats, key=lambda seat: seat[:3])]


def _in_turn(going: Sequence[_Place], order: Order) -> dict[str, int]:
    """The place of each queue among those served: by `lanes`, or as their lines were called, which is by tickets."""
    due = [mark.queue for mark in order.lanes]
    called = [place.line.queue for place in sorted(going, key=lambda p: p.order) if place.called]
    queues = [*called, *due] if order.called_first else [*due, *called]
    queues += [place.line.queue for place in going]
    return {queue: number for number, queue in reversed(list(enumerate(queues)))}


def _wanted(place: _Place, rules: Rules) -> Wanted:
    line = place.line
    weights = rules.weights.get(line.queue)
    return Wanted(
        group=(line.queue, line.lane),
        limits=place.needs,
        supply=1 if is_ordered(line.key) else ENDLESS,
        weight=1 if weights is None else weight_of(weights, share_of(line.key)),
        credit=line.credit,
    )


def _taken(asking: Sequence[_Place], order: Order, tasks: Collection[str]) -> Verb[dict[Key, list[Claimed]]]:
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
    for row in sorted(rows, key=lambda row: (row[10], row[0])):
        job = Claimed(*row[:15])
        job.lease = order.lease
        elsewhere = None if order.place is None else order.place(job)
        if elsewhere is None:
            found.setdefault((job.queue, row[16]), []).append(job)
        else:
            strays.append((job, row[15], elsewhere))
    if strays:
        yield from put_elsewhere(strays)
    return found


def _account(
    place: _Place,
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
        use(_rule(rules, name), held[name], len(got), now)
    if got and is_ordered(place.line.key):
        place.line.id, place.line.run = got[0].job_id, got[0].run
    elif got:
        place.floor = Position(got[-1].run_at, got[-1].job_id)


def _rule(rules: Rules, slot: str) -> Rule | None:
    return rules.rules.get(rule_of(slot))


# --- how lines and slots are left ----------------------------------------------------------------------------


def _set_lines(
    places: Mapping[Key, _Place],
    held: Mapping[str, Slot],
    calls: Mapping[str, _Call],
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
    crowded = bool(order.lanes) and len(places) >= order.limit
    # What is the next now, where it is not what it was.
    yield from _read_heads(
        [place for place in places.values() if place.sent and not is_ordered(place.line.key)], now
    )
    short: list[_Place] = []
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
        elif place.asked and not place.sent and head.task in order.tasks:
            line.due = now + STUCK
        elif crowded and not place.sent and line.due is not None:
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


def _queue_up(place: _Place, slot: Slot, call: _Call | None) -> None:
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


def _set_slots(held: Mapping[str, Slot], calls: Mapping[str, _Call], rules: Rules, now: int) -> None:
    """Say of each slot when the lines that wait for it are to be called."""
    for name, call in calls.items():
        slot = held[name]
        # Nothing that still waits is below.
        slot.served = max(slot.served, min([*call.kept, *call.others], default=call.last + 1) - 1)
    for slot in held.values():
        rule = _rule(rules, slot.name)
        if not slot.waiting:
            slot.wake_at = None
        elif room(rule, slot, now):
            slot.wake_at = NOW
        else:
            slot.wake_at = room_at(rule, slot, now)


def _due(places: Iterable[_Place], now: int) -> tuple[tuple[str, int, int], ...]:
    """The earliest time of each lane at which a line may go on of which that was not known."""
    first: dict[tuple[str, int], int] = {}
    for place in places:
        line, before = place.line, place.was.due
        passed_over = not place.sent and before is not None and line.due == now > before
        if line.due is not None and line.due != before and not passed_over:
            lane = (line.queue, line.lane)
            first[lane] = min(line.due, first.get(lane, line.due))
    return tuple((*lane, due) for lane, due in first.items())


def _floors(
    before: Floors,
    order: Order,
    places: Mapping[Key, _Place],
    picked: Sequence[Line],
    found: Sequence[Slot],
    seen: int,
    now: int,
) -> Floors:
    """From where on the next claim need look: what this one has seen is written anew, or gone."""
    safe = now - LAG_OF_LINES
    lanes = dict(before.lanes)
    last = picked[-1] if len(picked) >= order.limit else None
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
