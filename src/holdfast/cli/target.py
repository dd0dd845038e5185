"""Which application or database a command is about."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from holdfast.app import Holdfast

APP_SETTING = "HOLDFAST_APP"
URL_SETTINGS = ("HOLDFAST_URL", "DATABASE_URL")
SCHEMA = "holdfast"


def open_app(*, why: str) -> Holdfast:
    """The application, with its tasks.

    Args:
        why: what it is needed for, said if none is named.

    Raises:
        AppNotFound: it can't be imported.
    """
    spec = _app_spec()
    if _asked("url"):
        raise click.UsageError(
            f"{why} needs the application, not only its database: give --app instead of --url"
        )
    if not spec:
        raise click.UsageError(
            f"{why} needs the application: give --app module:attribute (such as --app app:app), or set {APP_SETTING}"
        )
    return _closed_at_the_end(_find(spec))


def open_database() -> Holdfast:
    """The application if one is named, else one without tasks on the database that is named.

    Raises:
        AppNotFound: the application can't be imported.
        StoreError: and its kinds; among them that there is no Holdfast database where the URL leads.
    """
    from holdfast.app import Holdfast

    spec = _app_spec()
    if spec and not _asked("url"):
        return _closed_at_the_end(_find(spec))
    from holdfast.cli.databases import refuse_missing

    url = _url()
    refuse_missing(url)
    return _closed_at_the_end(Holdfast(url, schema=asked_schema()))


def named_app() -> Holdfast | None:
    """The application, if one is named and no URL instead.

    Raises:
        AppNotFound: it can't be imported.
    """
    spec = _app_spec()
    return _closed_at_the_end(_find(spec)) if spec and not _asked("url") else None


def database_url(app: Holdfast | None = None) -> tuple[str, str]:
    """The URL and the schema of the database, which isn't opened.

    Args:
        app: what `named_app` gave, where that was asked for already.

    Raises:
        AppNotFound: the application can't be imported.
    """
    app = app or named_app()
    if app is not None:
        return app.url, _asked("schema") or app.schema
    return _url(), asked_schema()


def asked_schema() -> str:
    """The schema that is asked for, or the usual one."""
    return _asked("schema") or SCHEMA


def _app_spec() -> str | None:
    """The application that is named; a URL on the command line wins over one in the environment."""
    spec, url = _asked("app"), _asked("url")
    if spec and url:
        raise click.UsageError("--app and --url both name a database; give one of them")
    return spec or (None if url else os.environ.get(APP_SETTING) or None)


def _url() -> str:
    url = _asked("url") or next((os.environ[name] for name in URL_SETTINGS if os.environ.get(name)), None)
    if url is None:
        raise click.UsageError(
            "no database is named: give --app module:attribute or --url sqlite:///jobs.db, "
            f"or set {APP_SETTING} or {URL_SETTINGS[0]}"
        )
    return url


def _find(spec: str) -> Holdfast:
    from holdfast.cli.locate import find_app

    return find_app(spec)


def _asked(name: str) -> str | None:
    found = click.get_current_context().find_root().meta.get(f"holdfast.{name}")
    return str(found) if found else None


def _closed_at_the_end(app: Holdfast) -> Holdfast:
    click.get_current_context().find_root().call_on_close(app.close)
    return app
