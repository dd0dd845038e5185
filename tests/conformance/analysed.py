"""Databases whose statistics are only as new as a test says, for tests of plans."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from holdfast.store.open import open_store
from tests.servers.shared import Servers


@contextmanager
def never_analysed(
    servers: Servers, version: str, tables: Collection[str]
) -> Iterator[psycopg.Connection[Any]]:
    """An empty database of a version of PostgreSQL, some of whose tables nobody analyses."""
    with servers.databases(version).fresh() as found:
        store = open_store(found.url)
        store.migrate()
        store.close()
        with psycopg.connect(found.url, autocommit=True) as connection:
            for table in sorted(tables):
                connection.execute(f"ALTER TABLE holdfast.{table} SET (autovacuum_enabled = off)".encode())
            yield connection
