"""What a move takes along."""

from __future__ import annotations

import msgspec

from holdfast.store.records import ScheduleRecord
from holdfast.store.verbs.settle import ERROR, FINISHED


class Table(msgspec.Struct, frozen=True):
    """One table, with its columns in the order in which the statements of a move give and take them."""

    name: str
    columns: tuple[str, ...]
    key: int = 1
    """So many of the first columns tell its rows apart."""
    left: frozenset[str] = frozenset()
    """Columns that stay behind."""


OF_JOBS = (
    Table(
        "jobs",
        (
            "id",
            "queue",
            "task",
            "priority",
            "args",
            "meta",
            "overrides",
            "run_at",
            "created_at",
            "line",
            "limits",
            "origin",
            "unique_key",
        ),
    ),
    Table("pending", ("id", "queue", "lane", "run_at", "task", "run", "attempt", "crashes")),
    Table("blocked", ("id", "queue", "key", "first_due", "lane", "task", "run", "attempt", "crashes")),
    Table("finished", FINISHED),
    Table("job_errors", ERROR, key=2),
    Table("job_progress", ("id", "run", "percent", "message", "at")),
    Table("expiries", ("id", "at")),
)
"""Each row belongs to one job, whose id is its first column. The first table has every job."""

_OF_LINES = frozenset({"epoch", "change", "slot", "ticket", "credit"})
_OF_SLOTS = frozenset({"epoch", "change", "used", "wake_at", "waiting", "tickets", "served"})

WHOLE = (
    Table("queues", ("name", "settings")),
    Table("pauses", ("kind", "name", "who", "reason", "since"), key=2),
    Table("limits", ("name", "settings", "override")),
    Table("unique_keys", ("key", "id", "until")),
    Table("lines", ("queue", "key", "lane", "due", "id", "run"), key=2, left=_OF_LINES),
    Table("slots", ("name", "next_free"), left=_OF_SLOTS),
    Table("schedules", ScheduleRecord.__struct_fields__),
    Table("unknown_tasks", ("queue", "task", "since"), key=2),
)
"""Small tables, taken along in one piece. Of lines only those whose turn is held by a job that waits for its retry, and
of slots only until when a rate has spaced its jobs out: nothing runs, and what else there is to know of a line,
workers find out as soon as a note tells them to look."""

LEFT = frozenset(
    {
        "workers",
        "leases",
        "audience",
        "cancel_requests",
        "forgotten",
        "schedule_fires",
        "notes",
        "moves",
        "schema_version",
    }
)
"""Of running workers, of whom there are none while a move goes on, of the minutes behind us, and of the database
itself. What has fired is before the next fire of its schedule, which goes along. Notes are written anew."""

CLOSED = ("jobs", "pending", "blocked", "finished", "queues", "limits", "schedules", "workers", "leases")
"""Tables that a source refuses to have written, in the order in which verbs come to them."""

HELD = ("pending", "blocked", "finished", "workers", "leases")
"""Tables whose rows a target lets nobody take away, or lets nobody add to: it only takes new jobs."""
