"""Fixtures of the conformance tests: one suite over all stores."""

from tests.conformance.fixtures import _postgres_backends, backend, scene, store

__all__ = ["_postgres_backends", "backend", "scene", "store"]
