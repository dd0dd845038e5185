"""The host's clock and the process's ids, for what is made here and not in the store."""

from __future__ import annotations

import os
import time

from holdfast.core.ids import IdSource


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def now() -> int:
    """Microseconds since 1970, by the host's clock."""
    return time.time_ns() // 1_000


ids = IdSource(_now_ms, os.urandom)
"""One for the process, so that ids grow whichever app makes them."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ids.reseed)
