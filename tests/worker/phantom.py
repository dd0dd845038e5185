"""A worker that claims and is gone: its jobs are for others to take back."""

from __future__ import annotations

from typing import Any

from holdfast import Holdfast
from holdfast.client.clock import ids
from holdfast.store.records import LaneMark, WorkerRow
from holdfast.store.verbs.claim import claim
from holdfast.store.verbs.workers import register, unregister


def claim_and_vanish(app: Holdfast, task: Any) -> None:
    """Claim the due jobs of a task under the id of a worker that has no row afterwards."""
    phantom = WorkerRow(
        id=ids.next(),
        host="h",
        pid=1,
        version="0",
        queues=None,
        tasks=[task.name],
        restricted=False,
        concurrency=1,
    )
    store = app.client.store
    store.write(register, phantom)
    assert store.write(claim, phantom.id, ids.next(), [LaneMark(task.queue, 0)], 5, [task.name])
    store.write(unregister, phantom.id)
