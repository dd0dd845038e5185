"""Who wants to be notified, so that nobody sends a notification that nobody hears."""

from __future__ import annotations

from typing import Literal

from holdfast.store.statement import Statement, Verb, Wake
from holdfast.store.verbs.claim import lanes


def listen(id: str, topic: Literal["worker", "waiter"], seconds: int) -> Verb[None]:
    """Be notified for a while: as an idle worker of due jobs, as a waiter of results."""
    yield Statement("listen", {"id": id, "topic": topic, "seconds": seconds})


def stop_listening(id: str) -> Verb[None]:
    """Be notified no more."""
    yield Statement("stop_listening", {"id": id})


def server_time() -> Verb[int]:
    """The store's time in microseconds."""
    rows = yield Statement("server_time")
    return int(rows[0][0])


def look_at_everything() -> Verb[None]:
    """Tell all who listen of every lane that holds jobs: some may have come by other means than an insert."""
    found = yield from lanes()
    yield Wake(due=tuple((lane.queue, lane.lane, lane.run_at) for lane in found), anything=True)
