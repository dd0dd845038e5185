"""Who is served first at a limit that several queues share."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from holdfast.core.slots import Rule
from holdfast.store.records import LaneMark, LimitRow
from holdfast.store.verbs import claim_lined, limits
from holdfast.store.verbs.in_hand import Order
from tests.conformance.scene import SLACK, TASK, Scene

SLOT = f"task:{TASK}"


def claim(scene: Scene, worker: str, number: int, *, called_first: bool) -> list[str]:
    """Take jobs and end them; returns their queues."""
    due = [lane for lane in scene.lines() if lane.run_at <= scene.store.now() + SLACK and lane.queue]
    lanes = [LaneMark(lane.queue, lane.lane) for lane in due]
    order = Order(
        worker, scene.ids.next(), lanes, number, [TASK], lambda queue: True, called_first=called_first
    )
    jobs = scene.store.write(claim_lined.claim_lined, order).jobs
    if jobs:
        scene.finish(worker, jobs)
    return [job.queue for job in jobs]


@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.parametrize("fifo", [False, True])
def test_queues_take_turns(scene: Scene, most: int, fifo: bool) -> None:
    """Whichever comes first by its name, or is told of by its lane, starves none of the others."""
    rule = LimitRow(SLOT, msgspec.json.encode(Rule(most=most)).decode())
    scene.store.write(limits.set_limits, [rule])
    key = {"ordering_key": ""} if fifo else {}
    for queue in ("a", "b", "c"):
        scene.enqueue(40, queue=queue, limits=(SLOT,), **key)
    worker = scene.worker()
    served: list[str] = []
    for number in range(60):
        served += claim(scene, worker, 4, called_first=number % 2 == 0)
    assert len(served) >= 50
    counted = Counter(served[:48])
    assert min(counted[queue] for queue in "abc") >= 8, "".join(served)
    scene.check()
