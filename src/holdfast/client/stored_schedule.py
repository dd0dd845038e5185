"""A schedule as it stands in the database."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from holdfast.core.errors import HoldfastError
from holdfast.core.schedules import Cron, Every, decode
from holdfast.core.times import to_datetime

if TYPE_CHECKING:
    from holdfast.store.records import ScheduleRecord


class StoredSchedule:
    """A schedule as it stands in the database.

    Attributes:
        name: unique.
        task: the name of its task.
        queue: of its jobs.
        overlap: "allow" or "skip".
        missed: "latest", "all" or "none".
        declared: it comes from code; if not, it was put at run time.
        paused: it rests until it is resumed.
        removed: by hand, although code declares it.
    """

    def __init__(self, record: ScheduleRecord) -> None:
        self.record = record
        self.name = record.name
        self.task = record.task
        self.queue = record.queue
        self.overlap = record.overlap
        self.missed = record.missed
        self.declared = record.declared
        self.paused = record.paused
        self.removed = record.removed

    @property
    def when(self) -> Cron | Every:
        """Its timetable.

        Raises:
            InvalidOption: its time zone isn't known on this machine.
        """
        return decode(self.record.spec)

    @property
    def args(self) -> dict[str, Any]:
        """The arguments of its jobs, as JSON has them."""
        found: dict[str, Any] = msgspec.json.decode(self.record.args)
        return found

    @property
    def next_at(self) -> datetime | None:
        """The next fire, in UTC; None if it is paused or removed, or nothing more comes."""
        at = self.record.next_at
        return None if at is None or self.paused or self.removed else to_datetime(at)

    @property
    def last_at(self) -> datetime | None:
        """The tick that fired last, in UTC."""
        return None if self.record.last_at is None else to_datetime(self.record.last_at)

    @property
    def last_job(self) -> UUID | None:
        """The id of its last job, which may have been deleted meanwhile."""
        return None if self.record.last_job is None else UUID(self.record.last_job)

    def describe(self) -> str:
        """When it fires, in plain words."""
        try:
            return self.when.describe()
        except HoldfastError:
            return self.record.spec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredSchedule) and self.record == other.record

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<StoredSchedule {self.name}: {self.describe()}>"
