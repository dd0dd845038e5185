"""Telling the middleware around a task what became of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.middleware.observing import Observing
from holdfast.worker.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.client.registry import Registry
    from holdfast.core.job import Settlement
    from holdfast.middleware.base import Middleware


class Counting(Observer):
    """See `Observing`. A middleware that stands around a task twice is told once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._all: tuple[Observing, ...] | None = None
        self._kept: dict[tuple[str, str], tuple[Observing, ...]] = {}

    @property
    def listening(self) -> bool:
        return bool(self._everyone())

    def settled(self, settlement: Settlement) -> None:
        job = settlement.job
        key = (job.task, job.queue)
        around = self._kept.get(key)
        if around is None:
            found = self._registry.middleware(self._registry.get(job.task), job.queue)
            around = self._kept[key] = _observing(found)
        for one in around:
            one.settled(settlement)

    def rescued(self, settlement: Settlement) -> None:
        self.settled(settlement)

    def given_up(self, settlement: Settlement) -> None:
        self.settled(settlement)

    def trouble(self, error: BaseException) -> None:
        for one in self._everyone():
            one.worker_failed(error)

    def _everyone(self) -> tuple[Observing, ...]:
        if self._all is None:
            self._all = _observing(self._registry.all_middleware())
        return self._all


def _observing(middleware: Iterable[Middleware]) -> tuple[Observing, ...]:
    return tuple({id(one): one for one in middleware if isinstance(one, Observing)}.values())
