"""The worker's fixtures: apps on SQLite and on PostgreSQL, workers that are always ended, an ear for them."""

from __future__ import annotations

from tests.conformance.fixtures import postgres_backends
from tests.worker.conftest import app, backend, drain, ear, make_app, start_worker

__all__ = ["app", "backend", "drain", "ear", "make_app", "postgres_backends", "start_worker"]
