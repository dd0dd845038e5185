"""Ids of jobs: UUID version 7 (RFC 9562) as canonical lower-case text of 36 characters.

The text sorts by time. Within a process ids only ever grow, so that jobs of one batch keep their order: below
the milliseconds stands a counter of 74 bits that begins at a random number and grows by random steps (the
RFC's "monotonic random" method).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from holdfast.core.errors import InvalidOption

if TYPE_CHECKING:
    from uuid import UUID

COUNTER_BITS = 74
MAX_MS = (1 << 48) - 1
_LOW_BITS = 48
_LOW_END = 1 << _LOW_BITS
_STEP_BYTES = 4
_SEED_STEPS = 3
_AT_HAND = 512

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{32}", re.ASCII)


class IdSource:
    """Makes ids, each greater than all before it. Any thread may use it.

    Args:
        clock_ms: milliseconds since 1970 now. It may step back: ids then go on from the latest time seen.
        entropy: that many random bytes, such as `os.urandom`.
    """

    def __init__(self, clock_ms: Callable[[], int], entropy: Callable[[int], bytes]) -> None:
        self._clock_ms = clock_ms
        self._entropy = entropy
        self._lock = Lock()
        self._ms = -1
        self._high = 0
        """The upper 26 bits of the counter."""
        self._low = 0
        """The lower 48 bits of it: the last group of the text, so that a batch formats little else."""
        self._prefix = ""
        """The text of all but the lower bits, as of the latest id."""
        self._steps: list[int] = []
        """Random steps at hand: a system call for each id would cost more than all the rest."""
        self._stale = True

    def next(self) -> str:
        """One new id."""
        with self._lock:
            ms = self._clock_ms()
            if ms > self._ms or self._stale:
                self._follow(ms)
            if not self._steps:
                self._steps = self._random_steps(_AT_HAND)
            low = self._low + self._steps.pop() + 1
            if low >= _LOW_END:
                low -= _LOW_END
                self._carry()
            self._low = low
            return f"{self._prefix}{low:012x}"

    def take(self, n: int) -> list[str]:
        """`n` new ids in growing order; cheaper by the piece than `next`."""
        if n <= 0:
            return []
        ids: list[str] = []
        with self._lock:
            self._follow(self._clock_ms())
            prefix, low = self._prefix, self._low
            for step in self._random_steps(n):
                low += step + 1
                if low >= _LOW_END:
                    low -= _LOW_END
                    self._carry()
                    prefix = self._prefix
                ids.append(f"{prefix}{low:012x}")
            self._low = low
        return ids

    def reseed(self) -> None:
        """Call it in a forked child, which must not go on with its parent's counter.

        Ids stay above those that were made before the fork. The lock is made anew, since a thread that is no
        longer there may have held it.
        """
        self._lock = Lock()
        self._steps = []
        self._stale = True

    def _random_steps(self, n: int) -> list[int]:
        return memoryview(self._entropy(_STEP_BYTES * n)).cast("I").tolist()

    def _follow(self, now: int) -> None:
        now = min(now, MAX_MS)
        if now > self._ms:
            self._begin(now)
        elif self._stale:
            self._begin(self._ms + 1)

    def _begin(self, ms: int) -> None:
        """Start on a millisecond, at a random number with the top bit clear: room to count in."""
        if len(self._steps) < _SEED_STEPS:
            self._steps = self._random_steps(_AT_HAND)
        counter = 0
        for _ in range(_SEED_STEPS):
            counter = counter << 8 * _STEP_BYTES | self._steps.pop()
        counter >>= 8 * _STEP_BYTES * _SEED_STEPS - COUNTER_BITS + 1
        self._ms = ms
        self._high, self._low = counter >> _LOW_BITS, counter & (_LOW_END - 1)
        self._stale = False
        self._format()

    def _carry(self) -> None:
        self._high += 1
        if self._high >> (COUNTER_BITS - _LOW_BITS):
            # Some 10^12 ids within one millisecond, or a clock that stands: borrow the next one. The low bits
            # stay as they are.
            self._ms += 1
            self._high = 0
        self._format()

    def _format(self) -> None:
        """Write the text up to the last group: time, version 7, 12 bits, variant 2, 14 bits."""
        time, high = f"{self._ms:012x}", self._high
        self._prefix = f"{time[:8]}-{time[8:]}-{0x7000 | high >> 14:04x}-{0x8000 | high & 0x3FFF:04x}-"


def parse(value: str | UUID) -> str:
    """The canonical text of an id given as a UUID or in any usual spelling of one.

    Raises:
        InvalidOption: it isn't a UUID.
    """
    text = str(value)
    if _CANONICAL.fullmatch(text):
        return text
    # Not UUID(text): it takes hyphens anywhere and digits with underscores.
    digits = text.strip().lower().removeprefix("urn:uuid:")
    if digits.startswith("{") and digits.endswith("}"):
        digits = digits[1:-1]
    if len(digits) == 36 and all(digits[i] == "-" for i in (8, 13, 18, 23)):
        digits = digits.replace("-", "")
    if not _HEX.fullmatch(digits):
        raise InvalidOption(f"{value!r} is not a job id: a UUID such as 0191d7a3-5b1c-7d2e-8f40-9a6b3c2d1e0f")
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def timestamp_ms(job_id: str | UUID) -> int:
    """When an id was made, in milliseconds since 1970.

    Raises:
        InvalidOption: it isn't a UUID of version 7, the only one that holds a time of this kind.
    """
    text = parse(job_id)
    if text[14] != "7":
        raise InvalidOption(f"{text} holds no time: it is not a UUID of version 7")
    return int(text[:8] + text[9:13], 16)
