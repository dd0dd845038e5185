"""Fixtures of the conformance tests: one suite over all stores."""

from tests.conformance.fixtures import backend, postgres_backends, scene, store

__all__ = ["backend", "postgres_backends", "scene", "store"]
