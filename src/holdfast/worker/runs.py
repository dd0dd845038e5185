"""What a worker has in hand: claimed batches, and in each the runs of its jobs."""

from __future__ import annotations

from enum import Enum, auto
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.client.context import JobContext
    from holdfast.core.job import Claimed
    from holdfast.core.policy import Policy
    from holdfast.worker.handlers import Handler
    from holdfast.worker.life import Life


class Will(Enum):
    """By whose will a run is to end before its handler does."""

    CANCEL = auto()
    """Somebody asked for it; what the handler then does decides."""
    TIMEOUT = auto()
    SHUTDOWN = auto()
    """The worker ends and can't wait any longer."""
    LOST = auto()
    """The lease was taken away, or the worker was declared dead: nobody waits for what it decides."""


class Lease:
    """One claimed batch."""

    __slots__ = ("id", "left", "life", "runs")

    def __init__(self, lease_id: str, life: Life) -> None:
        self.id = lease_id
        self.life = life
        self.runs: list[Run] = []
        self.left = 0
        """Runs whose outcome is not known yet."""


class Run:
    """One job in hand. Times are readings of the monotonic clock in seconds."""

    __slots__ = (
        "by", "claimed_at", "context", "deadline", "give_up_at", "handler", "job", "lease", "over", "policy",
        "started", "will",
    )  # fmt: skip

    def __init__(
        self, job: Claimed, lease: Lease, handler: Handler, policy: Policy, claimed_at: float
    ) -> None:
        self.job = job
        self.lease = lease
        self.handler = handler
        self.policy = policy
        self.claimed_at = claimed_at
        self.started: float | None = None
        self.deadline = inf
        """When its timeout ends it."""
        self.will: Will | None = None
        self.give_up_at = inf
        """When it loses its lease, having been told to end."""
        self.over = False
        """Its outcome has reached the settler; another that comes later is refused."""
        self.by: Any = None
        """What carries it: the `asyncio.Task` of an async handler, the `Carrier` of others."""
        self.context: JobContext | None = None
        """Once it has begun."""

    def tell(self, will: Will) -> None:
        """Have it end, as far as it looks at that itself."""
        self.will = will
        if self.context is not None:
            self.context.mark_cancelled()

    def __repr__(self) -> str:
        return f"<Run {self.job.run} of {self.job.task} {self.job.job_id}>"
