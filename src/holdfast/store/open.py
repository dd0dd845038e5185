"""From a URL to a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from holdfast.core.errors import InvalidUrl, MissingDependency

if TYPE_CHECKING:
    from holdfast.store.base import Store

SQLITE = frozenset({"sqlite", "sqlite3"})
POSTGRES = frozenset({"postgresql", "postgres"})


def dialect_of(url: str) -> Literal["sqlite", "postgres"]:
    """Which kind of database a URL names; it isn't opened.

    Raises:
        InvalidUrl: none that is known.
    """
    scheme = url.partition("://")[0].partition("+")[0].lower()
    if "://" not in url:
        raise InvalidUrl(
            f"{url!r} is no database URL; write sqlite:///jobs.db or postgresql://user@host/database"
        )
    if scheme in SQLITE:
        return "sqlite"
    if scheme in POSTGRES:
        return "postgres"
    raise InvalidUrl(f"{scheme}:// is no database that Holdfast knows; use sqlite:/// or postgresql://")


def open_store(url: str, *, schema: str = "holdfast", notify: bool = True) -> Store:
    """Open the database at a URL; an SQLite file is made and migrated on the way.

    Args:
        url: `sqlite:///jobs.db`, `postgresql://user@host/database`.
        schema: where the tables are, on PostgreSQL.
        notify: False for poll-only mode, on PostgreSQL.

    Raises:
        InvalidUrl: its scheme isn't known, or it names no database.
        StoreError: and its kinds: the database can't be used as it is.
    """
    if dialect_of(url) == "sqlite":
        from holdfast.store.sqlite.store import SqliteStore

        return SqliteStore(url)
    try:
        from holdfast.store.postgres.store import PostgresStore
    except ImportError as error:
        raise MissingDependency(
            "PostgreSQL needs psycopg; install it with `pip install 'holdfast[postgres]'`"
        ) from error
    return PostgresStore(url, schema=schema, notify=notify)
