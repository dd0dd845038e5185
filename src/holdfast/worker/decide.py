"""What becomes of a job, whatever its policy does."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

import msgspec

from holdfast.client.clock import ids
from holdfast.core import lifecycle
from holdfast.core.outcomes import MoveToDlq
from holdfast.core.policy import DEFAULT
from holdfast.worker.failures import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.core.job import Claimed, Settlement
    from holdfast.core.outcomes import Outcome
    from holdfast.core.policy import Policy
    from holdfast.worker.runs import Run

logger = logging.getLogger("holdfast.worker")

NOTHING = "null"
"""The result of a handler that returned nothing."""


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
    found = DEFAULT
    try:
        found = policy(job) if callable(policy) else policy
        settled = lifecycle.settle(job, outcome, found, now, describe=describe, jitter=random.random())
    except (
        BaseException
    ) as error:  # a retry policy may be a function of the user's, and an outcome hold anything
        logger.exception("what became of job %s (%s) could not be computed; it fails", job.job_id, job.task)
        failed = MoveToDlq(f"what follows from {outcome.name} could not be computed", cause=error)
        # Its retry policy may be what is wrong with it; where its end leads to is not.
        plain = msgspec.structs.replace(DEFAULT, retention=found.retention, dead_letter=found.dead_letter)
        settled = lifecycle.settle(job, failed, plain, now, describe=describe)
    return lifecycle.with_letter_id(settled, ids.next)


def with_captured(settlement: Settlement, run: Run) -> Settlement:
    """The settlement of a run, with what was captured below its handler where the job ends and has no result."""
    captured = None if run.context is None else run.context.captured
    if captured is None or not settlement.state.terminal or settlement.result not in (None, NOTHING):
        return settlement
    return msgspec.structs.replace(settlement, result=captured)
