"""What each kind of role must be allowed, table by table. docs/postgres.md has the same as GRANTs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from holdfast.store.doctor.finding import Finding, error, fine, several, warning
from holdfast.store.statement import Statement, Verb

READ = frozenset({"SELECT"})
ADD_AND_DROP = frozenset({"SELECT", "INSERT", "DELETE"})
ALL = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})

WORKER: Mapping[str, frozenset[str]] = {
    "jobs": ALL,
    # Rows of these are locked, and FOR UPDATE asks for UPDATE.
    "pending": ALL,
    "blocked": ALL,
    "lines": ALL,
    "slots": ALL,
    "limits": ALL,
    "notes": ALL,
    "unique_keys": ALL,
    "leases": ALL,
    "finished": ALL,
    "job_errors": ADD_AND_DROP,
    "job_progress": ALL,
    "cancel_requests": ADD_AND_DROP,
    "forgotten": ALL,
    "queues": frozenset({"SELECT", "INSERT", "UPDATE"}),
    "pauses": ADD_AND_DROP,
    "expiries": ADD_AND_DROP,
    "schedules": ALL,
    "schedule_fires": ADD_AND_DROP,
    "workers": ALL,
    "unknown_tasks": ADD_AND_DROP,
    "audience": ALL,
    "job_view": READ,
    "moves": READ,
    "schema_version": READ,
}

SOME = "SELECT of some columns"
ENQUEUER: Mapping[str, frozenset[str]] = {
    "jobs": frozenset({"INSERT", SOME}),
    "pending": frozenset({"INSERT"}),
    "blocked": frozenset({"INSERT"}),
    "notes": frozenset({"INSERT"}),
    "expiries": frozenset({"INSERT"}),
    "forgotten": READ,
    "audience": READ,
    "schema_version": READ,
}

READER: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(WORKER, READ),
    # Whoever waits for a result says so here, to be told of it.
    "audience": ALL,
}


class Rights(msgspec.Struct, frozen=True):
    """What the connected role may do with one table."""

    table: str
    may_enter: bool
    """USAGE on the schema."""
    may: frozenset[str]


def look(schema: str) -> Verb[list[Rights]]:
    """Every table of the schema; none if the schema isn't there."""
    rows = yield Statement("doctor/grants", {"schema": schema})
    names = ("SELECT", "INSERT", "UPDATE", "DELETE", SOME)
    return [
        Rights(row[0], row[1], frozenset(name for name, has in zip(names, row[2:], strict=True) if has))
        for row in rows
    ]


def lacking(rights: Sequence[Rights], wanted: Mapping[str, frozenset[str]]) -> list[str]:
    """What is wanted and not allowed, as `DELETE on jobs`. Tables that aren't there are another check's business."""
    by_name = {one.table: one for one in rights}
    found = ["USAGE on the schema"] if rights and not rights[0].may_enter else []
    for table, privileges in wanted.items():
        if table in by_name:
            found += [f"{name} on {table}" for name in sorted(privileges - by_name[table].may)]
    return found


def check(rights: Sequence[Rights], role: str) -> list[Finding]:
    """Can this role be a worker, or at least enqueue?"""
    if not rights:
        return []
    worker, enqueuer = lacking(rights, WORKER), lacking(rights, ENQUEUER)
    data = {"role": role, "worker_lacks": worker, "enqueuer_lacks": enqueuer}
    if not worker:
        return [fine("role", f"role {role} may do all that a worker does", **data)]
    if not enqueuer:
        return [
            warning(
                "role",
                f"role {role} may enqueue, but not run jobs: it lacks {several(worker)}",
                "Nothing, if only enqueuing is wanted; else grant what docs/postgres.md lists for workers",
                **data,
            )
        ]
    return [
        error(
            "role",
            f"role {role} may neither enqueue nor run jobs: it lacks {several(enqueuer)}",
            "As the owner of the schema, grant what docs/postgres.md lists for enqueuers or workers",
            **data,
        )
    ]
