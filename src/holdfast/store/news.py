"""Telling the threads of one process what was committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from holdfast.store.base import Listener
from holdfast.store.statement import Wake

if TYPE_CHECKING:
    import logging


class Listeners:
    """Those who want to hear. Telling is cheap when there are none."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def add(self, listener: Listener) -> Callable[[], None]:
        """Returns what removes it again."""
        self._listeners = (*self._listeners, listener)

        def remove() -> None:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

        return remove

    def tell(self, news: Iterable[Wake]) -> None:
        listeners = self._listeners
        if not listeners:
            return
        for wake in news:
            for listener in listeners:
                try:
                    listener(wake)
                except Exception:
                    # It is told from whatever thread has committed, which must not suffer for it.
                    _log().exception("a listener to the store's news failed")


def _log() -> logging.Logger:
    import logging

    return logging.getLogger("holdfast.store")
