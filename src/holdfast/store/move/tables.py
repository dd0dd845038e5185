"""What a move takes along."""

from __future__ import annotations

import msgspec

from holdfast.store.verbs.settle import ERROR, FINISHED


class Table(msgspec.Struct, frozen=True):
    """One table, with its columns in the order in which the statements of a move give and take them."""

    name: str
    columns: tuple[str, ...]
    key: int = 1
    """So many of the first columns tell its rows apart."""


OF_JOBS = (
    Table(
        "jobs",
        ("id", "queue", "task", "priority", "args", "meta", "overrides", "run_at", "created_at"),
    ),
    Table("pending", ("id", "queue", "lane", "run_at", "task", "run", "attempt", "crashes")),
    Table("finished", FINISHED),
    Table("job_errors", ERROR, key=2),
    Table("job_progress", ("id", "run", "percent", "message", "at")),
)
"""Each row belongs to one job, whose id is its first column. The first table has every job."""

WHOLE = (
    Table("queues", ("name", "settings")),
    Table("unknown_tasks", ("queue", "task", "since"), key=2),
)
"""Small tables, taken along in one piece."""

LEFT = frozenset({"workers", "leases", "audience", "cancel_requests", "moves", "schema_version"})
"""Of running workers, of whom there are none while a move goes on, and of the database itself."""

CLOSED = ("jobs", "pending", "finished", "queues", "workers", "leases")
"""Tables that a source refuses to have written, in the order in which verbs come to them."""

HELD = ("pending", "finished", "workers", "leases")
"""Tables whose rows a target lets nobody take away, or lets nobody add to: it only takes new jobs."""
