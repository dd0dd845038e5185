"""A job that was made and not stored yet: what `new` returns and `enqueue_many` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from holdfast.core.job import NewJob

if TYPE_CHECKING:
    from holdfast.client.task import Task

R_co = TypeVar("R_co", covariant=True)


class Draft(Generic[R_co]):
    """One job of a batch to be.

    Attributes:
        job: the record.
        task: whose job it is; None for a task that is unknown here.
    """

    __slots__ = ("_handed_over", "job", "task")

    def __init__(self, job: NewJob, task: Task[Any, R_co] | None) -> None:
        self.job = job
        self.task = task
        self._handed_over = False

    def hand_over(self) -> NewJob:
        """The job, to be stored now. Who stores it a second time is not taken for the first."""
        if self._handed_over:
            self.job = self.job.replace(new_id=False)
        self._handed_over = True
        return self.job

    @property
    def id(self) -> UUID:
        """The id that the job will have."""
        return self.job.id

    def __repr__(self) -> str:
        return f"<Draft {self.job.task} {self.job.job_id}>"
