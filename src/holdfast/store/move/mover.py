"""The whole of a move, step by step. Each step may be the last of a process: the next one finds out where it was."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import ParamSpec, Protocol, TypeVar

import msgspec

from holdfast.core.errors import MoveRefused, StoreError, StoreLocked
from holdfast.store.base import Store
from holdfast.store.move import marks, pages, rest
from holdfast.store.move.compare import Compared, Comparison
from holdfast.store.move.marks import Mark
from holdfast.store.move.place import Place
from holdfast.store.statement import Statement, Verb

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 6
"""So often a lock that others hold is asked for, five seconds each."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What a move has done."""

    id: str
    ended_at: int
    """By the source's clock, in microseconds."""
    jobs: int = 0
    copied: int = 0
    """Of them by this process; the others were there from an earlier try."""
    given_back: int = 0
    """Jobs that dead workers had held."""
    stray: dict[str, int] = {}
    """Rows by table that belong to no job and were left behind."""
    tables: list[Compared] = []
    """Empty where the move had ended before: there was nothing left to do."""


class Watcher(Protocol):
    """Is told how it goes."""

    def say(self, text: str) -> None:
        """Something that a person may want to know."""
        ...

    def progress(self, what: str, done: int, total: int) -> None:
        """So many jobs of all are copied, compared or taken back."""
        ...


class Silent:
    """Doesn't care."""

    def say(self, text: str) -> None: ...

    def progress(self, what: str, done: int, total: int) -> None: ...


def move(source: Place, target: Place, watcher: Watcher | None = None, *, lease: float = rest.LEASE) -> Moved:
    """Bring every job of one database into another, or go on where an earlier process was cut short.

    Args:
        source: closed for good as soon as the checks are through.
        target: takes no workers until the move has ended.
        watcher: is told how it goes.
        lease: seconds of silence after which a worker is taken for dead.

    Raises:
        MoveRefused: something must be done first; the message says what.
        StoreError: and its kinds; what has been done so far stays, and the same call goes on from there.
    """
    return _Move(source, target, watcher or Silent(), lease).run()


def undo(source: Place, target: Place, watcher: Watcher | None = None) -> int:
    """Give up a move that has not ended: delete from the target what came from the source, and open the source again.

    Returns:
        How many jobs were deleted from the target.

    Raises:
        MoveRefused: there is no such move, or it has ended.
    """
    return _Move(source, target, watcher or Silent(), rest.LEASE).undo()


class _Move:
    def __init__(self, source: Place, target: Place, watcher: Watcher, lease: float) -> None:
        self._from = source
        self._to = target
        self._source = source.store
        self._target = target.store
        self._watcher = watcher
        self._lease = lease
        self._id = ""

    def run(self) -> Moved:
        started = self._started()
        if started is not None and started.state == "moved":
            return self._ended_before(started)
        given_back = self._begin() if started is None else self._go_on(started)
        total = self._source.read(pages.counts)
        copied = self._copy(total["jobs"])
        comparison = self._compare(total["jobs"])
        if not comparison.equal:
            raise MoveRefused(
                f"the two sides differ in {', '.join(comparison.differences)}: something has changed "
                f"{self._to.name} past Holdfast. Nothing is lost: {self._from.name} has all jobs and stays closed. "
                "Give up with --undo, and move again"
            )
        tables = comparison.tables()
        stray = {
            one.table: total[one.table] - one.rows for one in tables if total.get(one.table, 0) > one.rows
        }
        self._target.write(_analyze)
        _insistent(self._source, marks.end_source, self._id)
        _insistent(self._target, marks.free_target, self._id, "moved")
        return Moved(
            id=self._id,
            ended_at=self._source.now(),
            jobs=total["jobs"],
            copied=copied,
            given_back=given_back,
            stray=stray,
            tables=tables,
        )

    def undo(self) -> int:
        started = self._started()
        held = self._held_before() if started is None else None
        if held is not None:
            # It was cut short before it had closed the source: nothing was copied.
            _insistent(self._target, marks.free_target, held.id, "undone")
            return 0
        if started is None or started.state != "moving":
            raise MoveRefused(f"no move from {self._from.name} to {self._to.name} is under way")
        self._id = started.id
        taken = 0
        if self._mark_of_target() is not None:
            _insistent(self._target, marks.let_take_back, self._id)
            total = self._source.read(pages.counts)["jobs"]
            for ids in self._lots():
                self._target.write(pages.take_back, self._id, ids)
                taken += len(ids)
                self._watcher.progress("Taking back", taken, total)
            _insistent(self._target, marks.free_target, self._id, "undone")
        _insistent(self._source, marks.open_source, self._id)
        return taken

    # --- beginning --------------------------------------------------------------------------------------------

    def _begin(self) -> int:
        """Hold the target and close the source; returns how many jobs dead workers had held."""
        dead = rest.find_dead(self._from, self._watcher.say, lease=self._lease)
        idle = rest.find_dead(self._to, self._watcher.say, lease=self._lease)
        held = self._held_before()
        if held is None:
            self._id = str(uuid.uuid4())
            known = {worker for worker, _ in idle}
            _insistent(self._target, marks.hold_target, self._id, self._from.name, known)
        else:
            self._id = held.id
        try:
            self._refuse_same()
            self._refuse_clashes()
            given_back = rest.give_back(self._source, dead)
            for worker, _ in dead:
                self._source.forget(worker)
            _insistent(self._source, marks.close_source, self._id, self._to.name)
        except StoreError:
            # Nothing was copied yet: the target is let go.
            _insistent(self._target, marks.free_target, self._id, "undone")
            raise
        return given_back

    def _go_on(self, started: Mark) -> int:
        self._id = started.id
        if self._mark_of_target() is None:
            raise MoveRefused(
                f"the jobs of {self._from.name} are on their way to {started.other}; go on with that move, or give "
                "it up with --undo"
            )
        self._watcher.say("Going on with a move that was begun before.")
        return 0

    def _ended_before(self, started: Mark) -> Moved:
        """The source was left in the last step, or long ago."""
        self._id = started.id
        mark = self._mark_of_target()
        if mark is None:
            raise MoveRefused(
                f"the jobs of {self._from.name} were moved to {started.other}, not to {self._to.name}"
            )
        if mark.state == "moving":
            _insistent(self._target, marks.free_target, self._id, "moved")
        return Moved(id=self._id, ended_at=started.ended_at or started.started_at)

    def _started(self) -> Mark | None:
        """The move that the source is closed by, if it is."""
        known = self._source.read(marks.marks)
        into = next((mark for mark in known if mark.role == "to" and mark.state == "moving"), None)
        # From itself: one that was cut short before it saw that both sides are the same.
        if into is not None and into.other != self._from.name:
            raise MoveRefused(
                f"a move from {into.other} into {self._from.name} has not ended; finish that one, or give it up with "
                "--undo"
            )
        return next((mark for mark in known if mark.role == "from"), None)

    def _mark_of_target(self) -> Mark | None:
        known = self._target.read(marks.marks)
        return next((mark for mark in known if mark.id == self._id and mark.role == "to"), None)

    def _held_before(self) -> Mark | None:
        """A mark of this very move on the target, left by a process that died before it had closed the source."""
        known = self._target.read(marks.marks)
        gone = next((mark for mark in known if mark.role == "from"), None)
        if gone is not None:
            raise MoveRefused(
                f"the jobs of {self._to.name} were themselves moved to {gone.other}, and it is closed. Move into an "
                "empty database: another file or schema, or this one once its tables have been dropped"
            )
        unfinished = [mark for mark in known if mark.role == "to" and mark.state == "moving"]
        for mark in unfinished:
            if mark.other != self._from.name:
                raise MoveRefused(
                    f"a move from {mark.other} into {self._to.name} has not ended; finish that one first, or give it "
                    "up with --undo"
                )
        return unfinished[0] if unfinished else None

    def _refuse_same(self) -> None:
        if any(mark.id == self._id for mark in self._source.read(marks.marks)):
            raise MoveRefused(f"{self._from.name} and {self._to.name} are the same database")

    def _refuse_clashes(self) -> None:
        if not self._target.read(pages.sizes, None, 1):
            return
        for ids in self._lots():
            known = self._target.read(pages.known, ids)
            if known:
                raise MoveRefused(
                    f"{self._to.name} has job {min(known)} already, which {self._from.name} has too. Move into an "
                    "empty database, or delete those jobs on the side where they are not wanted"
                )

    # --- copying and comparing ----------------------------------------------------------------------------------

    def _copy(self, total: int) -> int:
        whole = self._source.read(pages.read_whole)
        self._target.write(pages.write_whole, self._id, whole)
        done = copied = 0
        for ids in self._lots():
            known = self._target.read(pages.known, ids)
            missing = [job_id for job_id in ids if job_id not in known]
            if missing:
                self._put(missing)
            done += len(ids)
            copied += len(missing)
            self._watcher.progress("Copying", done, total)
        return copied

    def _put(self, ids: Sequence[str]) -> None:
        page = self._source.read(pages.read_page, ids)
        try:
            self._target.write(pages.write_page, self._id, page)
        except StoreError as error:
            # Of the subclasses each has a cause that lies elsewhere.
            if type(error) is not StoreError:
                raise
            self._find_culprit(ids, error)

    def _find_culprit(self, ids: Sequence[str], error: StoreError) -> None:
        """One bad job must not hide behind its neighbours."""
        if len(ids) == 1:
            raise MoveRefused(
                f"job {ids[0]} can't be kept by {self._to.name}: {error}. Give up with --undo, delete or mend that "
                "job, and move again"
            ) from error
        half = len(ids) // 2
        self._put(ids[:half])
        self._put(ids[half:])

    def _compare(self, total: int) -> Comparison:
        comparison = Comparison()
        done = 0
        for ids in self._lots():
            comparison.add(self._source.read(pages.read_page, ids), self._target.read(pages.read_page, ids))
            done += len(ids)
            self._watcher.progress("Comparing", done, total)
        source, target = self._source.read(pages.read_whole), self._target.read(pages.read_whole)
        comparison.add(source, pages.common(source, target))
        return comparison

    def _lots(self) -> Iterator[list[str]]:
        """All ids of the source, in order."""
        after: str | None = None
        while jobs := self._source.read(pages.sizes, after):
            yield from pages.cut(jobs)
            after = jobs[-1][0]


def _insistent(store: Store, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Write, asking again for a lock that somebody holds for a while."""
    for _ in range(TRIES - 1):
        try:
            return store.write(verb, *args, **kwargs)
        except StoreLocked:
            time.sleep(1.0)
    return store.write(verb, *args, **kwargs)


def _analyze() -> Verb[None]:
    yield Statement("move/analyze")
