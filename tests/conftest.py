"""What holds for every test, whatever it is about."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

pytest_plugins = ["pytester", "tests.servers.fixtures"]

# Machines that test are busy machines: a slow example is no failure. In CI the examples are the same each
# time; elsewhere they wander and find more.
settings.register_profile("holdfast", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("holdfast")

SETTINGS = ("HOLDFAST_APP", "HOLDFAST_URL", "DATABASE_URL")


@pytest.fixture(autouse=True)
def _unset_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches the queue that the developer's own shell is set up for."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
