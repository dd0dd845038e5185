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
from holdfast.store.records import LaneMark
from holdfast.store.statement import Many, Row, Statement, Verb, Wake
from holdfast.store.verbs import expiry, slots
from holdfast.store.verbs.limits import Rules, look
from holdfast.store.verbs.lines import NOW, Key, Line, write
from holdfast.store.verbs.pauses import Halted, list_pauses
from holdfast.store.verbs.strays import Place, PlaceOf, put_elsewhere
from holdfast.store.verbs.unique import release_started

NOTES = 500
"""So many notes are seen to at once …"""
CALLED = 250
"""… and so many slots that may have room."""
ROUNDS = 3
"""What lines without enough jobs have left over is shared out again so many times."""
STUCK = 100_000
"""Microseconds until another look at a line whose next job could not be taken: a caller's transaction holds it, or its
task is not known to this worker."""


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
    called_first: bool = False
    """Queues of lines that were called by a slot are served before those of `lanes`. Change it from claim to claim, and
    neither can starve the other."""


class Taken(NamedTuple):
    """What a claim of lines has brought."""

    jobs: list[Claimed]
    look_at: int | None
    """When notes or slots are to be seen to again; 0 is at once, None not as far as is known."""


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
        "changed",
        "got",
        "head",
        "line",
        "order",
        "sent",
        "short_of",
        "was_due",
    )

    def __init__(self, line: Line, order: int, *, called: bool = False) -> None:
        self.line = line
        self.was_due = line.due
        self.order = order
        """In which it was found, within its lane."""
        self.called = called
        """It waited for a slot that may have room now."""
        self.head: _Head | None = None
        self.candidate = False
        self.asked = 0
        """So many jobs were asked of it …"""
        self.got = 0
        """… and so many came, in the last round."""
        self.sent = 0
        """So many came in all."""
        self.short_of: str | None = None
        self.changed = False

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
    now: int = (yield Statement("server_time"))[0][0]
    rules = yield from look()
    halted = Halted((yield from list_pauses()))
    places: dict[Key, _Place] = {}
    gone, again = yield from _see_to_notes(places, now)
    called = yield from _call(places, rules, now, order.limit)
    yield from _pick(places, order)
    yield from _read_heads(list(places.values()))
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
    calls = yield from _called(places.values(), held.keys() & called)
    for name, call in calls.items():
        held[name].waiting = bool(call.others)
    slots.free(held, gone)
    jobs = yield from _take(places, order, tasks, rules, held, now)
    yield from _set_lines(places, held, calls, now, crowded=bool(order.lanes) and len(places) >= order.limit)
    _set_slots(held, calls, rules, now)
    yield from slots.write(held.values())
    if jobs:
        rows = [(job.job_id, job.run, job.attempt, job.crashes) for job in jobs]
        yield Statement("lease_taken", {"lease": order.lease, "worker": order.worker, "jobs": rows})
        yield from expiry.read(jobs)
        unique = [job for job in jobs if job.unique is not None]
        if unique:
            yield from release_started(unique)
    yield Wake(lines=_due(places.values()))
    times = [row[0] for row in (yield Statement("next_wake"))]
    if again is not None:
        times.append(again)
    return Taken(jobs, min(times, default=None))


# --- which lines ---------------------------------------------------------------------------------------------


def _see_to_notes(places: dict[Key, _Place], now: int) -> Verb[tuple[Counter[str], int | None]]:
    """Have the lines of notes in hand; returns what slots jobs have left that are gone, and when there are more notes
    to see to, if any."""
    notes = yield Statement("take_notes", {"after": 0, "limit": NOTES})
    gone = Counter[str]()
    if not notes:
        return gone, None
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
        place.changed = True
    if unseen:
        yield Many("put_notes_back", ("id", "run", "queue", "key", "lane", "limits"), unseen)
    if len(notes) == NOTES:
        return gone, NOW
    return gone, now + STUCK if unseen else None


def _call(places: dict[Key, _Place], rules: Rules, now: int, limit: int) -> Verb[set[str]]:
    """Have lines in hand that wait for slots which may have room; returns the names of these slots."""
    found = [slots.read(row) for row in (yield Statement("waking_slots", {"after": 0, "limit": CALLED}))]
    if found:
        asked = [
            (slot.name, slot.served, min(room(_rule(rules, slot.name), slot, now), limit) + 1)
            for slot in found
        ]
        most = max(number for _, _, number in asked)
        for row in (yield Statement("waiting_lines", {"slots": asked, "most": most})):
            _have(places, Line(*row), called=True)
    return {slot.name for slot in found}


def _called(places: Iterable[_Place], names: set[str]) -> Verb[dict[str, _Call]]:
    """What is known of slots whose lines were called, now that they are locked and nobody can begin to wait for them.

    Lines that wait may have been passed over, since others had them in hand for a moment.
    """
    if not names:
        return {}
    mine: dict[str, list[int]] = {name: [] for name in names}
    for place in places:
        if place.line.slot in mine:
            mine[place.line.slot].append(place.line.ticket)
    most = max(len(tickets) for tickets in mine.values()) + 1
    others: dict[str, list[int]] = {name: [] for name in names}
    for slot, ticket in (yield Statement("first_tickets", {"slots": sorted(names), "most": most})):
        if ticket not in mine[slot]:
            others[slot].append(ticket)
    return {
        name: _Call(others[name], [], max(mine[name], default=0), len(mine[name]) + len(others[name]) <= 1)
        for name in names
    }


def _pick(places: dict[Key, _Place], order: Order) -> Verb[None]:
    if order.lanes:
        lanes = [(mark.queue, mark.lane, mark.run_at) for mark in order.lanes]
        for row in (yield Statement("pick_lines", {"lanes": lanes, "limit": order.limit})):
            _have(places, Line(*row))


def _have(places: dict[Key, _Place], line: Line, *, called: bool = False) -> None:
    known = places.get(line.name)
    if known is None:
        places[line.name] = _Place(line, len(places), called=called)
    else:
        known.called = known.called or called


def _read_heads(places: Sequence[_Place]) -> Verb[None]:
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
                place.changed = True
    rest = [place for place in places if place.line.id is None]
    if rest:
        rows = yield Statement("heads", {"keys": [place.line.name for place in rest]})
        heads = {(row[0], row[1]): _head(row) for row in rows}
        for place in rest:
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
    jobs: list[Claimed] = []
    for _ in range(ROUNDS):
        left = order.limit - len(jobs)
        wanted = [_wanted(place, left, rules) for place in going]
        share_out(wanted, free, left)
        for place, line in zip(going, wanted, strict=True):
            place.asked, place.short_of, place.line.credit = line.got, line.short_of, line.credit
        asking = [place for place in going if place.asked]
        if not asking:
            break
        taken = yield from _taken(asking, order, tasks)
        for place in asking:
            got = taken.get(place.line.name, [])
            jobs += got
            _account(place, got, rules, free, held, now)
        # Of lines that had as many as they were asked for, some may have more, and others have left room to them.
        going = [
            place
            for place in asking
            if place.got >= place.asked and place.short_of is None and not is_ordered(place.line.key)
        ]
        if len(jobs) >= order.limit or not going:
            break
    return jobs


def _in_turn(going: Sequence[_Place], order: Order) -> dict[str, int]:
    """The place of each queue among those served: by `lanes`, or as their lines were called, which is by tickets."""
    due = [mark.queue for mark in order.lanes]
    called = [place.line.queue for place in sorted(going, key=lambda p: p.order) if place.called]
    queues = [*called, *due] if order.called_first else [*due, *called]
    queues += [place.line.queue for place in going]
    return {queue: number for number, queue in reversed(list(enumerate(queues)))}


def _wanted(place: _Place, left: int, rules: Rules) -> Wanted:
    line = place.line
    weights = rules.weights.get(line.queue)
    return Wanted(
        group=(line.queue, line.lane),
        limits=place.needs,
        supply=1 if is_ordered(line.key) else left,
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
    lines = [(*place.line.name, place.asked) for place in asking if not is_ordered(place.line.key)]
    if lines:
        rows += yield Statement(
            "take_from_lines",
            {"lines": lines, "tasks": list(tasks), "most": max(line[2] for line in lines)},
        )
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
    place.changed = place.changed or bool(got)
    place.sent += len(got)
    if len(got) < place.asked:
        place.short_of = None
    for name in place.needs:
        free[name] += place.asked - len(got)
        use(_rule(rules, name), held[name], len(got), now)
    if got and is_ordered(place.line.key):
        place.line.id, place.line.run = got[0].job_id, got[0].run


def _rule(rules: Rules, slot: str) -> Rule | None:
    return rules.rules.get(rule_of(slot))


# --- how lines and slots are left ----------------------------------------------------------------------------


def _set_lines(
    places: Mapping[Key, _Place],
    held: Mapping[str, Slot],
    calls: Mapping[str, _Call],
    now: int,
    *,
    crowded: bool,
) -> Verb[None]:
    """Say of each line when a claim is to look at it again, or what it waits for.

    Args:
        places: the lines.
        held: the slots that they need, locked.
        calls: which of those were found to have room.
        now: the store's time.
        crowded: there may be more lines behind those that were picked: none may stay in front for nothing.
    """
    # What is the next now, where it is not what it was.
    yield from _read_heads(
        [place for place in places.values() if place.sent and not is_ordered(place.line.key)]
    )
    for place in places.values():
        line, head = place.line, place.head
        before = (line.due, line.slot, line.ticket, line.lane)
        slot = None
        if place.sent and is_ordered(line.key):
            line.due = None  # it runs
        elif line.running:
            pass
        elif head is None:
            line.due, line.credit = None, 0
        elif head.first_due > now:
            line.due = head.first_due
        elif place.short_of is not None:
            slot = place.short_of
        elif (place.asked and not place.got) or (crowded and not place.candidate and line.due is not None):
            line.due = now + STUCK
        elif (place.sent and not line.credit) or line.due is None or line.due > now:
            # Behind those that have not had their turn.
            line.due = now
        if slot is not None:
            _queue_up(place, held[slot], calls.get(slot))
        else:
            line.slot, line.ticket = None, 0
        place.changed = place.changed or before != (line.due, line.slot, line.ticket, line.lane)
    yield from write(
        [place.line for place in sorted(places.values(), key=lambda p: p.line.name) if place.changed]
    )


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


def _due(places: Iterable[_Place]) -> tuple[tuple[str, int, int], ...]:
    """The earliest time of each lane at which a line may go on of which that was not known."""
    first: dict[tuple[str, int], int] = {}
    for place in places:
        line = place.line
        if line.due is not None and line.due != place.was_due:
            lane = (line.queue, line.lane)
            first[lane] = min(line.due, first.get(lane, line.due))
    return tuple((*lane, due) for lane, due in first.items())
