"""The lines that a claim has in hand: those that notes tell of, those called by a slot with room, those that are due.

All are locked, and their next jobs known. Whoever holds a line may be passed over by others for a moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from holdfast.core.job import Claimed
from holdfast.core.lines import decode_limits
from holdfast.core.slots import Rule, Slot, room, rule_of
from holdfast.store.marks import ZERO, Floors
from holdfast.store.records import LaneMark
from holdfast.store.statement import Many, Row, Statement, Verb
from holdfast.store.verbs.limits import Rules
from holdfast.store.verbs.lines import NOW, Key, Line
from holdfast.store.verbs.strays import PlaceOf

NOTES = 500
"""So many notes are seen to at once …"""
CALLED = 250
"""… and so many slots that may have room."""
LEAST = 16
"""So many lines are picked where fewer jobs are asked for."""
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
    ages: Mapping[str, int] = {}
    """Of queues whose jobs age: after how many microseconds one that is due counts as one priority higher."""
    called_first: bool = False
    """Queues of lines that were called by a slot are served before those of `lanes`. Change it from claim to claim, and
    neither can starve the other."""

    @property
    def sight(self) -> int:
        """So many lines are picked at most: a few more than are needed, to know whether there are others behind."""
        return max(self.limit, LEAST)


class Taken(NamedTuple):
    """What a claim of lines has brought."""

    jobs: list[Claimed]
    look_at: int | None
    """When notes or slots are to be seen to again; 0 is at once, None not as far as is known."""
    floors: Floors | None = None
    """From where on the next claim need look."""
    all: bool = True
    """It has seen all lines that may go on, in the lanes that it was given; False where there may be others."""


class Desk(NamedTuple):
    """What is read first."""

    now: int
    pauses: list[Row] | None
    limits: list[Row] | None
    notes: bool
    slots: list[Row] | None
    next: int | None
    """When the next slot is to be looked at that isn't yet."""


class Head(NamedTuple):
    """The job of a line that is the next."""

    id: str
    first_due: int
    lane: int
    task: str
    limits: tuple[str, ...]


class InHand:
    """A line that this claim has in hand."""

    __slots__ = (
        "asked",
        "called",
        "candidate",
        "floor",
        "got",
        "head",
        "line",
        "moved",
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
        self.head: Head | None = None
        self.floor = ZERO
        """Its jobs are looked for from here on."""
        self.candidate = False
        self.asked = 0
        """So many jobs were asked of it …"""
        self.got = 0
        """… and so many came, in the last round."""
        self.moved = False
        """Some jobs that it sent belonged elsewhere, and are there now."""
        self.sent = 0
        """So many came in all."""
        self.short_of: str | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The slots that its next job needs."""
        return () if self.head is None else self.head.limits


class Call(NamedTuple):
    """A slot whose lines were called, once it is locked."""

    others: list[int]
    """The first tickets of lines that wait for it too, which this claim doesn't have in hand."""
    kept: list[int]
    """The tickets of those called that keep theirs."""
    last: int
    """The highest ticket of those called."""
    alone: bool
    """Only one line waits for it."""


class Notes(NamedTuple):
    """What notes have told."""

    gone: Counter[str]
    """The slots that jobs have left which are gone."""
    again: int | None
    """When there are more notes to see to, if any."""
    seen: int
    """The highest number."""


def see_to_notes(places: dict[Key, InHand], desk: Desk, floors: Floors) -> Verb[Notes]:
    """Have the lines of notes in hand."""
    gone = Counter[str]()
    if not desk.notes:
        return Notes(gone, None, 0)
    numbered = yield Statement("take_notes", {"after": floors.notes, "limit": NOTES})
    if not numbered:
        # Others see to them.
        return Notes(gone, None, 0)
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
        return Notes(gone, NOW, seen)
    return Notes(gone, desk.now + STUCK if unseen else None, seen)


def call_waiting(
    places: dict[Key, InHand], found: Sequence[Slot], rules: Rules, now: int, limit: int
) -> Verb[None]:
    """Have lines in hand that wait for slots which may have room."""
    if found:
        asked = [
            (slot.name, slot.served, min(room(rule_for(rules, slot.name), slot, now), limit) + 1)
            for slot in found
        ]
        most = max(number for _, _, number in asked)
        for row in (yield Statement("waiting_lines", {"slots": asked, "most": most})):
            _have(places, Line(*row), called=True)
        # Where more may wait than were called, those of the highest priority besides: tickets know of none.
        crowds = [
            (slot.name, number)
            for slot, (_, _, number) in zip(found, asked, strict=True)
            if slot.tickets - slot.served > number
        ]
        if crowds:
            for row in (yield Statement("urgent_lines", {"slots": crowds, "most": most})):
                _have(places, Line(*row), called=True)


def who_else_waits(
    places: Iterable[InHand], held: Mapping[str, Slot], names: set[str]
) -> Verb[dict[str, Call]]:
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
        name: Call(others[name], [], max(mine[name], default=0), len(mine[name]) + len(others[name]) <= 1)
        for name in names
    }


def pick(places: dict[Key, InHand], order: Order) -> Verb[list[Line]]:
    """Have lines in hand that may go on; returns them as they were."""
    if not order.lanes:
        return []
    lanes = [(mark.queue, mark.lane, mark.run_at) for mark in order.lanes]
    picked = [Line(*row) for row in (yield Statement("pick_lines", {"lanes": lanes, "limit": order.sight}))]
    for line in picked:
        _have(places, msgspec.structs.replace(line))
    return picked


def _have(places: dict[Key, InHand], line: Line, *, called: bool = False) -> None:
    known = places.get(line.name)
    if known is None:
        places[line.name] = InHand(line, len(places), called=called)
    else:
        known.called = known.called or called


def read_heads(places: Sequence[InHand], now: int) -> Verb[None]:
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


def _read_first(places: Sequence[InHand]) -> Verb[None]:
    if not places:
        return
    rows = yield Statement("heads", {"keys": [(*place.line.name, *place.floor) for place in places]})
    heads = {(row[0], row[1]): _head(row) for row in rows}
    for place in places:
        place.head = heads.get(place.line.name)


def _head(row: Row) -> Head:
    return Head(row[2], row[3], row[4], row[5], decode_limits(row[6]))


def rule_for(rules: Rules, slot: str) -> Rule | None:
    return rules.rules.get(rule_of(slot))
