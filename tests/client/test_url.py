"""Where the database is: URLs, the environment, and objects of other libraries."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from holdfast import Holdfast, InvalidUrl
from holdfast.client.url import database_url


def test_the_default_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert database_url() == "sqlite:///holdfast.db"
    monkeypatch.setenv("DATABASE_URL", "postgresql://a@b/c")
    assert Holdfast().url == "postgresql://a@b/c"
    monkeypatch.setenv("HOLDFAST_URL", "sqlite:///x.db")
    assert Holdfast().url == "sqlite:///x.db"
    monkeypatch.setenv("HOLDFAST_URL", "")
    assert Holdfast().url == "postgresql://a@b/c"
    assert Holdfast("sqlite:///y.db").url == "sqlite:///y.db"


@pytest.mark.parity("S4.11")
@pytest.mark.parametrize(
    ("engine_url", "expected"),
    [
        ("postgresql+psycopg://ada:p%40ss%2Fw@db:5433/shop?sslmode=require", "postgresql://ada:p%40ss%2Fw@db:5433/shop?sslmode=require"),
        ("postgresql+asyncpg://ada@db/shop", "postgresql://ada@db/shop"),
        ("sqlite:///a b%.db", "sqlite:///a%20b%25.db"),
        ("sqlite+aiosqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
    ],
)  # fmt: skip
def test_an_sqlalchemy_engine(engine_url: str, expected: str) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    from sqlalchemy.ext.asyncio import create_async_engine

    asynchronous = "async" in engine_url or "aiosqlite" in engine_url
    engine = (create_async_engine if asynchronous else sqlalchemy.create_engine)(engine_url)
    assert database_url(engine) == expected


def test_a_psycopg_pool() -> None:
    pytest.importorskip("psycopg")
    pool: Any = SimpleNamespace(
        conninfo="host=db port=5433 dbname='a shop' password='p@ss w'",
        kwargs={"user": "ada", "autocommit": True},
    )
    assert database_url(pool) == "postgresql://ada:p%40ss%20w@db:5433/a%20shop"
    pool = SimpleNamespace(conninfo="postgresql://ada@db/shop?sslmode=require", kwargs=None)
    assert database_url(pool) == "postgresql://ada@db/shop?sslmode=require"
    pool = SimpleNamespace(conninfo="host=/run/pg dbname=shop", kwargs={})
    assert database_url(pool) == "postgresql:///shop?host=%2Frun%2Fpg"
    with pytest.raises(InvalidUrl, match="give Holdfast a URL"):
        database_url(SimpleNamespace(conninfo=lambda: "", kwargs={}))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/a b.db"}, "sqlite:////srv/a%20b.db"),
        (
            {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "USER": "ada", "PASSWORD": "p@w",
             "HOST": "db", "PORT": 5433, "OPTIONS": {"sslmode": "require", "pool": True}},
            "postgresql://ada:p%40w@db:5433/shop?sslmode=require",
        ),
        ({"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "HOST": "", "PORT": ""}, "postgresql:///shop"),
    ],
)  # fmt: skip
def test_a_django_connection(settings: dict[str, Any], expected: str) -> None:
    assert database_url(SimpleNamespace(settings_dict=settings)) == expected


def test_a_django_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    databases = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "x.db"}}
    monkeypatch.setitem(
        sys.modules, "django.db", SimpleNamespace(connections=SimpleNamespace(databases=databases))
    )
    assert database_url("default") == "sqlite:///x.db"
    with pytest.raises(InvalidUrl, match="'jobs' is no database URL"):
        database_url("jobs")


@pytest.mark.parametrize(
    "given", [3, object(), b"sqlite:///x.db", "jobs.db", "", SimpleNamespace(url="sqlite:///x.db")]
)
def test_what_has_no_address(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidUrl, match=r"sqlite:///jobs\.db"):
        Holdfast(given)
    with pytest.raises(InvalidUrl, match=r"backends\.mysql"):
        database_url(SimpleNamespace(settings_dict={"ENGINE": "django.db.backends.mysql"}))


def test_an_unknown_scheme_is_refused_at_first_use() -> None:
    app = Holdfast("mysql://a/b")
    with pytest.raises(InvalidUrl, match="mysql:// is no database that Holdfast knows"):
        app.jobs.list()
