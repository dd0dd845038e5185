"""What the claimer knows of whatever runs handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from holdfast.core.outcomes import Outcome
from holdfast.worker.runs import Run, Will

Report = Callable[[Run, Outcome], None]
"""Told each run's outcome, from whichever thread found it."""


class Executor(Protocol):
    """Runs handlers of one kind. Any thread may call it."""

    slots: int
    """So many run at a time."""
    low: int
    """Ring the bell once no more than so many are in hand; -1 doesn't ring. Set back by whoever rings."""

    @property
    def kind(self) -> str: ...
    @property
    def finished(self) -> int:
        """Runs that ended here, in all."""
        ...

    def load(self) -> int:
        """How many are in hand, running or waiting."""
        ...

    def submit(self, runs: Sequence[Run]) -> None:
        """Run them, in this order, as soon as there are slots."""
        ...

    def withdraw(self, claimed_before: float) -> list[Run]:
        """Take back those that were claimed before a time and have not started. Nothing is reported of them."""
        ...

    def end(self, run: Run, will: Will) -> None:
        """Make a run end before its handler does, as far as that is possible."""
        ...

    def active(self) -> Iterable[Run]:
        """Those that have started and not ended."""
        ...

    def close(self) -> None:
        """End what carries the handlers. Runs that still go on are left to themselves."""
        ...
