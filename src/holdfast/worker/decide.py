"""What becomes of a job, whatever its policy does."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

from holdfast.core import lifecycle
from holdfast.core.outcomes import MoveToDlq
from holdfast.core.policy import DEFAULT
from holdfast.worker.failures import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.core.job import Claimed, Settlement
    from holdfast.core.outcomes import Outcome
    from holdfast.core.policy import Policy

logger = logging.getLogger("holdfast.worker")


def decide(
    job: Claimed, outcome: Outcome, policy: Policy | Callable[[Claimed], Policy], now: int
) -> Settlement:
    """The settlement of a run. A policy that fails, or an outcome that makes no sense, fails the job.

    Args:
        job: the run.
        outcome: what it decided.
        policy: the job's, or what finds it.
        now: the store's time.
    """
    try:
        found = policy(job) if callable(policy) else policy
        return lifecycle.settle(job, outcome, found, now, describe=describe, jitter=random.random())
    except (
        BaseException
    ) as error:  # a retry policy may be a function of the user's, and an outcome hold anything
        logger.exception("what became of job %s (%s) could not be computed; it fails", job.job_id, job.task)
        failed = MoveToDlq(f"what follows from {outcome.name} could not be computed", cause=error)
        return lifecycle.settle(job, failed, DEFAULT, now, describe=describe)
