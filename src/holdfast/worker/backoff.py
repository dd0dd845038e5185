"""Going on while the store can't be reached."""

from __future__ import annotations

import logging
import random

FIRST = 0.05
LONGEST = 2.0


class Reach:
    """Whether one thread reaches the store: how long to wait before the next try, and one line of log for the
    beginning of an outage and one for its end.

    Args:
        logger: where.
        what: what the thread wants to do there, for the log.
    """

    def __init__(self, logger: logging.Logger, what: str) -> None:
        self._logger = logger
        self._what = what
        self._next = FIRST
        self._away = False

    def failed(self, error: BaseException) -> float:
        """Seconds to wait now: doubling up to a limit, with jitter, since many workers wait for one database."""
        if not self._away:
            self._away = True
            self._logger.error("can't %s for now, and will try again: %s", self._what, error)
        wait = self._next * random.uniform(0.5, 1.0)
        self._next = min(LONGEST, self._next * 2)
        return wait

    def worked(self) -> None:
        """It was reached."""
        if self._away:
            self._away = False
            self._next = FIRST
            self._logger.warning("can %s again", self._what)
