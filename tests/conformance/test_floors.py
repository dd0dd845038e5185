"""Claims of lines begin where work may be left: what was committed below that, too late, is found once in a while."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from holdfast.core.lines import line_of
from holdfast.store.marks import LAG_OF_LINES, Floors, Position
from holdfast.store.records import LimitRow
from holdfast.store.statement import Wake
from holdfast.store.verbs import claim, limits
from holdfast.store.verbs.claim_lined import claim_lined
from holdfast.store.verbs.in_hand import Order, Taken
from holdfast.worker.lanes import Lanes
from tests.conformance.scene import HOUR, QUEUE, TASK, Scene

FAR = 1 << 60
"""A time, or a number, that nothing reaches."""
RULE = "task:t"
LANE = (QUEUE, 0)


def served(queue: str) -> bool:
    """Every queue is."""
    return bool(queue)


class Claims:
    """A worker's claims of lines, as far as it looks for them from floors on."""

    def __init__(self, scene: Scene, floors: Floors) -> None:
        self.scene = scene
        self.worker = scene.worker()
        self.lanes = Lanes(None, lined=True, floors=floors)
        self.lanes.wake(Wake(lines=((*LANE, 0),)), 0)

    def take(self, limit: int = 10, tasks: tuple[str, ...] = (TASK,)) -> list[str]:
        """Claim from the lanes that are known, from the floors."""
        return [job.job_id for job in self.taken(limit, tasks).jobs]

    def taken(self, limit: int = 10, tasks: tuple[str, ...] = (TASK,)) -> Taken:
        plan = self.lanes.plan(self.scene.store.now())
        order = Order(
            self.worker, self.scene.ids.next(), plan, limit, tasks, served, floors=self.lanes.floors
        )
        found = self.scene.store.write(claim_lined, order)
        self.scene.check()
        return found

    def sweep(self) -> None:
        """Look at everything, as a worker does once in a while."""
        self.lanes.learn(self.scene.store.read(claim.lanes), self.scene.store.now(), swept=True)

    def probe(self) -> list[object]:
        """Look from the floors on."""
        assert self.lanes.floors is not None
        return list(self.scene.store.read(claim.probe, [], self.lanes.known(), self.lanes.floors))


def see_to_notes(scene: Scene) -> None:
    """Have notes seen to by somebody who serves nothing."""
    order = Order(scene.worker(), scene.ids.next(), [], 10, [], served)
    scene.store.write(claim_lined, order)
    scene.check()


def test_a_line_below_the_floor_is_found_by_the_sweep(scene: Scene) -> None:
    wanted = scene.enqueue(1, ordering_key="a")
    see_to_notes(scene)
    claims = Claims(scene, Floors(lanes={LANE: FAR}))
    assert claims.probe() == []
    assert claims.take() == []
    claims.sweep()
    assert claims.take() == wanted


def test_a_note_below_the_floor_is_found_by_the_sweep(scene: Scene) -> None:
    wanted = scene.enqueue(1, ordering_key="a")
    claims = Claims(scene, Floors(notes=FAR))
    assert claims.probe() == []
    assert claims.take() == []
    claims.sweep()
    assert claims.take() == wanted


def test_a_slot_below_the_floor_is_found_by_the_sweep(scene: Scene) -> None:
    scene.store.write(limits.set_limits, [LimitRow(RULE, '{"most": 1}')])
    first, second = scene.enqueue(2, limits=(RULE,))
    worker = scene.worker()
    (job,) = scene.claim_lined(worker)
    assert job.job_id == first
    scene.finish(worker, [job])
    claims = Claims(scene, Floors(slots=FAR))
    assert claims.probe() == []
    assert claims.take() == []
    claims.sweep()
    assert claims.take() == [second]


def test_news_of_a_line_lower_its_floor(scene: Scene) -> None:
    wanted = scene.enqueue(1, ordering_key="a")
    see_to_notes(scene)
    (seen,) = scene.lines()
    claims = Claims(scene, Floors(lanes={LANE: FAR}))
    claims.lanes.wake(Wake(lines=((*LANE, seen.run_at),)), scene.store.now())
    assert claims.take() == wanted


def test_jobs_below_the_floor_of_their_line_are_not_forgotten(scene: Scene) -> None:
    scene.store.write(limits.set_limits, [LimitRow(RULE, '{"most": 9}')])
    early, late = scene.enqueue(1, limits=(RULE,))[0], scene.enqueue(1, limits=(RULE,))[0]
    if scene.backend.dialect == "sqlite":
        pytest.skip("nothing dead is in the way on SQLite: each look begins at the start")
    name = line_of(None, 0, None, (RULE,))
    assert name is not None
    below = Position(scene.get(early).run_at, early)
    claims = Claims(scene, Floors(lines={(QUEUE, name): below}))
    assert claims.take(1) == [late]
    # That nothing is left above the floor was told to nobody: the line still goes on.
    assert claims.take(1) == [early]


def test_floors_follow_the_claims_at_a_distance(scene: Scene) -> None:
    scene.enqueue(2, ordering_key="a")
    claims = Claims(scene, Floors())
    before = scene.store.now()
    floors = claims.taken().floors
    assert floors is not None
    assert before - HOUR < floors.lanes[LANE] <= scene.store.now() - LAG_OF_LINES
    assert floors.slots <= scene.store.now() - LAG_OF_LINES
    assert floors.seen_notes > 0 == floors.notes, "not yet: others may be committed late"
    again = claims.scene.store.write(claim_lined, _order(claims, replace(floors, turned=0))).floors
    assert again is not None
    assert again.next_notes == floors.seen_notes
    last = claims.scene.store.write(claim_lined, _order(claims, replace(again, turned=0))).floors
    assert last is not None
    assert last.notes == floors.seen_notes


def _order(claims: Claims, floors: Floors) -> Order:
    plan = claims.lanes.plan(claims.scene.store.now())
    return Order(claims.worker, claims.scene.ids.next(), plan, 10, [TASK], served, floors=floors)


def test_a_line_that_is_left_holds_the_floor(scene: Scene) -> None:
    scene.enqueue(1, limits=(RULE,), task="unknown")
    see_to_notes(scene)
    (seen,) = scene.lines()
    claims = Claims(scene, Floors())
    # As if it had become due long ago.
    at = "?" if scene.backend.dialect == "sqlite" else "to_timestamp(? / 1e6::float8)"
    scene.backend.execute(f"UPDATE {{}}lines SET due = {at}", seen.run_at - HOUR)
    found = claims.taken()
    assert found.jobs == []
    assert found.floors is not None
    assert found.floors.lanes[LANE] < seen.run_at - HOUR + LAG_OF_LINES
    assert [lane.run_at for lane in scene.lines()] == [seen.run_at - HOUR], (
        "it was left in its place for others"
    )
