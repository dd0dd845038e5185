"""Fixtures: apps on real databases of each kind, which must be as before when their rehearsal is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from holdfast import Holdfast
from holdfast.testing import Rehearsal
from tests.worker.conftest import app, backend, make_app, postgres_backends

__all__ = ["app", "backend", "make_app", "postgres_backends"]


@dataclass
class Tasks:
    """Some tasks of an app, and what their handlers have done."""

    mail: Any
    chain: Any
    flaky: Any
    ran: list[Any] = field(default_factory=list)


def declare(app: Holdfast) -> Tasks:
    ran: list[Any] = []

    @app.task(name="mail", queue="mail", sensitive=("token",))
    def mail(to: str, subject: str = "hi", *, token: str = "") -> str:
        ran.append(to)
        return f"{subject} {to}"

    @app.task(name="chain")
    async def chain(left: int) -> None:
        ran.append(left)
        if left:
            await chain.aenqueue(left - 1)

    @app.task(name="flaky", max_attempts=2)
    def flaky(message: str) -> None:
        ran.append(message)
        raise LookupError(message)

    return Tasks(mail, chain, flaky, ran)


@pytest.fixture
def tasks(app: Holdfast) -> Tasks:
    return declare(app)


@pytest.fixture
def t(app: Holdfast, tasks: Tasks) -> Iterator[Rehearsal]:
    with app.testing() as t:
        yield t
