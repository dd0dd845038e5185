"""All checks of one database, in an order in which each stands on what the ones before have found."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

from holdfast.core.errors import HoldfastError, SchemaMismatch, StoreError
from holdfast.store.doctor import file, lines, pauses, places, privileges, queue, schedules, server
from holdfast.store.doctor.finding import Finding, Level, error, fine, span, warning
from holdfast.store.open import SQLITE
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs.audience import server_time
from holdfast.store.verbs.schedules import list_schedules

P = ParamSpec("P")
T = TypeVar("T")
Findings = list[Finding]


class Read(Protocol):
    """Runs a verb that changes nothing, within limits."""

    def __call__(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T: ...


class Code(NamedTuple):
    """What an application declares; None where none is named."""

    tasks: Sequence[str] | None
    schedules: Sequence[str] | None


CLOCKS_APART = 5.0
"""Seconds between the host's clock and the server's."""
MIGRATE = "Run `holdfast migrate` (`--sql` prints what it would do)"
UNREACHABLE = "`pg_isready -d URL` and `psql URL` try the same without Holdfast"
NOT_MADE = "Check the URL, or make it there with `holdfast migrate`"


def examine(
    url: str,
    schema: str = "holdfast",
    declared: Sequence[str] | None = None,
    timetables: Sequence[str] | None = None,
) -> Findings:
    """Look at everything; change nothing.

    Args:
        url: of the database.
        schema: of the tables, on PostgreSQL.
        declared: the tasks of an application, to be compared with what the workers know; None leaves that out.
        timetables: the schedules that it declares, to be compared with what is stored.
    """
    scheme = url.partition("://")[0].partition("+")[0].lower()
    try:
        code = Code(declared, timetables)
        return _examine_file(url, code) if scheme in SQLITE else _examine_server(url, schema, code)
    except HoldfastError as failed:
        return [error("reachable", str(failed), "Mend that, and call the doctor again")]


# --- PostgreSQL -------------------------------------------------------------------------------------------------


def _examine_server(url: str, schema: str, code: Code) -> Findings:
    from holdfast.store.open import open_store

    store = open_store(url, schema=schema, notify=False)
    channel = store.channel("doctor")

    def read(verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        return channel.write(_limited, lambda: verb(*args, **kwargs))

    try:
        began = time.perf_counter()
        try:
            facts = read(server.look)
        except StoreError as failed:
            return [error("reachable", str(failed), UNREACHABLE)]
        found = [fine("reachable", f"{store.address} answers in {span(time.perf_counter() - began)}")]
        found += server.check_server(facts)
        found += privileges.check(read(privileges.look, schema), facts.role)
        checked = _check_schema(store.check_schema)
        found += checked + _clocks(lambda: read(server_time))
        found += server.check_sessions(facts) + server.check_frozen(facts)
        found += _tried("settings", lambda: read(server.check_settings))
        found += _tried("transactions", lambda: read(server.check_transactions))
        found += _tried("holders", lambda: read(server.check_holders))
        if any(one.level is Level.ERROR for one in checked):
            return found
        found += _tried("tables", lambda: read(server.check_tables, schema))
        found += _tried("locks", lambda: read(server.check_locks, schema))
        return found + _examine_queue(read, lambda: read(server_time), code)
    finally:
        channel.close()
        store.close()


def _limited(verb: Callable[[], Verb[T]]) -> Verb[T]:
    """In a transaction that may neither take long nor change anything."""
    yield Statement("doctor/limits")
    return (yield from verb())


def _clocks(ask: Callable[[], int]) -> Findings:
    before = time.time()
    theirs = ask() / 1e6
    after = time.time()
    apart = theirs - (before + after) / 2
    data = {"seconds": round(apart, 3), "give_or_take": round((after - before) / 2, 3)}
    if abs(apart) - (after - before) / 2 < CLOCKS_APART:
        return [fine("clock", "this host and the server agree on the time", **data)]
    ahead = "ahead of" if apart > 0 else "behind"
    return [
        warning(
            "clock",
            f"the server's clock is {span(abs(apart))} {ahead} this host's. Jobs are due by the server's clock: at= "
            "with a time of this host's is early or late by so much",
            "Let both hosts follow NTP; delay= counts from the server's clock and isn't affected",
            **data,
        )
    ]


# --- SQLite -----------------------------------------------------------------------------------------------------


def _examine_file(url: str, code: Code) -> Findings:
    from holdfast.store.sqlite import schema
    from holdfast.store.sqlite.connection import Place, check, connect
    from holdfast.store.sqlite.readers import Readers
    from holdfast.store.sqlite.store import clock

    place = Place.of(url)
    try:
        if not Path(place.path).exists():
            return [error("reachable", f"there is no database at {place.path}", NOT_MADE)]
    except PermissionError as closed:
        return [
            error("reachable", f"{place.path} can't be looked at: {closed}", "Open its folders to this user")
        ]
    check(place)
    found = file.check_library(place) + file.check_folder(place) + file.check_space(place)
    with closing(connect(place, timeout=5.0, readonly=True)) as connection:
        try:
            found += file.check_journal(connection)
            found += file.check_wal(place) + file.check_freed(connection) + file.check_pages(connection)
        except sqlite3.Error as failed:
            return [*found, error("integrity", f"{place.path} can't be read: {failed}", file.DAMAGED)]
    checked = _check_schema(lambda: schema.check(place))
    found += checked
    if any(one.level is Level.ERROR for one in checked):
        return found
    readers = Readers(place, clock)

    def read(verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        return readers.run(lambda: verb(*args, **kwargs))

    try:
        workers = {worker.id for worker in read(queue.look, clock()).workers}
        found += file.check_leftovers(place, workers)
        return found + _examine_queue(read, clock, code)
    finally:
        readers.close()


# --- both -------------------------------------------------------------------------------------------------------


def _check_schema(check: Callable[[], None]) -> Findings:
    try:
        check()
    except SchemaMismatch as wrong:
        return [error("schema", str(wrong), MIGRATE)]
    except StoreError as failed:
        return [error("schema", f"the schema's version can't be read: {failed}", MIGRATE)]
    return [fine("schema", "the schema is that of this release")]


def _examine_queue(read: Read, now: Callable[[], int], code: Code) -> Findings:
    def look() -> Findings:
        facts = read(queue.look, now())
        if facts.left:
            # Nobody wants to run what is still there.
            return queue.check_moves(facts)
        found = [finding for check in queue.CHECKS for finding in check(facts)]
        found += _tried("lines", lambda: read(lines.check_lines, facts))
        found += _tried("slots", lambda: read(lines.check_slots, facts))
        found += _tried("limits", lambda: read(lines.check_limits, facts))
        found += pauses.check(facts.pauses, facts.now)
        found += schedules.check(read(list_schedules), facts, code.schedules)
        return found if code.tasks is None else found + queue.check_declared(facts, code.tasks)

    return _tried("queue", look) + _tried("places", lambda: read(places.check_places))


def _tried(name: str, check: Callable[[], Findings]) -> Findings:
    """A check that fails, or takes too long, says so and leaves the others alone."""
    try:
        return check()
    except StoreError as failed:
        return [
            warning(
                name,
                f"could not be checked: {failed}",
                "Call the doctor with the role of the schema's owner, or when the server is less busy",
            )
        ]
