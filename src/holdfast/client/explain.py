"""Why a job is not running, as `app.jobs.explain` tells it: what the store knows, and what only code and host know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UnsetType

from holdfast.core import explain as pure
from holdfast.core.overrides import decode

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.core.explain import Explanation
    from holdfast.core.facts import Facts


def explanation(client: Client, facts: Facts) -> Explanation:
    """Say why a job is not running.

    Args:
        client: whose code knows policies, and whose store knows at once of workers that have died on this host.
        facts: of the job, as `store.verbs.explain` gathers them.
    """
    return pure.explain(_completed(client, facts))


def _completed(client: Client, facts: Facts) -> Facts:
    dead = client.store.known_dead
    return msgspec.structs.replace(
        facts,
        max_attempts=_max_attempts(client, facts),
        servers=tuple(one for one in facts.servers if not dead(one.id)),
        worker_alive=facts.worker_alive and not (facts.worker is not None and dead(facts.worker)),
        leader=None if facts.leader is None else _completed(client, facts.leader),
    )


def _max_attempts(client: Client, facts: Facts) -> int | None:
    """How often the runs of a job may fail, as far as it is known here."""
    overrides = decode(facts.overrides)
    if overrides is not None and not isinstance(overrides.max_attempts, UnsetType):
        return overrides.max_attempts
    if client.registry.find(facts.task) is None:
        return None
    return client.registry.policy_for(facts.task, facts.queue).max_attempts
