"""The policy of each job: what its task and queue say, and what it decided for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.core.overrides import decode
from holdfast.core.policy import Policy

if TYPE_CHECKING:
    from holdfast.client.registry import Registry
    from holdfast.core.job import Claimed

KEPT = 1000


class Policies:
    """Resolved policies, kept: most jobs share a few."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._kept: dict[tuple[str, str, str | None], Policy] = {}

    def of(self, job: Claimed) -> Policy:
        """The policy of a job; of its queue alone where its task isn't known here."""
        key = (job.task, job.queue, job.overrides)
        policy = self._kept.get(key)
        if policy is None:
            policy = self._registry.policy_for(job.task, job.queue)
            if job.overrides is not None:
                policy = policy.with_overrides(decode(job.overrides))
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = policy
        return policy
