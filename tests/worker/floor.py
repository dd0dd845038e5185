"""Where handlers stay until they are let go: what runs side by side is what a test says, not what a clock does."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from threading import Condition

from holdfast import Holdfast
from tests.conformance.backends import Backend


class Floor:
    """Runs come in, stay, and leave when they may."""

    def __init__(self) -> None:
        self.here: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.begun: list[tuple[str, int]] = []
        self._may_leave: Counter[str] = Counter()
        self._open = False
        self._changed = Condition()

    def visit(self, key: str = "all", number: int = 0) -> None:
        """Come in, and stay until one of this key may leave."""
        with self._changed:
            self.begun.append((key, number))
            self.here[key] += 1
            self.most[key] = max(self.most[key], self.here[key])
            self._changed.notify_all()
            try:
                assert self._changed.wait_for(lambda: self._open or self._may_leave[key] > 0, 60)
                self._may_leave[key] -= 1
            finally:  # the handler may be interrupted here
                self.here[key] -= 1
                self._changed.notify_all()

    def let_go(self, number: int = 1, key: str = "all") -> None:
        """So many more may leave."""
        with self._changed:
            self._may_leave[key] += number
            self._changed.notify_all()

    def open(self) -> None:
        """Nobody need stay any more."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until something holds of who is here or has begun."""
        with self._changed:
            assert self._changed.wait_for(condition, 20), f"{what} {self.here} {self.begun}"

    def numbers(self, key: str = "all") -> list[int]:
        """What has begun, in order."""
        with self._changed:
            return [number for one, number in self.begun if one == key]


def make_canary(app: Holdfast) -> Callable[[], None]:
    """A task that nothing holds back, beside one that needs a slot which is free.

    Once jobs of both have run, everything that came before has been looked at: what could be begun would have been.
    """
    numbers = itertools.count()

    @app.task(name="canary", queue="canary")
    async def canary(number: int) -> None: ...

    @app.task(name="lined_canary", queue="canary", limit=1000)
    async def lined_canary(number: int) -> None: ...

    def sing() -> None:
        for task in (canary, lined_canary, canary, lined_canary):
            task.enqueue(next(numbers)).result(timeout=20)

    return sing


def used(backend: Backend) -> dict[str, int]:
    """The slots that are in use."""
    return {name: slot.used for name, (slot,) in backend.tables().slots.items() if slot.used}
