"""Low-water marks against a lane whose jobs come late, come back, and are held by others for a while."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.job import Claimed
from holdfast.store.marks import LAG, ZERO, Marks
from holdfast.store.records import LaneMark

LANE = LaneMark("q", 0)


def claimed(run_at: int, job_id: str) -> Claimed:
    return Claimed(job_id, "t", "q", 0, "{}", None, None, 1, 1, 0, run_at, run_at)


@dataclass
class Lane:
    """A lane as a claim sees it: what is committed and not taken, in order."""

    waiting: list[tuple[int, str]] = field(default_factory=list)

    def claim(self, mark: LaneMark, limit: int) -> list[Claimed]:
        found = sorted(place for place in self.waiting if place > (mark.run_at, mark.job_id))[:limit]
        for place in found:
            self.waiting.remove(place)
        return [claimed(*place) for place in found]


def test_a_mark_follows_the_claims_by_its_lag() -> None:
    marks, lane = Marks(), Lane([(n, f"id{n:04}") for n in range(1, 101)])
    for step in range(10):
        plan = marks.place([LANE], step * LAG)
        marks.claimed(plan, lane.claim(plan[0], 10), 10)
    assert marks.place([LANE], 10 * LAG)[0].run_at >= 80


def test_a_full_batch_pulls_the_mark_back() -> None:
    """What was committed late, in numbers, is taken batch by batch and not one batch a sweep."""
    marks, lane = Marks(), Lane([(n, f"id{n:04}") for n in range(1000, 1100)])
    for step in range(6):
        plan = marks.place([LANE], step * LAG)
        marks.claimed(plan, lane.claim(plan[0], 50), 50)
    assert marks.place([LANE], 6 * LAG)[0].run_at > 1000
    lane.waiting = [(n, f"id{n:04}") for n in range(1, 501)]  # committed late: far below the mark
    marks.lower("q", 0, 1)  # the news of it
    taken = 0
    for step in range(7, 18):
        plan = marks.place([LANE], step * LAG)
        jobs = lane.claim(plan[0], 50)
        marks.claimed(plan, jobs, 50)
        taken += len(jobs)
    assert taken == 500


def test_lanes_behind_the_one_that_filled_the_batch_keep_their_marks() -> None:
    marks = Marks()
    plan = marks.place([LaneMark("q", 5), LaneMark("q", 0)], 0.0)
    high = Claimed("a", "t", "q", 5, "{}", None, None, 1, 1, 0, 50, 50)
    marks.claimed(plan, [high], 1)
    low = marks.place([LaneMark("q", 0)], 10 * LAG)[0]
    assert (low.run_at, low.job_id) == ZERO


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_comes_is_taken_after_a_look_from_zero(data: st.DataObject) -> None:
    """Jobs appear anywhere, with and without news; a sweep that lowers the mark to the first job finds the rest."""
    marks, lane = Marks(), Lane()
    taken: list[tuple[int, str]] = []
    added: list[tuple[int, str]] = []
    moment, serial = 0.0, 0
    for _ in range(data.draw(st.integers(1, 30))):
        moment += data.draw(st.sampled_from((0.0, LAG / 2, LAG, 3 * LAG)))
        if data.draw(st.booleans()):
            for run_at in data.draw(st.lists(st.integers(1, 50), max_size=20)):
                serial += 1
                lane.waiting.append((run_at, f"id{serial:04}"))
                added.append((run_at, f"id{serial:04}"))
                if data.draw(st.booleans()):
                    marks.lower("q", 0, run_at - 1)
        limit = data.draw(st.integers(1, 8))
        plan = marks.place([LANE], moment)
        jobs = lane.claim(plan[0], limit)
        marks.claimed(plan, jobs, limit)
        taken += [(job.run_at, job.job_id) for job in jobs]
    idle = 0
    while idle < 3:
        moment += LAG
        if lane.waiting:
            marks.lower("q", 0, min(lane.waiting)[0] - 1)
        plan = marks.place([LANE], moment)
        jobs = lane.claim(plan[0], 8)
        marks.claimed(plan, jobs, 8)
        taken += [(job.run_at, job.job_id) for job in jobs]
        idle = 0 if jobs else idle + 1
    assert sorted(taken) == sorted(added)
