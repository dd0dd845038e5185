"""Logins slowed down, by address, in memory."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable


class Throttle:
    """Lets an address fail a few times at once, and then once in a while.

    Args:
        most: failures at once.
        every: seconds in which one more is granted.
        addresses: so many are remembered, those that failed last.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        most: int = 5,
        every: float = 12.0,
        addresses: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = most * every
        self._every = every
        self._addresses = addresses
        self._clock = clock
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds until this address may try again; 0 is now."""
        until = self._paid_until.get(_household(address), 0.0)
        return max(0.0, until + self._every - self._burst - self._clock())

    def failed(self, address: str) -> None:
        """It has tried and failed."""
        household, now = _household(address), self._clock()
        self._paid_until[household] = max(now, self._paid_until.pop(household, now)) + self._every
        while len(self._paid_until) > self._addresses:
            self._paid_until.popitem(last=False)


def _household(address: str) -> str:
    """Of IPv6 the network of 64 bits: who has one address there has them all."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address
