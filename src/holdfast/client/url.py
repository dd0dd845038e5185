"""The database's address, from a URL, the environment, or an object of another library that knows one.

Such an object gives its address and nothing more: Holdfast opens connections of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from holdfast.core.errors import InvalidUrl

DEFAULT_URL = "sqlite:///holdfast.db"
VARIABLES = ("HOLDFAST_URL", "DATABASE_URL")

_LIBPQ = ("host", "hostaddr", "port", "dbname", "user", "password", "sslmode", "options", "service",
          "target_session_attrs")  # fmt: skip
_DJANGO = {"postgresql": "postgresql", "sqlite3": "sqlite"}


def database_url(given: object = None) -> str:
    """The URL of a database.

    Args:
        given: a URL; an SQLAlchemy engine; a psycopg pool; a Django connection or its alias; None for
            `$HOLDFAST_URL`, else `$DATABASE_URL`, else `sqlite:///holdfast.db`.

    Raises:
        InvalidUrl: there is no address in it.
    """
    if given is None:
        return next((os.environ[name] for name in VARIABLES if os.environ.get(name)), DEFAULT_URL)
    if isinstance(given, str):
        return given if "://" in given else _of_django_alias(given)
    # Asynchronous engines too: their `url` is the same.
    url: Any = getattr(given, "url", None)
    if hasattr(url, "render_as_string"):
        return _of_sqlalchemy(url)
    if hasattr(given, "conninfo"):
        return _of_psycopg_pool(given)
    settings: Any = getattr(given, "settings_dict", None)
    if settings is not None:
        return _of_django(settings)
    raise InvalidUrl(
        f"{given!r} has no address that Holdfast knows how to find; give a URL such as sqlite:///jobs.db or "
        "postgresql://user@host/database, an SQLAlchemy engine, a psycopg pool, or a Django alias"
    )


def _of_sqlalchemy(url: Any) -> str:
    """The driver is left out: postgresql+asyncpg:// is postgresql://."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{quote(url.database or '')}"
    scheme, separator, rest = url.render_as_string(hide_password=False).partition("://")
    return str(scheme.partition("+")[0] + separator + rest)


def _of_django_alias(alias: str) -> str:
    databases = sys.modules.get("django.db")
    if databases is not None and alias in databases.connections.databases:
        return _of_django(databases.connections.databases[alias])
    django = (
        "" if databases is not None else "; for the alias of a Django database, call django.setup() first"
    )
    raise InvalidUrl(
        f"{alias!r} is no database URL; write sqlite:///jobs.db or postgresql://user@host/database{django}"
    )


def _of_django(settings: Mapping[str, Any]) -> str:
    engine = str(settings.get("ENGINE", "")).rpartition(".")[2]
    scheme = _DJANGO.get(engine)
    if scheme is None:
        raise InvalidUrl(
            f"Django's engine {settings.get('ENGINE')!r} is no database that Holdfast knows; "
            "it uses PostgreSQL and SQLite"
        )
    name = str(settings.get("NAME") or "")
    if scheme == "sqlite":
        return f"sqlite:///{quote(name)}"
    options: Mapping[str, Any] = settings.get("OPTIONS") or {}
    return _postgres_url(
        {
            "host": settings.get("HOST"),
            "port": settings.get("PORT"),
            "user": settings.get("USER"),
            "password": settings.get("PASSWORD"),
            "dbname": name,
            **{
                key: value
                for key, value in options.items()
                if isinstance(value, (str, int)) and key != "pool"
            },
        }
    )


def _of_psycopg_pool(pool: Any) -> str:
    conninfo = pool.conninfo
    if not isinstance(conninfo, str):
        raise InvalidUrl("the pool computes its address anew for each connection; give Holdfast a URL")
    from psycopg.conninfo import conninfo_to_dict

    given: Mapping[str, Any] = getattr(pool, "kwargs", None) or {}
    # Others say how psycopg is to behave, and no address.
    said = {key: given[key] for key in _LIBPQ if key in given}
    return _postgres_url({**conninfo_to_dict(conninfo), **said})


def _postgres_url(parameters: Mapping[str, Any]) -> str:
    """A URL of libpq's parameters. A host that is a folder, of a socket, goes among the query's."""
    left = {key: str(value) for key, value in parameters.items() if value not in (None, "")}
    user, password = left.pop("user", ""), left.pop("password", "")
    name = left.pop("dbname", "")
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    host, port = left.get("host", ""), left.get("port", "")
    if host and not any(mark in host for mark in "/,:"):
        place = host + (f":{port}" if port else "")
        left.pop("host", None)
        left.pop("port", None)
    else:
        place = ""
    query = f"?{urlencode(left, quote_via=quote)}" if left else ""
    return f"postgresql://{f'{login}@' if login else ''}{place}/{quote(name, safe='')}{query}"
