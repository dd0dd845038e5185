"""A worker under one identity. One that was declared dead goes on under a new one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.worker.journal import Journal

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.context import JobContext
    from holdfast.core.job import Claimed, Settlement
    from holdfast.worker.runs import Lease, Run


class Host(Protocol):
    """What all lives of a worker share."""

    @property
    def client(self) -> Client: ...
    @property
    def state(self) -> Any: ...
    @property
    def shutdown_deadline(self) -> int | None: ...
    def success(self, job: Claimed, result: str) -> Settlement: ...
    def progress(self, worker: str, job: Claimed, percent: int, message: str | None) -> None: ...


class Life:
    """An id, and the leases under it. A `JobContext` knows the worker as this."""

    def __init__(self, host: Host, worker_id: str) -> None:
        self.id = worker_id
        self.ended = False
        """It was declared dead: what it held is given to others."""
        self.leases: dict[str, Lease] = {}
        """Those held, and those a claim is on its way for. One that ends is taken out once that is committed."""
        self.journal = Journal(worker_id)
        self._host = host

    def runs(self) -> Iterator[Run]:
        """All in hand that have not ended, started or not."""
        for lease in list(self.leases.values()):
            for run in lease.runs:
                if not run.over:
                    yield run

    # --- for contexts ---

    @property
    def client(self) -> Client:
        return self._host.client

    @property
    def worker_id(self) -> str:
        return self.id

    @property
    def state(self) -> Any:
        return self._host.state

    @property
    def shutdown_deadline(self) -> int | None:
        return self._host.shutdown_deadline

    def success(self, claimed: Claimed, result: str) -> Settlement:
        return self._host.success(claimed, result)

    def progress(self, ctx: JobContext, percent: int, message: str | None) -> None:
        self._host.progress(self.id, ctx.claimed, percent, message)
