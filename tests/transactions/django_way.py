"""Django's connections, as a view or a command uses them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from holdfast.store.base import Store
from tests.transactions.ways import Holder, Way, path_of


def set_up() -> None:
    """Configure Django, once a process."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            DATABASES={"default": {"ENGINE": "django.db.backends.dummy"}}, USE_TZ=True, TIME_ZONE="Asia/Tokyo"
        )
        django.setup()


def settings_of(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": path_of(url)}
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.removeprefix("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host") or parts.hostname or "",
        "PORT": str(query.get("port") or parts.port or ""),
    }


class DjangoHolder:
    """Each in a thread of its own: Django refuses to work in one that runs an event loop."""

    def __init__(self, alias: str, *, atomic: bool) -> None:
        from django.db import connections
        from django.utils.connection import ConnectionProxy

        self._thread = ThreadPoolExecutor(1)
        self._alias = alias
        self._atomic: Any = None
        self._begins = atomic
        self.tx = ConnectionProxy(connections, alias)

    async def call(self, use: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, use)

    async def execute(self, sql: str) -> list[Any]:
        def use() -> list[Any]:
            with self.tx.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall()) if cursor.description else []

        rows: list[Any] = await self.call(use)
        return rows

    async def begin(self) -> None:
        from django.db import transaction

        def use() -> None:
            self._atomic = transaction.atomic(using=self._alias)
            self._atomic.__enter__()

        await self.call(use)

    async def commit(self) -> None:
        await self._end(None)

    async def rollback(self) -> None:
        await self._end(Exception)

    async def _end(self, error: type[Exception] | None) -> None:
        atomic, self._atomic = self._atomic, None
        await self.call(lambda: atomic.__exit__(error, None, None))

    async def run(self, store: Store, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self.call(lambda: store.within(self.tx, verb, *args, **kwargs))

    async def close(self) -> None:
        def use() -> None:
            if self._atomic is not None:
                self._atomic.__exit__(Exception, None, None)
            self.tx.close()

        await self.call(use)
        self._thread.shutdown()


class Django:
    autocommits = True

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect

    @asynccontextmanager
    async def open(self, url: str, *, autocommit: bool = False) -> AsyncIterator[Holder]:
        set_up()
        from django.db import connections

        alias = f"test{len(connections.databases)}"
        defaults = connections.databases["default"]
        connections.databases[alias] = {
            **defaults,
            "USER": "",
            "PASSWORD": "",
            "OPTIONS": {},
            **settings_of(url),
        }
        holder = DjangoHolder(alias, atomic=not autocommit)
        yield holder
        await holder.close()
        del connections.databases[alias]


WAYS: dict[str, Way] = {"django-sqlite": Django("sqlite"), "django-postgres": Django("postgres")}
