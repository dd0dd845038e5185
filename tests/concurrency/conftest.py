"""Fixtures of the concurrency tests: the stores of the conformance tests."""

from tests.conformance.fixtures import _postgres_backends, backend, scene, store

__all__ = ["_postgres_backends", "backend", "scene", "store"]
