"""A PostgreSQL server that tests may connect to, whoever runs it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

if TYPE_CHECKING:
    import psycopg


class Server:
    """Known by the URL of any of its databases, with a role that may create databases."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases."""
        return urlunsplit(urlsplit(self._url)._replace(path="/" + quote(database, safe="")))

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection in autocommit mode, for preparing and looking."""
        import psycopg  # the guardian of a server does without

        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=10)

    @cached_property
    def version(self) -> int:
        """Its major version, as the server itself says."""
        with self.connect() as connection:
            return connection.info.server_version // 10_000
