"""Checksums of what both databases hold of the same jobs, each computed from what that database itself gave."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from holdfast.store.move.pages import Page
from holdfast.store.move.tables import OF_JOBS, WHOLE

NAMED = 5
"""So many differences are named."""

_encode = msgspec.json.Encoder().encode


class Compared(msgspec.Struct, frozen=True):
    """One table: the rows that were compared, and the checksum of each side."""

    table: str
    rows: int
    source: str
    target: str


class Comparison:
    """Fed with the same pages from both sides, in the same order."""

    def __init__(self) -> None:
        self.differences: list[str] = []
        """What was found, in words; at most the first few."""
        self._differing = 0
        self._rows = dict.fromkeys((table.name for table in (*OF_JOBS, *WHOLE)), 0)
        self._source = Checksums()
        self._target = Checksums()

    @property
    def equal(self) -> bool:
        return not self._differing

    def add(self, source: Page, target: Page) -> None:
        for name, rows in source.items():
            self._rows[name] += len(rows)
            self._source.add(name, rows)
            self._target.add(name, target[name])
            if list(rows) != list(target[name]):
                self._differ(name, {*map(tuple, rows)} ^ {*map(tuple, target[name])})

    def tables(self) -> list[Compared]:
        return [
            Compared(name, rows, self._source.text(name), self._target.text(name))
            for name, rows in self._rows.items()
        ]

    def _differ(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        found = sorted({str(row[0]) for row in rows})
        self._differing += len(found)
        room = NAMED - len(self.differences)
        self.differences += [f"{table} of {name}" for name in found[:room]]


class Checksums:
    """A running checksum for each table."""

    def __init__(self) -> None:
        self._sums = {table.name: blake2b(digest_size=16) for table in (*OF_JOBS, *WHOLE)}

    def add(self, table: str, rows: Iterable[object]) -> None:
        self._sums[table].update(b"\n".join([b"", *map(_encode, rows)]))

    def text(self, table: str) -> str:
        return self._sums[table].hexdigest()
