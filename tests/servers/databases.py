"""Fresh databases on one server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from tests.servers.server import Server

Prepare = Callable[[str], None]
"""Brings the empty database behind a URL into the state that each copy starts with."""


@dataclass(frozen=True)
class Database:
    """One database of a server."""

    server: Server
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)


class Databases:
    """Makes databases as copies of templates, which takes milliseconds, whatever preparing one takes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._templates: dict[Prepare, str] = {}

    @contextmanager
    def fresh(self, prepare: Prepare | None = None) -> Iterator[Database]:
        """A database of its own, dropped afterwards even if someone is still connected."""
        name = self._create("holdfast_test", self._template(prepare) if prepare else "template1")
        try:
            yield Database(self.server, name)
        finally:
            self._drop(name)

    def close(self) -> None:
        """Drop the templates."""
        while self._templates:
            self._drop(self._templates.popitem()[1])

    def _template(self, prepare: Prepare) -> str:
        if prepare not in self._templates:
            name = self._create("holdfast_template", "template1")
            prepare(self.server.url(name))
            self._templates[prepare] = name
        return self._templates[prepare]

    def _create(self, prefix: str, template: str) -> str:
        name = f"{prefix}_{secrets.token_hex(6)}"
        self._run("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def _drop(self, name: str) -> None:
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _run(self, statement: str, *names: str) -> None:
        with self.server.connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
