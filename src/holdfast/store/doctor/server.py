"""A PostgreSQL server: who is connected, and what keeps it from doing its part for the queue."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.store.doctor.finding import Finding, error, fine, several, size, span, warning
from holdfast.store.statement import Statement, Verb

_GROWS = "nobody removes what was claimed, so the queue grows and slows down without end"
_LOST = "a crash of the host can destroy the database, and with it every job"
WANTED = {"autovacuum": _GROWS, "track_counts": _GROWS, "fsync": _LOST, "full_page_writes": _LOST}
"""What it means when one of these is off."""
LONG_TRANSACTION = 60
"""Seconds."""
LONG_WAIT = 5.0
KEPT_WAL = 1_000_000_000
"""Bytes that a replication slot keeps."""
BEHIND = 1_000_000
"""Transactions that a slot or standby keeps vacuum back by."""
FROZEN_SOON = 1_000_000_000
"""Transactions since all rows were frozen; at two thousand millions the server takes no more writes."""

DEAD = {"pending": 200_000, "leases": 20_000, "workers": 5_000, "audience": 5_000}
"""Dead rows from which on a hot table needs help: ten times what calls autovacuum there."""
DEAD_ELSEWHERE = 1_000_000
BLOATED = 200_000_000
"""Bytes of a hot table, with its indexes, that hold next to nothing."""

HOLDS = (
    "vacuum can't remove what was claimed since: the tables of the queue grow, and everything but the claim itself "
    "slows down"
)


class Server(msgspec.Struct, frozen=True):
    """One row of facts."""

    version_number: int
    version: str
    in_recovery: bool
    role: str
    sessions: int
    most_sessions: int
    frozen_age: int


class Table(msgspec.Struct, frozen=True):
    """What the statistics say of one table."""

    name: str
    live: int
    dead: int
    heap_bytes: int
    index_bytes: int
    vacuumed_ago: float | None
    options: str


def look() -> Verb[Server]:
    rows = yield Statement("doctor/server")
    return Server(*rows[0])


# --- checks -----------------------------------------------------------------------------------------------------


def check_server(server: Server) -> list[Finding]:
    """A version that works, and a server that takes writes."""
    data = {"version": server.version, "in_recovery": server.in_recovery}
    if server.in_recovery:
        return [
            error(
                "server",
                f"PostgreSQL {server.version} is a standby: it takes no writes, so nothing can be enqueued or run here",
                "List all hosts in the URL with target_session_attrs=read-write, or name the primary",
                **data,
            )
        ]
    return [fine("server", f"PostgreSQL {server.version}, takes writes", **data)]


def check_sessions(server: Server) -> list[Finding]:
    """Room for more connections."""
    data = {"sessions": server.sessions, "most": server.most_sessions}
    if server.sessions < 0.9 * server.most_sessions:
        return [
            fine("sessions", f"{server.sessions} of {server.most_sessions} connections are in use", **data)
        ]
    return [
        warning(
            "sessions",
            f"{server.sessions} of {server.most_sessions} connections are in use: workers and enqueuers that start "
            "now, or come back after a break, may find none free",
            "Put PgBouncer in front of the applications, or raise max_connections; a worker process uses at most 6",
            **data,
        )
    ]


def check_frozen(server: Server) -> list[Finding]:
    """Far from the point at which the server refuses writes to save its data."""
    if server.frozen_age < FROZEN_SOON:
        return []
    return [
        error(
            "freezing",
            f"{server.frozen_age:,} transactions have passed since the oldest rows were frozen; near 2,100,000,000 "
            "the server takes no more writes, and the queue stops",
            "Find what holds vacuum back (see transactions), then run `VACUUM (FREEZE)` in this database",
            age=server.frozen_age,
        )
    ]


def check_settings() -> Verb[list[Finding]]:
    """Settings on which the queue's promises stand."""
    rows = yield Statement("doctor/settings", {"names": [*WANTED, "synchronous_commit"]})
    settings: dict[str, str] = {row[0]: row[1] for row in rows}
    found = [
        error(
            "settings",
            f"{name} is off: {effect}",
            f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf()",
            setting=name,
        )
        for name, effect in WANTED.items()
        if settings.get(name) == "off"
    ]
    if settings.get("synchronous_commit") == "off":
        found.append(
            warning(
                "settings",
                "synchronous_commit is off: a crash of the server can lose jobs whose enqueue had returned, and run "
                "again what had just ended",
                "Set it to on for this role or database: ALTER ROLE … SET synchronous_commit = on",
                setting="synchronous_commit",
            )
        )
    return found or [fine("settings", "commits are durable and autovacuum runs", **settings)]


def check_tables(schema: str) -> Verb[list[Finding]]:
    """Dead rows, bloat, and tables that autovacuum was told to leave alone."""
    rows = yield Statement("doctor/tables", {"schema": schema})
    tables = [Table(*row) for row in rows]
    found = [finding for table in tables for finding in _of_table(table, schema)]
    dead = {table.name: table.dead for table in tables}
    return found or [
        fine("tables", f"no table is bloated: {sum(dead.values()):,} dead rows in all", dead=dead)
    ]


def _of_table(table: Table, schema: str) -> list[Finding]:
    name = f"{schema}.{table.name}"
    total = table.heap_bytes + table.index_bytes
    data: dict[str, Any] = {"table": table.name, "live": table.live, "dead": table.dead, "bytes": total}
    found: list[Finding] = []
    if "autovacuum_enabled=false" in table.options or "autovacuum_enabled=off" in table.options:
        what = f"autovacuum is off for {name}: it grows and slows down without end"
        found.append(error("tables", what, f"ALTER TABLE {name} RESET (autovacuum_enabled)", **data))
    if table.dead > DEAD.get(table.name, DEAD_ELSEWHERE) and table.dead > table.live:
        ago = "never" if table.vacuumed_ago is None else f"{span(table.vacuumed_ago)} ago"
        found.append(
            warning(
                "tables",
                f"{name} has {table.dead:,} dead rows beside {table.live:,} living ones, and was last vacuumed {ago}: "
                "look-ups wade through them",
                "See transactions for what holds vacuum back. If nothing does, autovacuum is too slow or too busy: "
                f"run `VACUUM {name}`, and raise autovacuum_max_workers",
                vacuumed_seconds_ago=table.vacuumed_ago,
                **data,
            )
        )
    elif table.name in DEAD and total > BLOATED and table.live * 2000 < total:
        found.append(
            warning(
                "tables",
                f"{name} takes {size(total)} for {table.live:,} rows: it has been much longer once, and the space is "
                "used again but not given back",
                f"If it stays so: REINDEX TABLE CONCURRENTLY {name}, and VACUUM FULL {name} in a quiet minute (that "
                "stops the queue while it runs)",
                **data,
            )
        )
    return found


def check_transactions() -> Verb[list[Finding]]:
    """What has been open for long, and whether it keeps vacuum back."""
    rows = yield Statement("doctor/transactions", {"seconds": LONG_TRANSACTION})
    hidden = (yield Statement("doctor/hidden"))[0][0]
    found: list[Finding] = []
    for pid, role, application, client, state, seconds, holds in rows:
        effect = (
            HOLDS
            if holds
            else "it keeps vacuum from nothing, but the locks that it holds can stop a migration"
        )
        found.append(
            warning(
                "transactions",
                f"process {pid} ({application or 'no name'}, role {role}, {client}) has had a transaction open for "
                f"{span(seconds)} ({state or 'its state can not be seen'}): {effect}",
                f"End it in its application, or by SELECT pg_terminate_backend({pid}); "
                "idle_in_transaction_session_timeout ends forgotten ones",
                pid=pid, role=role, application=application, client=client, state=state, seconds=seconds,
                holds_vacuum=bool(holds),
            )
        )  # fmt: skip
    if found:
        return found
    unseen = f"; {hidden} sessions of other roles can't be seen without pg_read_all_stats" if hidden else ""
    span_ = span(LONG_TRANSACTION)
    return [fine("transactions", f"none has been open for {span_}{unseen}", hidden_sessions=hidden)]


def check_holders() -> Verb[list[Finding]]:
    """Prepared transactions, replication slots and standbys, which keep vacuum back without being connected."""
    rows = yield Statement("doctor/holders")
    found: list[Finding] = []
    for kind, name, seconds, behind, wal in rows:
        data = {
            "kind": kind,
            "name": name,
            "seconds": seconds,
            "transactions_behind": behind,
            "wal_bytes": wal,
        }
        if kind == "prepared transaction":
            if seconds > LONG_TRANSACTION:
                what = f"the prepared transaction {name!r} has been left for {span(seconds)}: {HOLDS}"
                remedy = f"COMMIT PREPARED '{name}' or ROLLBACK PREPARED '{name}'; it outlives restarts"
                found.append(warning("holders", what, remedy, **data))
        elif (behind or 0) > BEHIND:
            what = f"{kind} {name!r} is {behind:,} transactions behind: {HOLDS}"
            found.append(warning("holders", what, _let_go(kind, name), **data))
        elif (wal or 0) > KEPT_WAL:
            what = f"{kind} {name!r} keeps {size(wal)} of WAL: it fills the disk, and a full disk stops the queue"
            found.append(warning("holders", what, _let_go(kind, name), **data))
    return found or [fine("holders", "no prepared transaction, slot or standby holds vacuum back")]


def _let_go(kind: str, name: str) -> str:
    if kind.startswith("standby"):
        return "End the long query on that standby, or turn its hot_standby_feedback off"
    return f"Bring back who reads it, or SELECT pg_drop_replication_slot('{name}'); max_slot_wal_keep_size sets a limit"


def check_locks(schema: str) -> Verb[list[Finding]]:
    """Who waits for a lock on the queue, and for whom."""
    rows = yield Statement("doctor/waiting", {"schema": schema})
    long = [row for row in rows if row[3] is not None and row[3] > LONG_WAIT]
    if not long:
        return [fine("locks", f"nobody has waited for a lock for {span(LONG_WAIT)}")]
    blockers = sorted({pid for row in long for pid in row[4]})
    sessions = yield Statement("doctor/sessions", {"pids": blockers})
    known = {row[0]: f"process {row[0]} ({row[2] or 'no name'}, role {row[1]}, {row[3]})" for row in sessions}
    found: list[Finding] = []
    for pid, application, table, seconds, by in long:
        blocked_by = several([known.get(blocker, f"process {blocker}") for blocker in by])
        place = f"a lock on {schema}.{table}" if table else "a row's lock"
        found.append(
            warning(
                "locks",
                f"{application or 'a session'} (process {pid}) has waited for {span(seconds)} for {place}, held by "
                f"{blocked_by or 'nobody any more'}: what it wanted to write stands still",
                "End the transaction that holds it in its application, or by SELECT pg_terminate_backend(…)",
                pid=pid, table=table, seconds=seconds, blockers=list(by),
            )
        )  # fmt: skip
    return found
