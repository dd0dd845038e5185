"""A middleware that is also told what the worker makes of runs, which no chain around a run can see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.middleware.base import Middleware

if TYPE_CHECKING:
    from holdfast.core.job import Settlement


class Observing(Middleware):
    """Derive from it and write what is of interest. Called in the worker's own threads: it must be quick."""

    def settled(self, settlement: Settlement) -> None:
        """What became of a run of a task that it stands around is committed.

        Also of a run whose worker died, and of a job that failed because nobody knows its task; not of one whose
        lease was lost, since another decides of that.
        """

    def worker_failed(self, error: BaseException) -> None:
        """Something inside of the worker failed; it goes on."""
