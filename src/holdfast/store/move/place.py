"""The two sides of a move, opened with care: a slip of the hand must not make a database."""

from __future__ import annotations

from pathlib import Path

import msgspec

from holdfast.core.errors import StoreError
from holdfast.store.base import Store
from holdfast.store.open import open_store


class Place(msgspec.Struct, frozen=True):
    """One side of a move."""

    store: Store
    name: str
    """For people, without a password; also tells whether a move goes between the same places as before."""

    def proves_life(self, worker: str) -> bool:
        """True if the worker lives for certain. False if it is dead, or only its beats can tell."""
        if self.store.dialect != "sqlite":
            return False
        from holdfast.store.sqlite.filelock import known_alive

        return known_alive(self.name.removeprefix("sqlite:///"), worker)


def open_source(url: str, schema: str) -> Place:
    """A database that is there and has Holdfast's tables.

    Raises:
        InvalidUrl: no such kind of URL.
        StoreError: and its kinds.
    """
    path = _path(url)
    if path is not None:
        _refuse_missing(path, url)
    return _checked(open_store(url, schema=schema), url, schema)


def open_target(url: str, schema: str) -> Place:
    """A database that is made ready if it has no tables yet; on PostgreSQL that wants a role that may make them.

    Raises:
        InvalidUrl: no such kind of URL.
        StoreError: and its kinds.
    """
    store = open_store(url, schema=schema)
    try:
        store.migrate()
    except BaseException:
        store.close()
        raise
    return _checked(store, url, schema)


def _checked(store: Store, url: str, schema: str) -> Place:
    try:
        store.check_schema()
        return Place(store, _name(url, schema, store))
    except BaseException:
        store.close()
        raise


def _name(url: str, schema: str, store: Store) -> str:
    if store.dialect == "sqlite":
        return f"sqlite:///{_path(url)}"
    from psycopg import conninfo

    from holdfast.store.postgres.address import Address

    options = conninfo.conninfo_to_dict(Address.of(url, schema).conninfo)
    server = f"{options.get('host', 'localhost')}:{options.get('port', 5432)}"
    name = f"postgresql://{server}/{options.get('dbname', options.get('user', ''))}"
    return name if schema == "holdfast" else f"{name} (schema {schema})"


def _path(url: str) -> Path | None:
    """The file that a URL names, where it names one."""
    from holdfast.store.open import SQLITE
    from holdfast.store.sqlite.connection import Place as File

    if url.partition("://")[0].partition("+")[0].lower() not in SQLITE:
        return None
    return Path(File.of(url).path).resolve()


def _refuse_missing(path: Path, url: str) -> None:
    from holdfast.store.sqlite import schema
    from holdfast.store.sqlite.connection import Place as File

    if not path.exists():
        raise StoreError(f"there is no database at {path}; check the URL of the source")
    schema.check(File.of(url))
