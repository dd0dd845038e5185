"""Taking due jobs into hand: as many as there is room for, from all queues in turn, and at once when news come."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Protocol

import msgspec

from holdfast.core.errors import StoreClosed, StoreError, StoreForked
from holdfast.core.times import SECOND
from holdfast.store.marks import Floors, Marks
from holdfast.store.statement import Wake
from holdfast.store.verbs.audience import listen
from holdfast.worker import batches
from holdfast.worker.backoff import Reach
from holdfast.worker.batches import STALE, Batches
from holdfast.worker.lanes import Lanes
from holdfast.worker.lookout import Lookout
from holdfast.worker.part import Part
from holdfast.worker.pulse import Pulse
from holdfast.worker.suspects import Suspects

if TYPE_CHECKING:
    from holdfast.store.base import Channel
    from holdfast.store.records import LaneMark
    from holdfast.store.verbs.pauses import Halted
    from holdfast.store.verbs.strays import PlaceOf
    from holdfast.worker.capacity import Ask, Capacity
    from holdfast.worker.executor import Executor
    from holdfast.worker.life import Life

logger = logging.getLogger("holdfast.worker")

UNSETTLED = 4000
"""So many outcomes may wait to be written before no more is claimed."""
UNCONFIRMED = 0.05
"""Seconds to wait for a beat, where it isn't certain that the store still knows the worker for alive."""
AUDIENCE_SECONDS = 20
"""For so long an idle worker is told of due jobs after it has last said that it is idle."""
IN_VAIN = 50
"""After so many claims of lines that brought nothing, though others may be behind those that were seen, it rests."""
DEAR = 10
"""A claim that left out the kinds of tasks without room, and found nothing, may have waded through a backlog of
them: the next one waits for so many times its cost."""


class ClaimerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a claimer goes by."""

    tasks: Mapping[str, Sequence[str]]
    """The names of the tasks served, by kind."""
    queues: Sequence[str] | None = None
    """Those served; None for all."""
    limits: Mapping[str, int] = {}
    """How many jobs of a queue may be in hand at a time, for the queues that have a limit."""
    poll: float = 1.0
    """Seconds between two looks for what no news told of."""
    marks: bool = False
    """Begin claims at low-water marks."""
    audience: bool = False
    """Tell the store when idle, to be told of due jobs."""
    apart: frozenset[str] = frozenset()
    """The names of tasks whose jobs get leases of their own."""
    place: Callable[[], PlaceOf | None] = lambda: None
    """Gives what says in which line a job is to stand that stands in none; None where none is to."""
    ages: Callable[[], Mapping[str, int]] = dict
    """Tells of queues whose jobs age after how many microseconds one counts as one priority higher."""
    learn: Callable[[Collection[str]], None] = lambda _: None
    """Is told the names of the rules that are stored."""
    burst: bool = False
    """Tell when nothing due is left."""
    max_jobs: int | None = None
    """Claim no more than so many in all."""


class Surroundings(batches.Surroundings, Protocol):
    """What the claimer needs of its worker."""

    @property
    def life(self) -> Life: ...
    @property
    def dead_are_known(self) -> bool:
        """What dead workers held has been taken back, as far as they are known."""
        ...

    def now(self) -> int: ...
    def unsettled(self) -> int: ...
    def may_claim(self, now: float) -> bool:
        """False while the worker may have been declared dead, without having been told yet: what it claims then
        would be taken from it, and charged."""
        ...

    def idle(self) -> None:
        """It has claimed something since the last time, nothing is in hand any more, and nothing is due."""
        ...

    def drained(self) -> None:
        """Nothing that is due is left, and nothing is in hand."""
        ...

    def used_up(self) -> None:
        """`max_jobs` were claimed, and have ended."""
        ...

    def claims_ended(self) -> None:
        """It claims no more."""
        ...

    def failed(self, error: BaseException) -> None:
        """It can't go on."""
        ...

    def trouble(self, error: BaseException) -> None:
        """Something went wrong, and it goes on."""
        ...


class Claimer:
    """One thread and its way to the store."""

    def __init__(
        self,
        worker: Surroundings,
        channel: Channel,
        executors: Sequence[Executor],
        capacity: Capacity,
        options: ClaimerOptions,
    ) -> None:
        self._worker = worker
        self.pulse = Pulse()
        self._channel = channel = self.pulse.over(channel)
        self._capacity = capacity
        self._options = options
        self._batches = Batches(
            worker,
            channel,
            executors,
            capacity,
            options.limits,
            options.max_jobs,
            options.apart,
            options.place,
            options.ages,
        )
        self._in_vain = 0
        """So many claims of lines, one after the other, have brought nothing."""
        self._lined_last = False
        """The last claim was of jobs that wait in lines."""
        self._lanes = Lanes(options.queues, Marks() if options.marks else None, ages=options.ages)
        floors = Floors() if options.marks else None
        self._lines = Lanes(options.queues, lined=True, floors=floors, ages=options.ages)
        self._lookout = Lookout(
            channel,
            self._lanes,
            self._lines,
            worker.now,
            options.learn,
            queues=options.queues,
            poll=options.poll,
        )
        self._suspects = Suspects()
        self._bell = Event()
        self._stopping = False
        self._ended = False
        self._reach = Reach(logger, "claim jobs")
        self._idle_until = 0.0
        """Until when the store knows that this worker is idle."""
        self._narrow_again_at = 0.0
        self._has_worked = False
        """It has claimed something since it was last told that it is idle."""
        self._part = Part("claimer", self._carry)

    @property
    def minds_settlements(self) -> bool:
        """Every settlement may give it something to do, not only the last."""
        return bool(self._options.limits)

    def start(self) -> None:
        self._part.start()

    def ring(self) -> None:
        """There may be more room, or less in hand."""
        self._bell.set()

    def hear(self, wake: Wake) -> None:
        """News from the store, in any thread."""
        if wake.control:
            self._lookout.control = True
            self._bell.set()
        if wake.anything or any(queue == "*" for queue, _, _ in wake.due):
            self._lookout.hear_of_anything()
            self._bell.set()
        now = self._worker.now()
        # Both, whatever the first says.
        if self._lanes.wake(wake, now) | self._lines.wake(wake, now):
            self._bell.set()

    def stop(self) -> None:
        """Claim no more. Jobs of a claim that is under way are given back."""
        self._stopping = True
        self._batches.stop()
        self._bell.set()

    @property
    def working(self) -> bool:
        """It may still bring something."""
        return self._part.alive and not self._ended

    def join(self, timeout: float) -> None:
        self._part.join(timeout)

    # --- in the thread ---

    def _carry(self) -> None:
        try:
            self._work()
        finally:
            # Before it is told: whoever hears of it looks at once, and this thread is still alive then.
            self._ended = True
            self._worker.claims_ended()

    def _work(self) -> None:
        while not self._stopping:
            # Before the turn, so that what comes during it is not missed.
            self._bell.clear()
            try:
                pause = self._turn()
            except (StoreClosed, StoreForked) as error:
                self._worker.failed(error)
                return
            except StoreError as error:
                self._trouble(error)
                pause = self._reach.failed(error)
            except Exception as error:
                logger.exception("claiming failed in a way that it should not; it goes on")
                self._trouble(error)
                pause = 1.0
            self.pulse.beat(pause)
            if pause > 0:
                self._bell.wait(pause)

    def _trouble(self, error: BaseException) -> None:
        self.pulse.failed(error)
        self._worker.trouble(error)

    def _turn(self) -> float:
        """Do what can be done now; returns for how many seconds to wait for news then."""
        now = monotonic()
        life = self._worker.life
        self._batches.give_back_stale(now)
        if self._lookout.control:
            # Also where there is no room: what waits for a slot may be paused.
            self._look(now)
        if not self._worker.may_claim(now):
            return UNCONFIRMED
        if self._suspects.lease in life.leases:
            return self._options.poll
        if self._batches.left == 0:
            if not life.leases:
                self._worker.used_up()
            return self._options.poll
        ask = self._ask(now)
        if ask is None:
            return STALE / 4
        store_now = self._worker.now()
        if self._lookout.is_due(now, store_now):
            self._look(now)
        return self._serve(ask, life, now, store_now)

    def _serve(self, ask: Ask, life: Life, now: float, store_now: int) -> float:
        """Claim what is due; where nothing is, end the burst or wait."""
        plan = self._lanes.plan(store_now)
        lined = self._lines.plan(store_now)
        notes = self._lanes.notes_due(store_now)
        suspect = self._lanes.suspect(store_now) or self._lines.suspect(store_now)
        if suspect is None:
            self._suspects.none_due()
        elif self._suspects.have_the_turn(now, others_due=bool(plan or lined), in_hand=bool(life.leases)):
            # Once there is nothing in hand, a settlement rings.
            return self._options.poll / 4 if life.leases else self._claim_suspect(life, suspect, store_now)
        allowed, limit = self._batches.limited(plan, ask.limit, life)
        going, most = self._batches.limited(lined, ask.limit, life)
        if (going or notes) and self._lines_first(allowed, going):
            self._claim_lined(life, going, most, ask, now)
            return 0
        if allowed:
            self._claim(life, allowed, limit, ask, now)
            return 0
        if plan or lined:
            return self._options.poll  # a settlement rings
        if self._has_worked and suspect is None and not life.leases:
            self._has_worked = False
            self._worker.idle()
        self.pulse.worked()
        if (
            self._options.burst
            and not life.leases
            and self._worker.dead_are_known
            and self._nothing_left(now)
        ):
            self._worker.drained()
            return self._options.poll
        if self._options.audience and now > self._idle_until - AUDIENCE_SECONDS / 2:
            return self._say_idle(life, now)
        return self._lookout.until_due(now)

    def _say_idle(self, life: Life, now: float) -> float:
        """Ask to be told of due jobs, and look once more: some may have come before that was known."""
        self._channel.write(listen, life.id, "worker", AUDIENCE_SECONDS)
        self._idle_until = now + AUDIENCE_SECONDS
        self._lookout.look_by(now)
        return 0

    def _ask(self, now: float) -> Ask | None:
        """How many to claim, of what. None when there is no room: somebody rings when there is."""
        if self._worker.unsettled() > UNSETTLED:
            return None
        ask = self._capacity.ask(now)
        if ask is None or not ask.all_kinds:
            self._capacity.call_when_low()
            ask = self._capacity.ask(now)  # room may have come in between
        if ask is None or (not ask.all_kinds and now < self._narrow_again_at):
            return None
        left = self._batches.left
        return ask if left is None else ask._replace(limit=min(ask.limit, left))

    @property
    def halted(self) -> Halted:
        """What is paused, as far as is known."""
        return self._lookout.halted

    def _look(self, now: float) -> None:
        self._lookout.look(now)
        self._reach.worked()

    def _nothing_left(self, now: float) -> bool:
        """At the end of a burst: a look that began when nothing was in hand shows nothing due."""
        self._look(now)
        store_now = self._worker.now()
        if self._lanes.notes_due(store_now):
            return False
        return not any(
            lanes.plan(store_now) or lanes.suspect(store_now) for lanes in (self._lanes, self._lines)
        )

    # --- claiming ---

    def _claim(self, life: Life, plan: list[LaneMark], limit: int, ask: Ask, now: float) -> None:
        tasks = [name for kind in ask.kinds for name in self._options.tasks.get(kind, ())]
        since = self._worker.now()
        self._lanes.look_begins()
        jobs = self._batches.take(life, plan, limit, tasks)
        self._reach.worked()
        self._has_worked = self._has_worked or bool(jobs)
        self.pulse.worked()
        if ask.all_kinds:
            # Marks may not pass what a claim has left out.
            self._lanes.claimed(plan, jobs, limit)
        if not ask.all_kinds:
            if not jobs:
                self._narrow_again_at = now + max(STALE / 10, DEAR * (monotonic() - now))
        elif len(jobs) < limit:
            # What is due and was not taken, nobody here can take; a look finds what becomes due.
            again = since + int(self._options.poll * SECOND) if not jobs else None
            self._lanes.emptied(plan, since, again)
            self._lookout.look_after_claim(now)

    def _lines_first(self, plan: Sequence[LaneMark], lined: Sequence[LaneMark]) -> bool:
        """Jobs that wait in lines and others of the same priority are claimed in turn."""
        if plan and lined and plan[0].queue == lined[0].queue and plan[0].lane != lined[0].lane:
            self._lined_last = lined[0].lane > plan[0].lane
        else:
            self._lined_last = not plan or not self._lined_last
        return self._lined_last

    def _claim_lined(self, life: Life, plan: list[LaneMark], limit: int, ask: Ask, now: float) -> None:
        """Claim jobs that wait in lines; notes and slots are seen to."""
        tasks = [name for kind in ask.kinds for name in self._options.tasks.get(kind, ())]
        capped = {mark.queue for mark in plan}.intersection(self._options.limits)

        def serves(queue: str) -> bool:
            if self._options.queues is not None and queue not in self._options.queues:
                return False
            # What a worker has in hand of a queue is counted for one such queue at a time.
            return queue in capped if capped else queue not in self._options.limits

        since = self._worker.now()
        self._lines.look_begins()
        self._lanes.notes_begin()
        floors = self._lines.floors
        taken = self._batches.take_lined(life, plan, limit, tasks, serves, floors)
        self._reach.worked()
        self._has_worked = self._has_worked or bool(taken.jobs)
        self.pulse.worked()
        self._lanes.notes_at(taken.look_at)
        self._lines.looked(taken.floors if ask.all_kinds else floors)
        if not ask.all_kinds:
            # What has no room was left where it is: floors may not pass it.
            if not taken.jobs:
                self._narrow_again_at = now + max(STALE / 10, DEAR * (monotonic() - now))
            return
        self._in_vain = 0 if taken.jobs else self._in_vain + 1
        if len(taken.jobs) < limit and (taken.all or self._in_vain >= IN_VAIN):
            again = since + int(self._options.poll * SECOND) if not taken.jobs else None
            self._lines.emptied(plan, since, again)

    def _claim_suspect(self, life: Life, mark: LaneMark, store_now: int) -> float:
        tasks = [name for names in self._options.tasks.values() for name in names]
        since = self._worker.now()
        if self._lanes.suspect(store_now) is None:
            self._lines.look_begins()
            taken = self._batches.take_lined(life, [mark], 1, tasks, lambda queue: queue == mark.queue)
            if taken.jobs:
                self._has_worked = True
                self._suspects.claimed(taken.jobs[0].lease)
            else:
                self._lines.emptied([mark], since, since + int(self._options.poll * SECOND))
            self._lanes.notes_at(taken.look_at)
            return 0
        self._lanes.look_begins()
        jobs = self._batches.take(life, [mark], 1, tasks)
        self._reach.worked()
        if jobs:
            self._has_worked = True
            self._suspects.claimed(jobs[0].lease)
        else:
            self._lanes.emptied([mark], since, since + int(self._options.poll * SECOND))
        return 0
