"""Django's connections: `django.db.connection`, and those of `connections[alias]`."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import SynchronousOnlyOperation  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
from django.db import Error  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]

from holdfast.core.errors import InvalidTransaction, StoreUnavailable


def connection_of(wrapper: Any) -> Any:
    """The driver's connection, opened where it isn't yet.

    Raises:
        InvalidTransaction: its transaction is to be rolled back, or it is used on an event loop.
        StoreUnavailable: it could not connect.
    """
    try:
        wrapper.ensure_connection()
    except SynchronousOnlyOperation as error:
        raise InvalidTransaction(
            "a Django connection can't be used on an event loop: enqueue inside `sync_to_async`, as with Django's own "
            "queries"
        ) from error
    except Error as error:
        raise StoreUnavailable(f"the Django connection given as tx= can't connect: {error}") from error
    if wrapper.in_atomic_block and wrapper.needs_rollback:
        raise InvalidTransaction(
            "an error has broken the atomic block that the Django connection given as tx= is in: leave the block, "
            "which rolls it back, and begin again"
        )
    return wrapper.connection
