"""What is kept of a job, told by its task and queue: as code declares it, else as the database has it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import UNSET

from holdfast.client.queues import stored_level
from holdfast.core.policy import resolve_policy

if TYPE_CHECKING:
    from holdfast.client.registry import Registry
    from holdfast.core.retention import Keep


class Keeping:
    """For one call: asked for each job that it ends.

    Args:
        registry: what the app declares.
        stored: the names and settings of queues that any code has declared.
    """

    def __init__(self, registry: Registry, stored: Sequence[tuple[str, str]]) -> None:
        self._registry = registry
        self._stored = dict(stored)

    def __call__(self, task: str, queue: str) -> Keep:
        registry = self._registry
        registry.load()
        declared = {settings.name for settings in registry.queues()}
        if task not in registry and queue not in declared and queue in self._stored:
            # Settings of a later release, or somebody's own, may not be readable.
            with contextlib.suppress(Exception):
                level = stored_level(self._stored[queue])
                if level.retention is not UNSET:
                    return resolve_policy([level]).retention
        return registry.policy_for(task, queue).retention
