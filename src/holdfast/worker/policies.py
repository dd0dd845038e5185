"""The policy of each job: what its task and queue say, and what it decided for itself.

A rescuer may not have the code of a job: then what the database keeps of its queue counts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from holdfast.client.queues import stored_age_after, stored_fifo, stored_letter, stored_level
from holdfast.core.overrides import decode
from holdfast.core.policy import Policy, PolicyLevel, resolve_policy

if TYPE_CHECKING:
    from holdfast.client.registry import Registry
    from holdfast.core.job import Claimed, DeadLetter

logger = logging.getLogger("holdfast.worker")

KEPT = 1000


class Policies:
    """Resolved policies, kept: most jobs share a few."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._kept: dict[tuple[str, str, str | None], Policy] = {}
        self._declared = {queue.name for queue in registry.queues()}
        self._stored: dict[str, PolicyLevel] = {}
        """Of queues that this code doesn't declare."""
        self._letters: dict[str, DeadLetter] = {}
        """What they get as dead-letter queues: a queue may be declared where its dead-letter queue isn't."""
        self._own_fifo = frozenset(queue.name for queue in registry.queues() if queue.fifo)
        self._fifo = self._own_fifo
        self._own_ages = {
            queue.name: queue.age_after for queue in registry.queues() if queue.age_after is not None
        }
        self._ages = self._own_ages

    def learn(self, settings: Sequence[tuple[str, str]]) -> None:
        """Take in the names and settings of queues as they are stored."""
        found: dict[str, PolicyLevel] = {}
        letters: dict[str, DeadLetter] = {}
        fifo: set[str] = set()
        ages: dict[str, int] = {}
        for name, text in settings:
            if name not in self._declared:
                try:
                    found[name] = stored_level(text)
                    letters[name] = stored_letter(name, text)
                    if stored_fifo(text):
                        fifo.add(name)
                    age_after = stored_age_after(text)
                    if age_after is not None:
                        ages[name] = age_after
                except Exception:  # of a later release, or somebody's own
                    logger.warning("the stored settings of queue %s can't be read; its defaults count", name)
        self._fifo = self._own_fifo.union(fifo)
        self._ages = {**ages, **self._own_ages}
        if (found, letters) != (self._stored, self._letters):
            self._stored, self._letters = found, letters
            self._kept.clear()

    def fifo(self) -> frozenset[str]:
        """The names of the queues that are known to be FIFO queues."""
        return self._fifo

    def ages(self) -> Mapping[str, int]:
        """Of the queues whose jobs age: after how many microseconds one counts as one priority higher."""
        return self._ages

    def of(self, job: Claimed) -> Policy:
        """The policy of a job; of its queue alone where its task isn't known here."""
        key = (job.task, job.queue, job.overrides)
        policy = self._kept.get(key)
        if policy is None:
            level = None if job.task in self._registry else self._stored.get(job.queue)
            policy = (
                self._registry.policy_for(job.task, job.queue) if level is None else resolve_policy([level])
            )
            if policy.dead_letter is not None:
                letter = self._letters.get(policy.dead_letter.queue, policy.dead_letter)
                policy = msgspec.structs.replace(policy, dead_letter=letter)
            if job.overrides is not None:
                policy = policy.with_overrides(decode(job.overrides))
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = policy
        return policy
