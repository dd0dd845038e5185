"""Enqueues of schedules that are being fired: begun before their insert, ended once it is known to be committed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from holdfast.client.schedules import job_of
from holdfast.core.errors import StoreError, StoreUnavailable
from holdfast.store.verbs.schedules import fire, fired_jobs

if TYPE_CHECKING:
    from holdfast.client.enqueue import Begun, Enqueues
    from holdfast.core.job import NewJob
    from holdfast.store.base import Channel
    from holdfast.store.records import ScheduleRecord
    from holdfast.store.statement import Verb
    from holdfast.store.verbs.insert_unique import Met
    from holdfast.store.verbs.schedules import Fired

logger = logging.getLogger("holdfast.worker")

AT_ONCE = 20
"""So many schedules are fired in one transaction."""


class _Tick(NamedTuple):
    schedule: str
    at: int
    enqueue: Begun


class Firing:
    """Fires what is due, through the middleware; whoever listens hears of each job once.

    Args:
        enqueues: of the client.
        channel: the way to the store.
        trouble: told what a middleware raises behind the insert.
    """

    def __init__(
        self, enqueues: Enqueues, channel: Channel, trouble: Callable[[BaseException], object]
    ) -> None:
        self._enqueues = enqueues
        self._channel = channel
        self._trouble = trouble
        self._begun: list[_Tick] = []
        """Those whose insert isn't committed yet."""
        self._unknown: list[_Tick] = []
        """Those whose insert may have been committed: the answer was lost."""

    def fire(self, but: list[str]) -> Fired:
        """Fire some of what is due.

        Args:
            but: names of schedules to leave alone.

        Raises:
            CannotFire: the jobs of one can't be stored.
            StoreError: they may be fired or not; `find_out` tells.
        """
        try:
            fired = self._channel.write(self._round, but)
        except StoreUnavailable:
            self._unknown, self._begun = self._begun, []
            raise
        except BaseException as error:
            self._drop(error)
            raise
        ticks, self._begun = self._begun, []
        for tick in ticks:
            failure = fired.failed.get(tick.schedule)
            if failure is None:
                self._end(tick, fired.met)
            else:
                tick.enqueue.fail(failure)
        return fired

    def find_out(self) -> None:
        """Learn what became of those whose answer was lost. Before any other is fired.

        Raises:
            StoreError: it can't be asked yet.
        """
        if not self._unknown:
            return
        stored = self._channel.write(fired_jobs, [(tick.schedule, tick.at) for tick in self._unknown])
        ticks, self._unknown = self._unknown, []
        for tick in ticks:
            if tick.enqueue.job is None or tick.enqueue.job.job_id in stored:
                self._end(tick, {})
            else:
                tick.enqueue.fail(StoreError("the database went away before the job was stored"))

    def close(self) -> None:
        """Nothing more will be known of those whose answer was lost."""
        self._drop(StoreError("the worker has ended before the database could be asked again"))

    def _round(self, but: list[str]) -> Verb[Fired]:
        # A store that commits in groups may run it twice, where another of the group failed.
        self._drop(StoreError("the transaction is tried again"))
        return (yield from fire(self._make, AT_ONCE, but))

    def _make(self, record: ScheduleRecord, at: int) -> NewJob | None:
        enqueue = self._enqueues.begin(job_of(record, self._enqueues.task(record.task), at))
        self._begun.append(_Tick(record.name, at, enqueue))
        return enqueue.job

    def _end(self, tick: _Tick, met: Mapping[str, Met]) -> None:
        job = tick.enqueue.job
        try:
            self._enqueues.end(tick.enqueue, None if job is None else met.get(job.job_id))
        except Exception as error:
            logger.exception("a middleware failed behind the enqueue of a scheduled job, which is stored")
            self._trouble(error)

    def _drop(self, error: BaseException) -> None:
        ticks, self._begun, self._unknown = [*self._begun, *self._unknown], [], []
        for tick in ticks:
            tick.enqueue.fail(error)
