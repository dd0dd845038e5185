"""The jobs of a rehearsal: what was enqueued, and what else came into the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.client.job import Job
from holdfast.client.snapshot import record_of_draft
from holdfast.core import overrides
from holdfast.core.errors import WrongState
from holdfast.core.job import JobRecord, NewJob
from holdfast.core.payload import decode_meta
from holdfast.core.states import JobState
from holdfast.store.records import JobFilter
from holdfast.store.verbs.jobs import delete, get_many
from holdfast.store.verbs.search import find

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.rehearsal.expected import Enqueued
    from holdfast.rehearsal.store import RehearsalStore

PAGE = 10_000


class Collected:
    """See the module. A job that retention has removed is still there, as not found."""

    def __init__(self, client: Client, store: RehearsalStore) -> None:
        self._client = client
        self._store = store

    def all(self) -> list[Enqueued]:
        """Each job with what was asked for, in the order of their ids."""
        asked = dict(self._store.enqueued)
        records = self._records()
        return [
            self._both(records.get(job_id), asked.get(job_id))
            for job_id in sorted(asked.keys() | records.keys())
        ]

    def clear(self) -> None:
        """Remove all that don't run."""
        for job_id in self._ids():
            try:
                self._store.write(delete, job_id)
            except WrongState:
                continue
        self._store.enqueued.clear()

    def _both(self, record: JobRecord | None, new: NewJob | None) -> Enqueued:
        if record is None:
            assert new is not None
            record = msgspec.structs.replace(
                record_of_draft(new, self._store.now()), state=JobState.NOT_FOUND
            )
        elif new is None:
            new = _as_asked(record)
        task = self._client.registry.find(record.task)
        return Job[Any](self._client, task, record=record), new

    def _records(self) -> dict[str, JobRecord]:
        ids = self._ids()
        records: dict[str, JobRecord] = {}
        for start in range(0, len(ids), PAGE):
            some = self._store.read(get_many, ids[start : start + PAGE])
            records |= {record.job_id: record for record in some}
        return records

    def _ids(self) -> list[str]:
        ids: list[str] = []
        while page := self._store.read(find, JobFilter(before=ids[-1] if ids else None, limit=PAGE)):
            ids += page
        return ids


def _as_asked(record: JobRecord) -> NewJob:
    """Of a job that nobody here has enqueued: one of a schedule, a copy in a dead-letter queue."""
    return NewJob(
        job_id=record.job_id, task=record.task, queue=record.queue, args=record.args, priority=record.priority,
        run_at=record.run_at, meta=decode_meta(record.meta), overrides=overrides.decode(record.overrides),
        ordering_key=record.ordering_key,
    )  # fmt: skip
