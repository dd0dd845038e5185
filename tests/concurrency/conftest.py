"""Fixtures of the concurrency tests: the stores of the conformance tests, PostgreSQL in its newest version only."""

from pathlib import Path

import pytest

from tests.conformance.backends import Backend
from tests.conformance.fixtures import STORES, fresh, params, postgres_backends, scene, store

__all__ = ["backend", "postgres_backends", "scene", "store"]


@pytest.fixture(params=params(*STORES[:2]))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """A fresh database of each kind."""
    return fresh(request, tmp_path)
