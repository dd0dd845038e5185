"""The pages of a move: some jobs, each with all that is kept of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.store.move.marks import fence
from holdfast.store.move.tables import OF_JOBS, WHOLE, Table
from holdfast.store.statement import Many, Row, Statement, Verb
from holdfast.store.verbs.lines import arrive, note_gone
from holdfast.store.verbs.retention import forget

JOBS = 2000
"""At most so many jobs are in one page …"""
BYTES = 8_000_000
"""… and about so many bytes, unless one job alone has more."""

Page = Mapping[str, Sequence[Row]]
"""Rows by table."""


def sizes(after: str | None, limit: int = JOBS) -> Verb[list[tuple[str, int]]]:
    """The next jobs in the order of their ids, each with about the bytes that are kept of it."""
    rows = yield Statement("move/page", {"after": after, "limit": limit})
    return [(row[0], row[1]) for row in rows]


def known(ids: Sequence[str]) -> Verb[set[str]]:
    """Which of some jobs are there."""
    rows = yield Statement("existing_jobs", {"ids": list(ids)})
    return {row[0] for row in rows}


def cut(jobs: Sequence[tuple[str, int]], most: int = BYTES) -> Iterator[list[str]]:
    """Ids in lots that fit into memory, whatever the jobs are."""
    lot: list[str] = []
    total = 0
    for job_id, size in jobs:
        if lot and total + size > most:
            yield lot
            lot, total = [], 0
        lot.append(job_id)
        total += size
    if lot:
        yield lot


def read_page(ids: Sequence[str]) -> Verb[Page]:
    """All rows of some jobs, in the order of their keys."""
    page: dict[str, Sequence[Row]] = {}
    for table in OF_JOBS:
        rows = yield Statement(f"move/get/{table.name}", {"ids": list(ids)})
        page[table.name] = in_order(table, rows)
    return page


def write_page(move: str, page: Page) -> Verb[None]:
    """Add jobs to the target. What is there already is left as it is.

    Raises:
        MoveRefused: the move has ended meanwhile.
    """
    yield from fence(move)
    for table in OF_JOBS:
        if page[table.name]:
            yield Many(f"move/put/{table.name}", table.columns, page[table.name])
    # The first claim looks at each of their lines.
    yield from arrive((row[0], row[1], row[2], row[4]) for row in page["blocked"])


def take_back(move: str, ids: list[str]) -> Verb[None]:
    """Delete jobs from the target again, with all that is kept of them."""
    yield from fence(move)
    waiting = yield Statement("move/get/blocked", {"ids": ids})
    yield from note_gone(((row[0], row[6]) for row in waiting), ran=False)
    yield Statement("move/drop_pending", {"ids": ids})
    yield Statement("move/drop_blocked", {"ids": ids})
    yield Statement("move/drop_finished", {"ids": ids})
    yield from forget(ids)


def counts() -> Verb[dict[str, int]]:
    """How many rows each table has that holds something of a job."""
    rows = yield Statement("move/count")
    return {table.name: number for table, number in zip(OF_JOBS, rows[0], strict=True)}


def read_whole() -> Verb[Page]:
    """The small tables, each in one piece."""
    page: dict[str, Sequence[Row]] = {}
    for table in WHOLE:
        page[table.name] = in_order(table, (yield Statement(f"move/get/{table.name}")))
    return page


def write_whole(move: str, page: Page) -> Verb[None]:
    """The source's word counts where both have a row."""
    yield from fence(move)
    for table in WHOLE:
        if page[table.name]:
            yield Many(f"move/put/{table.name}", table.columns, page[table.name])


def common(source: Page, target: Page) -> Page:
    """What the target has of the rows of small tables that the source has too; it may have others."""
    return {
        table.name: [
            row
            for row in target[table.name]
            if row[: table.key] in {other[: table.key] for other in source[table.name]}
        ]
        for table in WHOLE
    }


def in_order(table: Table, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """By key, as text: databases compare by rules of their own."""

    def key(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return row[: table.key]

    return sorted((tuple(row) for row in rows), key=key)
