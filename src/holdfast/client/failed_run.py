"""A failed run, as people and programs see it."""

from __future__ import annotations

from datetime import datetime
from typing import Self

import msgspec

from holdfast.core.job import RunError
from holdfast.core.times import to_datetime


class FailedRun(msgspec.Struct, frozen=True):
    """What is kept of a run that failed."""

    run: int
    attempt: int
    worker: str | None
    at: datetime
    """When it failed; in UTC."""
    type: str
    """The qualified name of the exception's class."""
    message: str
    traceback: str
    """Capped; empty where there is none."""

    @classmethod
    def of(cls, kept: RunError) -> Self:
        return cls(
            kept.run, kept.attempt, kept.worker, to_datetime(kept.at), kept.type, kept.message, kept.traceback
        )
