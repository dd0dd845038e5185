"""Waiting for jobs to end: one thread for all who wait, however many.

It hears what the store tells of finished jobs, and looks by itself at growing intervals, so that lost news cost at
most a second. It lives only while somebody waits.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from concurrent.futures import Future
from datetime import timedelta
from itertools import count
from threading import Condition, Thread
from time import monotonic
from typing import TYPE_CHECKING

from holdfast.client.snapshot import Found
from holdfast.core.errors import (
    HoldfastError,
    JobCancelled,
    JobFailed,
    JobNotFound,
    ResultNotKept,
    ResultTimeout,
    StoreClosed,
    StoreUnavailable,
)
from holdfast.core.states import JobState
from holdfast.core.times import SECOND, duration
from holdfast.store.statement import Verb, Wake
from holdfast.store.verbs.ending import end_of_unkept
from holdfast.store.verbs.jobs import ended, errors, get

if TYPE_CHECKING:
    from holdfast.client.client import Client

FIRST_LOOK = 0.01
"""Seconds after a wait began; the first is at once."""
LAST_LOOK = 1.0
GROWTH = 1.6
LINGER = 0.5
"""Seconds for which the thread stays when nobody waits, since waits tend to follow each other."""
EXISTENCE = 10
"""Every so many looks at a job, it is made sure that it still exists."""
LOOKED_AT = 500
"""Jobs in one read."""


def look_at_ended(
    ids: list[str], sure: list[str]
) -> Verb[tuple[list[Found], list[tuple[str, JobState | None]]]]:
    """Those of some jobs that have ended, and those of `sure` that don't exist, with what is known of their end."""
    found: list[Found] = []
    for record in (yield from ended(ids)):
        # Whoever waits for a result wants to hear of errors only if there is none.
        failed = (yield from errors(record.job_id)) if record.state is JobState.FAILED else None
        found.append(Found(record, failed))
    over = {one.record.job_id for one in found}
    gone: list[tuple[str, JobState | None]] = []
    for job_id in sure:
        if job_id not in over and (yield from get(job_id)) is None:
            gone.append((job_id, (yield from end_of_unkept(job_id))))  # noqa: PERF401 - as above
    return found, gone


class Watch:
    """One job that somebody waits for."""

    __slots__ = ("interval", "job_id", "looks", "waiting")

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.waiting: list[Future[Found]] = []
        self.interval = FIRST_LOOK
        self.looks = 0


class Results:
    """Waits for jobs to end, for one client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._changed = Condition()
        self._watches: dict[str, Watch] = {}
        self._agenda: list[tuple[float, int, Watch]] = []
        """When to look at which job, as a heap; what nobody waits for any more is passed over."""
        self._entries = count()
        """Decides between equal times."""
        self._news: set[str] = set()
        self._thread: Thread | None = None
        self._closed = False

    def wait(self, job_id: str, timeout: timedelta | float | None) -> Found:
        """Block until a job has ended.

        Raises:
            ResultTimeout: it had not by then.
            JobNotFound: it doesn't exist.
        """
        seconds = _seconds(timeout)
        try:
            found = self._client.jobs.look(job_id)
        except JobNotFound as error:
            raise _not_kept(job_id, self._client.store.read(end_of_unkept, job_id), error) from None
        if found.record.state.terminal:
            return found
        if seconds == 0:
            raise _too_late(found, seconds)
        future = self._register(job_id)
        try:
            return future.result(seconds)
        except TimeoutError:
            if future.done():
                return future.result()
            raise _too_late(found, seconds) from None
        finally:
            self._drop(job_id, future)

    async def await_end(self, job_id: str, timeout: timedelta | float | None) -> Found:  # noqa: ASYNC109 - passed on
        """The same for async code."""
        import asyncio

        from holdfast.client.bridge import outcome

        seconds = _seconds(timeout)
        try:
            found = await self._client.jobs.alook(job_id)
        except JobNotFound as error:
            store = await self._client.astore()
            state = await outcome(store.submit_read(end_of_unkept, job_id))
            raise _not_kept(job_id, state, error) from None
        if found.record.state.terminal:
            return found
        if seconds == 0:
            raise _too_late(found, seconds)
        future = self._register(job_id)
        try:
            async with asyncio.timeout(seconds):
                return await outcome(future)
        except TimeoutError:
            if future.done():
                return future.result()
            raise _too_late(found, seconds) from None
        finally:
            self._drop(job_id, future)

    def close(self) -> None:
        """End all waits with an error, and the thread."""
        with self._changed:
            self._closed = True
            thread = self._thread
            self._changed.notify()
        if thread is not None:
            thread.join()

    # --- who waits -----------------------------------------------------------------------------------------

    def _register(self, job_id: str) -> Future[Found]:
        future: Future[Found] = Future()
        with self._changed:
            if self._closed:
                raise StoreClosed("the app was closed while its jobs were waited for")
            watch = self._watches.get(job_id)
            if watch is None:
                watch = self._watches[job_id] = Watch(job_id)
                # At once: it may have ended since it was looked at.
                self._plan(watch, monotonic())
            watch.waiting.append(future)
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._work, name="holdfast-results", daemon=True)
                self._thread.start()
            self._changed.notify()
        return future

    def _plan(self, watch: Watch, at: float) -> None:
        heapq.heappush(self._agenda, (at, next(self._entries), watch))

    def _is_idle(self, watch: Watch) -> bool:
        return self._watches.get(watch.job_id) is not watch

    def _drop(self, job_id: str, future: Future[Found]) -> None:
        with self._changed:
            watch = self._watches.get(job_id)
            if watch is None or future not in watch.waiting:
                return
            watch.waiting.remove(future)
            if not watch.waiting:
                del self._watches[job_id]

    # --- the thread ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            store = self._client.store
            unsubscribe = store.subscribe(self._hear)
            try:
                with store.watching(results=True):
                    while self._look():
                        pass
            finally:
                unsubscribe()
        except BaseException as error:  # whoever waits must not wait for ever
            self._fail(error)

    def _hear(self, news: Wake) -> None:
        watches = self._watches
        known = list(watches) if news.anything else [job_id for job_id in news.finished if job_id in watches]
        if known:
            with self._changed:
                self._news.update(known)
                self._changed.notify()

    def _look(self) -> bool:
        """Wait until there is something to look at, and look. False ends the thread."""
        with self._changed:
            if not self._await_something():
                self._thread = None
                return False
            ids, sure = self._to_look_at()
        try:
            found, gone = self._client.store.read(look_at_ended, ids, sure)
        except StoreUnavailable:
            return True  # the next look is on the agenda
        for one in found:
            self._settle(one.record.job_id, one)
        for job_id, state in gone:
            deleted = JobNotFound(f"job {job_id} was deleted while it was waited for")
            self._settle(job_id, _not_kept(job_id, state, deleted))
        return True

    def _await_something(self) -> bool:
        while not self._closed:
            now = monotonic()
            while self._agenda and self._is_idle(self._agenda[0][2]):
                heapq.heappop(self._agenda)
            if self._news or (self._agenda and self._agenda[0][0] <= now):
                return True
            if self._watches:
                self._changed.wait(self._agenda[0][0] - now if self._agenda else LAST_LOOK)
            elif not self._changed.wait(LINGER) and not self._watches:
                return False
        raise StoreClosed("the app was closed while its jobs were waited for")

    def _to_look_at(self) -> tuple[list[str], list[str]]:
        """The jobs that there is news of, and those whose time has come."""
        now = monotonic()
        ids = dict.fromkeys(job_id for job_id in self._news if job_id in self._watches)
        self._news.clear()
        sure = list(ids)
        while self._agenda and self._agenda[0][0] <= now and len(ids) < LOOKED_AT:
            _, _, watch = heapq.heappop(self._agenda)
            if self._is_idle(watch):
                continue
            ids[watch.job_id] = None
            watch.looks += 1
            if watch.looks % EXISTENCE == 0:
                sure.append(watch.job_id)
            self._plan(watch, now + watch.interval)
            watch.interval = min(LAST_LOOK, watch.interval * GROWTH)
        return list(ids), sure

    def _settle(self, job_id: str, end: Found | BaseException) -> None:
        with self._changed:
            watch = self._watches.pop(job_id, None)
        for future in _waiting(watch):
            if isinstance(end, Found):
                future.set_result(end)
            else:
                future.set_exception(end)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            watches = dict(self._watches)
            self._thread = None
        for job_id in watches:
            self._settle(job_id, error)


def _waiting(watch: Watch | None) -> Iterable[Future[Found]]:
    return () if watch is None else (future for future in watch.waiting if not future.done())


def _not_kept(job_id: str, state: JobState | None, otherwise: JobNotFound) -> HoldfastError:
    """The error of a wait for a job of which nothing was kept; `otherwise` if it wasn't such a job."""
    advice = (
        "a retention policy keeps nothing of such jobs. Keep them for a while where results are waited for"
    )
    match state:
        case JobState.SUCCEEDED:
            return ResultNotKept(f"job {job_id} has succeeded, and its result was not kept: {advice}")
        case JobState.FAILED:
            return JobFailed(f"job {job_id} has failed, and its reason and errors were not kept: {advice}")
        case JobState.CANCELLED:
            return JobCancelled(f"job {job_id} was cancelled, and not kept: {advice}")
        case _:
            return otherwise


def _seconds(timeout: timedelta | float | None) -> float | None:
    micros = duration(timeout, what="timeout")
    return None if micros is None else micros / SECOND


def _too_late(found: Found, seconds: float | None) -> ResultTimeout:
    record = found.record
    if record.run:
        advice = (
            f"when the wait began it was {record.state}, in run {record.run}. It goes on; ask again later"
        )
    else:
        advice = (
            "when the wait began no run of it had begun. Is a worker of its queue running? `holdfast worker` starts "
            "one, and `holdfast doctor` says what keeps jobs waiting"
        )
    return ResultTimeout(f"job {record.job_id} of {record.task} had not ended after {seconds:g} s; {advice}")
