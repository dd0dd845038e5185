"""The judge itself: each way of being out of place is noticed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from holdfast.core import outcomes as o
from holdfast.core.unique import Unique, key_for
from holdfast.store.records import LimitRow
from holdfast.store.verbs.insert_unique import insert_unique
from holdfast.store.verbs.limits import set_limits
from tests.conformance.backends import SqliteBackend
from tests.conformance.invariant import check, misplaced
from tests.conformance.scene import Scene


@pytest.fixture
def backend(tmp_path: Path) -> SqliteBackend:
    """A job in each place: one waits, one runs, one has ended under the lease of the one that runs; two are unique.

    Of two jobs in order one runs, of two that need a slot one runs and the other waits for it, and one has just come.
    """
    backend = SqliteBackend(str(tmp_path / "jobs.db"))
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        worker = scene.worker()
        ended, _ = scene.run(2, worker=worker)
        scene.settle(worker, [scene.decide(ended, o.Fail("no"))])
        scene.enqueue(queue="other")
        for job in scene.new(2, queue="unique"):
            key = key_for(Unique(key=job.job_id), job.task, job.queue, "")
            scene.store.write(insert_unique, [job.replace(unique_key=key)])
        scene.store.write(set_limits, [LimitRow(SLOT, '{"most": 1}')])
        scene.enqueue(2, queue="order", ordering_key="a")
        scene.enqueue(2, queue="limit", limits=(SLOT,))
        assert len(scene.claim_lined(worker)) == 2
        scene.enqueue(1, queue="come", ordering_key="a")
    assert misplaced(backend.tables(), quiet=True) == []
    return backend


SLOT = "queue:limit"
RUNNING_WAITS = """INSERT INTO {}pending SELECT queue, 0, 1, id, task, 1, 1, 0 FROM {}jobs
    WHERE id NOT IN (SELECT id FROM {}finished UNION SELECT id FROM {}pending)"""


UNIQUE_ENDED = """INSERT INTO {}unique_keys SELECT '', id, NULL FROM {}finished"""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM {}pending", "none of its places"),
        ("DELETE FROM {}leases", "none of its places"),
        ("DELETE FROM {}jobs WHERE queue = 'other'", "pending has .*, which is no job"),
        ("DELETE FROM {}jobs WHERE id IN (SELECT id FROM {}finished)", "finished has .*, which is no job"),
        ("INSERT INTO {}finished SELECT id, 'failed', NULL, 1, 1, 0, NULL, NULL, NULL, 1, NULL FROM {}pending",
         "pending ×1, finished ×1"),
        (RUNNING_WAITS, "pending ×1, a lease ×1"),
        ("INSERT INTO {}leases SELECT 'again ' || id, worker, jobs, '[]', 1 FROM {}leases", "a lease ×2"),
        ("UPDATE {}leases SET released = '[\"nobody\"]'", "released what it never named"),
        ("UPDATE {}leases SET jobs = json_insert(jobs, '$[#]', jobs -> 0)", "names a job twice"),
        ("INSERT INTO {}leases VALUES ('empty', 'w', '[]', '[]', 1)", "owns nothing and is still there"),
        ("INSERT INTO {}job_progress VALUES ('nobody', 1, 1, NULL, 1)", "job_progress has nobody, which is no job"),
        ("UPDATE {}job_errors SET id = 'nobody'", "job_errors has nobody, which is no job"),
        ("DELETE FROM {}unique_keys", "should be held by"),
        ("UPDATE {}unique_keys SET id = 'nobody'", "held by nobody, which is no job"),
        ("UPDATE {}unique_keys SET key = 'x' || key", "which has another"),
        ("UPDATE {}jobs SET unique_key = (SELECT max(unique_key) FROM {}jobs) WHERE unique_key IS NOT NULL",
         "is shared by"),
        ("UPDATE {}unique_keys SET id = (SELECT id FROM {}finished)", "which has another"),
        (UNIQUE_ENDED, "which has ended"),
        ("UPDATE {}lines SET id = NULL WHERE queue = 'order'", "run, and None has the turn"),
        ("DELETE FROM {}lines WHERE queue = 'order'", "run, and None has the turn"),
        ("UPDATE {}lines SET id = (SELECT id FROM {}blocked WHERE queue = 'order')", "run, and .* has the turn"),
        ("UPDATE {}lines SET id = (SELECT id FROM {}finished) WHERE queue = 'limit'",
         "has the turn, and neither runs nor waits for its retry"),
        ("UPDATE {}lines SET slot = NULL WHERE queue = 'limit'", "nobody will look at that"),
        ("DELETE FROM {}notes", "nobody will look at that"),
        ("UPDATE {}slots SET used = 2", "says that 2 use it, and 1 do"),
        ("DELETE FROM {}slots", "says that 0 use it, and 1 do"),
        ("UPDATE {}limits SET override = '{\"most\": 0}'", "is used by 1, and 0 may"),
        ("UPDATE {}limits SET override = '{\"most\": 2}'", "nobody will call it"),
        ("UPDATE {}slots SET waiting = 0", "nobody will call it"),
    ],
)  # fmt: skip
def test_damage_is_noticed(backend: SqliteBackend, damage: str, said: str) -> None:
    backend.execute(damage)
    with pytest.raises(AssertionError, match=said):
        check(backend, quiet=True)
