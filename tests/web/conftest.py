"""The dashboard of an app on each store, and a browser for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Holdfast, Limit
from holdfast.web import asgi
from tests.web.browser import Browser
from tests.worker.conftest import app, backend, drain, ear, make_app, postgres_backends, start_worker

__all__ = ["app", "backend", "drain", "ear", "make_app", "postgres_backends", "start_worker"]

Open = Callable[..., Browser]


@pytest.fixture
def tasks(app: Holdfast) -> Holdfast:
    """The app with tasks."""
    app.queue("mail", limit=Limit(5))
    app.queue("line", fifo=True)

    @app.task(name="greet")
    def greet(name: str) -> str:
        return f"hello {name}"

    @app.task(name="mail.send", queue="mail", sensitive=("token",))
    def send(to: str, token: str = "") -> None: ...

    @app.task(name="fail", max_attempts=1)
    def fail(why: str) -> None:
        raise ValueError(why)

    return app


@pytest.fixture
def dashboard(tasks: Holdfast) -> Open:
    """Opens the dashboard of that app with some options."""

    def made(*, browser: dict[str, Any] | None = None, **options: Any) -> Browser:
        if not {"password", "token", "allow"} & options.keys():
            options.setdefault("insecure", True)
        return Browser(asgi(tasks, **options), **(browser or {}))

    return made


@pytest.fixture
def browser(dashboard: Open) -> Browser:
    """A browser that may do everything."""
    return dashboard()
