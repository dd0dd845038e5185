"""The policy of each job: what its task and queue say, and what it decided for itself.

A rescuer may not have the code of a job: then what the database keeps of its queue counts.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.client.queues import stored_level
from holdfast.core.overrides import decode
from holdfast.core.policy import Policy, PolicyLevel, resolve_policy
from holdfast.store.statement import Statement, Verb

if TYPE_CHECKING:
    from holdfast.client.registry import Registry
    from holdfast.core.job import Claimed

logger = logging.getLogger("holdfast.worker")

KEPT = 1000


def stored_settings() -> Verb[list[tuple[str, str]]]:
    """The names and settings of all queues that any code has declared."""
    rows = yield Statement("list_queues")
    return [(str(row[0]), str(row[1])) for row in rows]


class Policies:
    """Resolved policies, kept: most jobs share a few."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._kept: dict[tuple[str, str, str | None], Policy] = {}
        self._declared = {queue.name for queue in registry.queues()}
        self._stored: dict[str, PolicyLevel] = {}
        """Of queues that this code doesn't declare."""

    def learn(self, settings: Sequence[tuple[str, str]]) -> None:
        """Take in the names and settings of queues as they are stored."""
        found: dict[str, PolicyLevel] = {}
        for name, text in settings:
            if name not in self._declared:
                try:
                    found[name] = stored_level(text)
                except Exception:  # of a later release, or somebody's own
                    logger.warning("the stored settings of queue %s can't be read; its defaults count", name)
        if found != self._stored:
            self._stored = found
            self._kept.clear()

    def of(self, job: Claimed) -> Policy:
        """The policy of a job; of its queue alone where its task isn't known here."""
        key = (job.task, job.queue, job.overrides)
        policy = self._kept.get(key)
        if policy is None:
            level = None if job.task in self._registry else self._stored.get(job.queue)
            policy = (
                self._registry.policy_for(job.task, job.queue) if level is None else resolve_policy([level])
            )
            if job.overrides is not None:
                policy = policy.with_overrides(decode(job.overrides))
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = policy
        return policy
