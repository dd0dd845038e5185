"""Which lanes may hold something due, and from where on, as far as a worker has heard and seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Lock
from time import monotonic
from typing import NamedTuple

from holdfast.core.job import Claimed, is_suspect
from holdfast.core.times import SECOND
from holdfast.store.marks import Floors, Marks
from holdfast.store.records import LaneDue, LaneMark
from holdfast.store.statement import Wake
from holdfast.store.verbs.claim import NOTES
from holdfast.store.verbs.pauses import Halted

NOW = 0
JUST_NOW = 5 * SECOND
"""News of this process say "now" of what was committed a moment ago: no longer ago than this."""

CLOCK_ERROR = SECOND // 5
"""The store's time is known here no better than this, on a busy machine and over a slow line."""

Key = tuple[str, int]


class _Vain(NamedTuple):
    """A lane was looked at in vain."""

    since: int
    until: int


class Lanes:
    """Made for one worker; any thread may tell it news.

    Args:
        queues: those served; None for all.
        marks: where claims begin, on a store that wants that; None begins at the start of each lane.
        lined: these are the lanes of lines that may go on, not of jobs.
        floors: the same for the lanes of lines.
        ages: tells of queues whose jobs age after how many microseconds one counts as one priority higher.
    """

    def __init__(
        self,
        queues: Collection[str] | None,
        marks: Marks | None = None,
        *,
        lined: bool = False,
        floors: Floors | None = None,
        ages: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._lined = lined
        self._ages = ages
        self._first: dict[Key, int] = {}
        """When the first job of a lane became due, as it was last seen; of lines, when it last had its turn."""
        self._queues = None if queues is None else frozenset(queues)
        self._marks = marks
        self._floors = floors
        self._lock = Lock()
        self._known: set[Key] = set()
        """Those of the last look, and those heard of since."""
        self._due: dict[Key, int] = {}
        """When the first job of a lane may be due, for the lanes that may hold one."""
        self._heard: dict[Key, int] = {}
        """News since the store was last asked, which its answer may not tell."""
        self._vain: dict[Key, _Vain] = {}
        self._order: deque[str] = deque()
        """The queues in the order in which they are served next."""
        self._notes_due: int | None = None
        """When notes and slots are to be seen to; None is not as far as is known."""
        self._notes_heard: int | None = None
        """The same by news since the store was last asked."""
        self._halted = Halted()

    # --- what is heard and seen ---

    def wake(self, wake: Wake, now: int) -> bool:
        """Take in news at the store's time `now`; True if they tell of something that is served here."""
        told = False
        if wake.notes and not self._lined:
            with self._lock:
                self._notes_due = self._notes_heard = NOW
            told = True
        due = wake.lines if self._lined else wake.due
        if due:
            with self._lock:
                for queue, lane, run_at in due:
                    if self._serves(queue):
                        told = True
                        self._hear((queue, lane), NOW if run_at is None else run_at)
                        if self._marks is not None:
                            self._marks.lower(queue, lane, now - JUST_NOW if run_at is None else run_at)
                        if self._floors is not None and run_at:
                            self._floors = self._floors.lowered(queue, lane, run_at)
        return told

    def look_begins(self) -> None:
        """Call it before the store is asked: news that come from now on may not be in the answer."""
        with self._lock:
            self._heard.clear()
            self._notes_heard = None

    def known(self) -> list[LaneMark]:
        """The known lanes from their marks on: a look at these is cheap."""
        with self._lock:
            return self._placed(sorted(self._known))

    @property
    def floors(self) -> Floors | None:
        """From where on to look for lines, on a store that wants that."""
        return self._floors

    def learn(self, found: Sequence[LaneDue], now: int, *, swept: bool = True) -> None:
        """Take in a look at all lanes or, if not `swept`, at the known ones, read at the store's time `now`."""
        with self._lock:
            if self._floors is not None and swept:
                # Once in a while claims begin at the start as well.
                self._floors = Floors()
            self._due, self._first = {}, {}
            self._known = set(self._heard)
            self._notes_due, self._notes_heard = self._notes_heard, None
            for lane in found:
                if lane.lined is not self._lined:
                    continue
                if lane.queue == NOTES:
                    self._notes_due = min(
                        lane.run_at, lane.run_at if self._notes_due is None else self._notes_due
                    )
                if self._serves(lane.queue):
                    self._known.add((lane.queue, lane.lane))
                    self._see(lane, now)
                    self._first[lane.queue, lane.lane] = lane.run_at
                    if self._marks is not None:
                        # What is found below a mark was committed late, or came back.
                        self._marks.lower(lane.queue, lane.lane, lane.run_at)
                    if self._floors is not None and swept:
                        lanes = {**self._floors.lanes, (lane.queue, lane.lane): lane.run_at - 1}
                        self._floors = Floors(lanes=lanes)
            for key, run_at in self._heard.items():
                self._due[key] = min(run_at, self._due.get(key, run_at))
            self._heard.clear()

    def pauses(self, halted: Halted) -> None:
        """What is paused has changed, or may have: what was passed over or looked for in vain is to be seen again."""
        with self._lock:
            self._halted = halted
            self._vain.clear()
            if self._marks is not None:
                self._marks.reset()

    # --- what to claim ---

    def any_due(self, now: int) -> bool:
        """True if a lane may hold something due, suspects left aside."""
        with self._lock:
            return any(not is_suspect(lane) for _, lane in self._due_at(now))

    def plan(self, now: int) -> list[LaneMark]:
        """The lanes to claim from at the store's time `now`, without suspects: one queue after the other, each with
        its highest priority first. Who was first goes to the end for the next time."""
        with self._lock:
            lanes = [key for key in self._due_at(now) if not is_suspect(key[1])]
            return self._placed(self._in_turn(lanes, now) if len(lanes) > 1 else lanes)

    def suspect(self, now: int) -> LaneMark | None:
        """A lane of suspects that may hold a due one."""
        with self._lock:
            lanes = [key for key in self._due_at(now) if is_suspect(key[1])]
            return LaneMark(*max(lanes, key=lambda key: key[1])) if lanes else None

    def next_due(self, now: int) -> int | None:
        """The earliest time after `now` at which something may become due, or notes and slots are to be seen to."""
        with self._lock:
            halted = self._halted
            times = [at for (queue, _), at in self._due.items() if at > now and not halted.queue(queue)]
            if self._notes_due is not None:
                times.append(max(self._notes_due, now))
            return min(times, default=None)

    def notes_due(self, now: int) -> bool:
        """True if there may be notes or slots to see to."""
        with self._lock:
            return self._notes_due is not None and self._notes_due <= now

    def notes_begin(self) -> None:
        """Notes and slots are about to be seen to: only news from now on count."""
        with self._lock:
            self._notes_due = self._notes_heard = None

    def notes_at(self, due: int | None) -> None:
        """They were seen to; they are to be again at this time, as far as is known."""
        with self._lock:
            if due is not None:
                self._notes_due = min(due, due if self._notes_due is None else self._notes_due)

    # --- what a claim has shown ---

    def claimed(self, plan: Sequence[LaneMark], jobs: Sequence[Claimed], limit: int) -> None:
        """A claim from a plan, which took so many at most, has brought these jobs."""
        with self._lock:
            for job in jobs if self._ages() else ():
                lane = (job.queue, job.priority)
                if lane in self._first:
                    # What is left became due later. A suspect changes nothing: it has a lane of its own.
                    self._first[lane] = max(job.run_at, self._first[lane])
            if self._marks is not None:
                self._marks.claimed(plan, jobs, limit)

    def looked(self, floors: Floors | None) -> None:
        """A claim of lines has said from where on the next one need look."""
        if floors is None:
            return
        with self._lock:
            for (queue, lane), due in self._heard.items():
                if due:
                    floors = floors.lowered(queue, lane, due)
            self._floors = floors

    def emptied(self, plan: Sequence[LaneMark], since: int, again: int | None) -> None:
        """A claim that looked at all of these lanes has left nothing in them that can be taken now, but for what
        came since it began.

        Args:
            plan: the lanes.
            since: the store's time when the claim began.
            again: not None if it found nothing at all: what was due then, and still is, is of tasks that aren't
                served here or in others' hands. It is not looked for before this time, without news.
        """
        with self._lock:
            for mark in plan:
                key = (mark.queue, mark.lane)
                self._due.pop(key, None)
                if key in self._heard:
                    self._due[key] = self._heard[key]
                elif again is not None:
                    self._vain[key] = _Vain(since - CLOCK_ERROR, again)

    # --- with the lock held ---

    def _due_at(self, now: int) -> list[Key]:
        lanes = [key for key, run_at in self._due.items() if run_at <= now]
        return [key for key in lanes if not self._halted.queue(key[0])] if self._halted else lanes

    def _serves(self, queue: str) -> bool:
        return queue not in ("*", NOTES) and (self._queues is None or queue in self._queues)

    def _hear(self, key: Key, run_at: int) -> None:
        self._known.add(key)
        self._vain.pop(key, None)
        for told in (self._due, self._heard):
            told[key] = min(run_at, told.get(key, run_at))

    def _see(self, lane: LaneDue, now: int) -> None:
        key = (lane.queue, lane.lane)
        vain = self._vain.get(key)
        if vain is not None and vain.until <= now:
            del self._vain[key]
            vain = None
        hidden = vain is not None and lane.run_at <= vain.since
        self._due[key] = vain.until if vain is not None and hidden else lane.run_at

    def _placed(self, lanes: Sequence[Key]) -> list[LaneMark]:
        if self._floors is not None:
            return [self._floors.place(*key) for key in lanes]
        plan = [LaneMark(*key) for key in lanes]
        return plan if self._marks is None else self._marks.place(plan, monotonic())

    def _urgency(self, now: int) -> Callable[[Key], float]:
        """What orders the lanes of a queue: the priority, and how long the first job has been due, if that counts."""
        ages = self._ages()

        def urgency(key: Key) -> float:
            after, first = ages.get(key[0]), self._first.get(key)
            return key[1] if after is None or first is None else key[1] + max(0, now - first) // after

        return urgency

    def _in_turn(self, lanes: list[Key], now: int) -> list[Key]:
        queues = {queue for queue, _ in lanes}
        urgency = self._urgency(now)
        if len(queues) == 1:
            return sorted(lanes, key=lambda key: (-urgency(key), -key[1]))
        self._order.extend(sorted(queues.difference(self._order)))
        rank = {queue: place for place, queue in enumerate(self._order)}
        ordered = sorted(lanes, key=lambda key: (rank[key[0]], -urgency(key), -key[1]))
        first = ordered[0][0]
        self._order.remove(first)
        self._order.append(first)
        return ordered
