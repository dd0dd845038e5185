"""What the command line asks of a database beside the jobs themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.client import watch
from holdfast.core.errors import StoreError
from holdfast.store import open as opening
from holdfast.store.verbs.queues import list_queues
from holdfast.store.verbs.workers import list_workers

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.store.records import QueueRecord, WorkerRecord


def queue_records(app: Holdfast) -> list[QueueRecord]:
    """Every queue, with counts."""
    return app.client.store.read(list_queues)


def worker_records(app: Holdfast) -> list[WorkerRecord]:
    """Every worker that has a row."""
    return app.client.store.read(list_workers)


def worker_state(app: Holdfast, worker: WorkerRecord) -> str:
    """`alive`; `dead` if that is certain; `silent` if it hasn't been heard of for as long as a lease mostly is."""
    return watch.worker_state(app.client, worker, app.client.store.now())


def address(app: Holdfast) -> str:
    """Where the database is, without a password."""
    return app.client.store.address


def refuse_missing(url: str) -> None:
    """Refuse an SQLite file that isn't there or isn't Holdfast's: a look, or a slip of the hand, must not make one.

    Raises:
        StoreError: and its kinds.
    """
    if opening.dialect_of(url) == "sqlite":
        _check_file(url)


def check_schema(url: str, schema: str) -> None:
    """Raises SchemaMismatch unless the schema is this version's; changes nothing."""
    if opening.dialect_of(url) == "sqlite":
        _check_file(url)
        return
    store = opening.open_store(url, schema=schema)
    try:
        store.check_schema()
    finally:
        store.close()


def migrate(url: str, schema: str) -> list[str]:
    """Bring the schema to this version; returns the names of the migrations applied."""
    if opening.dialect_of(url) == "sqlite":
        from holdfast.store.sqlite import connection
        from holdfast.store.sqlite import schema as migrations
        from holdfast.store.sqlite.store import clock

        # Opening the store would apply them as well, and not say which.
        place = connection.Place.of(url)
        connection.check(place)
        return migrations.migrate(place, clock())
    store = opening.open_store(url, schema=schema)
    try:
        return store.migrate()
    finally:
        store.close()


def migration_text(url: str, schema: str, above: int) -> str:
    """The SQL of the migrations after a version, for that kind of database."""
    if opening.dialect_of(url) == "sqlite":
        from holdfast.store.sqlite.schema import script as file_script

        return file_script(above)
    from holdfast.store.postgres.schema import script

    return script(schema, above)


def _check_file(url: str) -> None:
    from holdfast.store.sqlite.connection import Place, check
    from holdfast.store.sqlite.schema import check as check_version

    place = Place.of(url)
    check(place)
    if not Path(place.path).exists():
        raise StoreError(
            f"there is no database at {place.path}; check the URL, or make one there with `holdfast migrate`"
        )
    check_version(place)
