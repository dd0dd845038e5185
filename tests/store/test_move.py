"""Moving all jobs from one database to another, on real servers and files."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast.core.errors import JobExists, MoveRefused, StoreError, StoreMoved
from holdfast.core.job import NewJob
from holdfast.core.outcomes import Retry, Snooze, Succeeded
from holdfast.core.states import JobState
from holdfast.store import text
from holdfast.store.move import pages
from holdfast.store.move.marks import hold_target
from holdfast.store.move.mover import Silent
from holdfast.store.move.place import open_source
from holdfast.store.move.tables import CLOSED, LEFT, OF_JOBS, WHOLE
from holdfast.store.records import LimitRow
from holdfast.store.verbs import jobs, limits, retention, workers
from holdfast.store.verbs.insert import insert
from tests.conformance import invariant
from tests.conformance.scene import HOUR, QUEUE, Scene, new_ids
from tests.servers.shared import Servers, versions
from tests.store.moving import DIRECTIONS, NEWEST, Road, Side, Stop, furnish, road
from tests.store.test_doctor_queue import age

pytestmark = pytest.mark.skipif(not versions(), reason="no PostgreSQL here")

WAYS = [*((direction, NEWEST) for direction in DIRECTIONS)]
WAYS += [(direction, version) for version in versions()[1:] for direction in DIRECTIONS[:2]]


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]}{way[1]}")
def way(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Iterator[Road]:
    """Every direction, and the main ones with each version of the server."""
    with road(request.param[0], tmp_path, servers, request.param[1]) as found:
        yield found


@pytest.fixture(params=DIRECTIONS[:2])
def main_way(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Iterator[Road]:
    with road(request.param, tmp_path, servers) as found:
        yield found


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages.sizes, "__defaults__", (7,))


# --- all arrives ---


@pytest.mark.usefixtures("small_pages")
def test_everything_arrives_as_it_was(way: Road) -> None:
    with way.source.scene() as scene:
        furnish(scene)
        before, order = way.source.everything(), way.source.order()
    moved = way.move()
    assert way.target.everything() == before
    assert way.target.order() == order
    assert way.source.everything() == before, "the source is left as it was"
    assert (moved.jobs, moved.copied, moved.stray) == (len(before["jobs"]), len(before["jobs"]), {})
    assert {t.table: t.rows for t in moved.tables} == {table: len(rows) for table, rows in before.items()}
    assert all(t.source == t.target for t in moved.tables)
    assert len({t.source for t in moved.tables if t.rows}) == len([t for t in moved.tables if t.rows])
    invariant.check(way.target.backend, quiet=True)


def test_there_and_back_is_the_same(tmp_path: Path, servers: Servers) -> None:
    with road("sqlite-postgres", tmp_path, servers) as there:
        with there.source.scene() as scene:
            furnish(scene)
            before = there.source.everything()
        checksums = [t.source for t in there.move().tables]
        back = Road(there.target, Side(f"sqlite:///{tmp_path}/back.db"))
        assert [t.target for t in back.move().tables] == checksums
        assert back.target.everything() == before


def test_moved_jobs_go_on_where_they_were(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        worker = scene.worker()
        (job,) = scene.run(worker=worker)
        scene.settle(worker, [scene.decide(job, Retry(cause=OSError("first")))], [job.lease])
        waiting = scene.enqueue(5)
        scene.store.write(workers.unregister, worker)
    main_way.move()
    with main_way.target.scene() as scene:
        worker = scene.worker()
        claimed = scene.claim(worker)
        assert [c.job_id for c in claimed] == waiting, "in the order in which they were enqueued"
        assert (scene.get(job.job_id).run, scene.get(job.job_id).attempt) == (1, 1)
        assert [error.message for error in scene.errors(job.job_id)] == ["first"]
        scene.finish(worker, claimed)
        scene.check(quiet=True)


def test_turns_that_are_held_and_what_rates_have_spaced_out_arrive(main_way: Road) -> None:
    """Nobody overtakes a job that waits for its retry, and no more run than before the move."""
    rate, limit = "task:mail.send/rate", "queue:mail"
    with main_way.source.scene() as scene:
        rules = [LimitRow(rate, '{"count": 1, "per": 3600000000}'), LimitRow(limit, '{"most": 1}')]
        scene.store.write(limits.set_limits, rules)
        worker = scene.worker()
        first, second = scene.enqueue(2, ordering_key="a")
        held = scene.enqueue(2, ordering_key="b", limits=(rate,))
        side = scene.enqueue(3, limits=(limit,))
        claimed = scene.claim_lined(worker)
        assert {job.job_id for job in claimed} == {first, held[0], side[0]}
        outcomes = [Snooze(timedelta(hours=1)) if job.job_id == first else Succeeded() for job in claimed]
        ends = [scene.decide(job, outcome) for job, outcome in zip(claimed, outcomes, strict=True)]
        scene.settle(worker, ends, [claimed[0].lease])
        scene.store.write(workers.unregister, worker)
    main_way.move()
    with main_way.target.scene() as scene:
        scene.check(quiet=True)
        worker = scene.worker()
        (job,) = scene.claim_lined(worker)
        assert job.job_id == side[1], "the turn is held, the rate has no room, the limit has room for one"
        scene.finish(worker, [job])
        assert [job.job_id for job in scene.claim_lined(worker)] == [side[2]]
        age(scene, "blocked", "first_due", 1, first)
        age(scene, "lines", "due", 1, first)
        assert [job.job_id for job in scene.claim_lined(worker)] == [first]
        scene.check()
        assert scene.get(second).state is JobState.BLOCKED
        (slot,) = main_way.target.rows("slots")
        assert slot == main_way.source.rows("slots")[0]


def test_lines_that_both_sides_have_go_on(main_way: Road) -> None:
    """Each with jobs of its own, one of them held back until later."""
    ids: list[str] = []
    for side, due in ((main_way.source, HOUR), (main_way.target, 0)):
        with side.scene() as scene:
            worker = scene.worker()
            ids += scene.enqueue(1, ordering_key="a", run_at=scene.store.now() + due)
            ids += scene.enqueue(1, limits=("queue:mail",), run_at=scene.store.now() + due)
            # Known, and nothing to do but to wait.
            assert scene.claim_lined(worker, limit=0 if not due else 10) == []
            scene.store.write(workers.unregister, worker)
    main_way.move()
    with main_way.target.scene() as scene:
        worker = scene.worker()
        assert {job.job_id for job in scene.claim_lined(worker)} == set(ids[2:])
        scene.check()


def test_a_move_that_is_given_up_leaves_no_turn_behind(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        worker = scene.worker()
        scene.enqueue(2, ordering_key="a")
        (job,) = scene.claim_lined(worker)
        scene.settle(worker, [scene.decide(job, Snooze(timedelta(hours=1)))], [job.lease])
        scene.store.write(workers.unregister, worker)
    with main_way.target.scene() as scene:
        (own,) = scene.enqueue(1, ordering_key="a")
    main_way.half_way()
    assert main_way.undo() == 2
    with main_way.target.scene() as scene:
        worker = scene.worker()
        assert [job.job_id for job in scene.claim_lined(worker)] == [own]
        scene.check()
    with main_way.source.scene() as scene:
        assert scene.claim_lined(scene.worker()) == [], "the source holds it still"
        scene.check()


def test_an_empty_database_is_moved(main_way: Road) -> None:
    with main_way.source.scene():
        pass
    assert main_way.move().jobs == 0
    with main_way.source.scene() as scene, pytest.raises(StoreMoved):
        scene.enqueue()


def test_the_target_keeps_what_it_had(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        furnish(scene)
    with main_way.target.scene() as scene:
        furnish(scene)
        had = main_way.target.rows("jobs")
    moved = main_way.move()
    assert set(main_way.target.rows("jobs")) == {*had, *main_way.source.rows("jobs")}
    assert all(t.source == t.target for t in moved.tables)


def test_pages_fit_into_memory() -> None:
    assert list(pages.cut([("a", 5), ("b", 5), ("c", 11), ("d", 1)], most=10)) == [["a", "b"], ["c"], ["d"]]
    assert list(pages.cut([])) == []


def test_large_jobs_arrive(main_way: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    lots: list[int] = []
    whole = pages.read_page
    monkeypatch.setattr(pages, "read_page", lambda ids: lots.append(len(ids)) or whole(ids))
    long = "x" * 1_000_000
    with main_way.source.scene() as scene:
        scene.enqueue(20, args=f'{{"text": "{long}"}}')
    assert main_way.move().copied == 20
    assert max(lots) <= 8


# --- what holds it back ---


def test_a_living_worker_of_the_source_holds_it_back(main_way: Road) -> None:
    _with_living_worker(main_way, main_way.source)


def test_a_living_worker_of_the_target_holds_it_back(main_way: Road) -> None:
    _with_living_worker(main_way, main_way.target)


def _with_living_worker(way: Road, side: Side) -> None:
    with way.source.scene() as scene:
        scene.enqueue(3)
    with side.scene() as scene:
        worker = scene.worker()
        stop = threading.Event()
        beating = threading.Thread(target=_beat, args=(scene, worker, stop))
        beating.start()
        try:
            with pytest.raises(MoveRefused, match=f"worker {worker} .*is alive"):
                way.move(lease=20)
        finally:
            stop.set()
            beating.join()
    with way.source.scene() as scene:
        scene.enqueue(), "nothing was closed"
    assert way.move().jobs == 4, "now it is dead"


def _beat(scene: Scene, worker: str, stop: threading.Event) -> None:
    while not stop.wait(0.05):
        scene.store.write(workers.beat, worker, [], None)


def test_a_proven_death_needs_no_wait(tmp_path: Path) -> None:
    way = Road(Side(f"sqlite:///{tmp_path}/a.db"), Side(f"sqlite:///{tmp_path}/b.db"))
    with way.source.scene() as scene:
        worker = scene.worker()
        (tmp_path / f"a.db-worker-{worker}").touch()
    way.move(lease=1000)
    assert not (tmp_path / f"a.db-worker-{worker}").exists()


def test_a_proven_life_needs_no_wait(tmp_path: Path) -> None:
    """A worker that is stopped for a while doesn't beat, and lives."""
    way = Road(Side(f"sqlite:///{tmp_path}/a.db"), Side(f"sqlite:///{tmp_path}/b.db"))
    with way.source.scene() as scene:
        worker = scene.worker()
        with scene.store.proof_of_life(worker), pytest.raises(MoveRefused, match="is alive"):
            way.move(lease=0.1)
    way.move(lease=0.1)


def test_a_target_held_by_a_process_that_died(main_way: Road) -> None:
    """It died before it had closed the source: the next one takes over, or undoes that."""
    with main_way.source.scene() as scene:
        twice = scene.enqueue(3)[1]
        name = main_way.name
    with main_way.target.scene() as scene:
        scene.store.write(hold_target, new_ids().next(), name, ())
        with pytest.raises(StoreMoved):
            scene.worker()
    assert main_way.undo() == 0
    with main_way.target.scene() as scene:
        scene.store.write(workers.unregister, scene.worker())
        scene.store.write(insert, [NewJob(job_id=twice, task="t", queue="q", args="{}")])
        scene.store.write(hold_target, new_ids().next(), name, ())
    with pytest.raises(MoveRefused, match=f"has job {twice} already"):
        main_way.move()
    with main_way.target.scene() as scene:
        assert scene.store.write(jobs.delete, twice)
        scene.store.write(hold_target, new_ids().next(), name, ())
    assert main_way.move().jobs == 3


def test_what_dead_workers_held_is_given_back_uncharged(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        worker = scene.worker()
        done, *held = scene.run(4, worker=worker)
        scene.settle(worker, [scene.decide(done, Retry())])
        scene.enqueue(2)
    moved = main_way.move()
    assert moved.given_back == 3
    with main_way.target.scene() as scene:
        for job in held:
            record = scene.get(job.job_id)
            assert (record.state, record.attempt, record.crashes, record.run) == (JobState.PENDING, 0, 0, 1)
            assert scene.errors(job.job_id) == []
        scene.check(quiet=True)


def test_both_sides_the_same(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        furnish(scene)
    with pytest.raises(MoveRefused, match="are the same database"):
        Road(main_way.source, main_way.source).move()
    with main_way.source.scene() as scene:
        worker = scene.worker()
        assert scene.claim(worker), "it is open again"


def test_the_same_file_by_another_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    way = Road(Side(f"sqlite:///{tmp_path}/a.db"), Side(f"sqlite:///{tmp_path}/link/a.db"))
    with way.source.scene() as scene:
        scene.enqueue(2)
    with pytest.raises(MoveRefused, match="are the same database"):
        way.move()


def test_a_target_that_has_the_same_job(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        twice = scene.enqueue(3)[1]
    with main_way.target.scene() as scene:
        scene.store.write(insert, [NewJob(job_id=twice, task="t", queue="q", args="{}")])
    with pytest.raises(MoveRefused, match=f"has job {twice} already"):
        main_way.move()
    for side in (main_way.source, main_way.target):
        with side.scene() as scene:
            scene.enqueue(), "open as before"
            scene.worker()


def test_no_source_is_made_by_a_slip(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        open_source(f"sqlite:///{tmp_path}/nothing.db", "holdfast")
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_the_target_cannot_keep_is_named(tmp_path: Path, servers: Servers) -> None:
    with road("sqlite-postgres", tmp_path, servers) as way:
        with way.source.scene() as scene:
            bad = scene.enqueue(50)[31]
            scene.backend.execute("UPDATE {}jobs SET task = 'nul' || char(0) || '!' WHERE id = ?", bad)
        with pytest.raises(MoveRefused, match=f"job {bad} can't be kept"):
            way.move()
        assert way.undo() == 50
        with way.source.scene() as scene:
            assert scene.store.write(jobs.delete, bad)
        assert way.move().jobs == 49


# --- closed and held ---


@pytest.mark.usefixtures("small_pages")
def test_a_closed_source_and_a_held_target(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        ended, waiting, *_ = scene.enqueue(21)
        scene.store.write(jobs.cancel, ended, scene.store.now(), scene.store.now() - 1)
    main_way.half_way()
    for side in (main_way.source, main_way.target):
        with side.scene() as scene:
            _refuses_workers_and_changes(scene, waiting, ended)
    with main_way.source.scene() as scene, pytest.raises(StoreMoved, match="have been moved"):
        scene.enqueue()
    with main_way.target.scene() as scene:
        fresh = scene.enqueue(3)
    moved = main_way.move()
    assert moved.jobs == 21
    assert 0 < moved.copied < 21, "it went on where it was"
    with main_way.source.scene() as scene:
        _refuses_workers_and_changes(scene, waiting, ended)
    with main_way.target.scene() as scene:
        assert scene.store.write(jobs.cancel, waiting, scene.store.now(), None)
        assert scene.store.write(retention.clean)[0] == 1
        worker = scene.worker()
        assert {*fresh} < {job.job_id for job in scene.claim(worker)}


def _refuses_workers_and_changes(scene: Scene, waiting: str, ended: str) -> None:
    now = scene.store.now()
    before = scene.backend.tables()
    with pytest.raises(StoreMoved, match="move"):
        scene.worker()
    with pytest.raises(StoreMoved, match="move"):
        scene.store.write(jobs.cancel, waiting, now, None)
    with pytest.raises(StoreMoved, match="move"):
        scene.store.write(jobs.delete, waiting)
    with pytest.raises(StoreMoved, match="move"):
        scene.store.write(jobs.retry, ended)
    with pytest.raises(StoreMoved, match="move"):
        scene.store.write(retention.clean)
    with pytest.raises(StoreMoved, match="move"):
        scene.claim(new_ids().next(), (QUEUE, 0))
    assert scene.backend.tables() == before


def test_the_callers_own_transaction_is_refused_too(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        scene.enqueue()
    main_way.move()
    own: Any
    with main_way.source.scene() as scene:
        if scene.store.dialect == "sqlite":
            own = sqlite3.connect(main_way.source.url.removeprefix("sqlite:///"))
        else:
            own = psycopg.connect(main_way.source.url)
        with closing(own), pytest.raises(StoreMoved, match="have been moved"):
            scene.store.within(own, insert, scene.new())


def test_a_second_time_changes_nothing(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        furnish(scene)
    first = main_way.move()
    with main_way.target.scene() as scene:
        worker = scene.worker()
        scene.finish(worker, scene.claim(worker))
        after = main_way.target.everything()
    again = main_way.move()
    assert (again.id, again.copied, again.tables) == (first.id, 0, [])
    assert main_way.target.everything() == after, "no job comes back to life"
    elsewhere = Road(main_way.source, Side(main_way.source.url.replace("from.db", "third.db"), "third"))
    with pytest.raises(MoveRefused, match=r"were moved to .*, not to"):
        elsewhere.move()
    with pytest.raises(MoveRefused, match="is under way"):
        main_way.undo()


def test_a_source_that_was_left_is_no_target(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        scene.enqueue(3)
    main_way.move()
    back = Road(main_way.target, main_way.source)
    with pytest.raises(MoveRefused, match="were themselves moved"):
        back.move()
    with main_way.target.scene() as scene:
        scene.enqueue(), "still open"


@pytest.mark.usefixtures("small_pages")
def test_another_target_in_the_middle(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        furnish(scene)
    main_way.half_way()
    elsewhere = Road(main_way.source, Side(main_way.source.url.replace("from.db", "third.db"), "third"))
    with pytest.raises(MoveRefused, match="are on their way to"):
        elsewhere.move()
    third = Road(elsewhere.target, main_way.target)
    with pytest.raises(MoveRefused, match="has not ended"):
        third.move()
    with pytest.raises(MoveRefused, match="has not ended"):
        Road(main_way.target, elsewhere.target).move()
    assert main_way.move().copied > 0


@pytest.mark.usefixtures("small_pages")
def test_undone_in_the_middle(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        furnish(scene)
        before = main_way.source.everything()
    main_way.half_way()
    with main_way.target.scene() as scene:
        fresh = scene.enqueue(3)
    assert main_way.undo() == len(before["jobs"])
    assert main_way.source.everything() == before
    tables = main_way.target.backend.tables()
    assert (sorted(tables.jobs), sorted(tables.pending), tables.finished) == (fresh, fresh, [])
    assert not any(tables.kept.values())
    for side in (main_way.source, main_way.target):
        with side.scene() as scene:
            scene.enqueue()
            assert scene.claim(scene.worker())
    with pytest.raises(MoveRefused, match="is under way"):
        main_way.undo()


@pytest.mark.usefixtures("small_pages")
def test_a_difference_is_found(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        furnish(scene)
        before = main_way.source.everything()

    class Meddler(Silent):
        changed = ""

        def progress(self, what: str, done: int, total: int) -> None:
            if what == "Comparing" and not self.changed:
                backend = main_way.target.backend
                ((job,),) = backend.execute("SELECT id FROM {}pending ORDER BY id DESC LIMIT 1")
                backend.execute("UPDATE {}pending SET attempt = 7 WHERE id = ?", job)
                self.changed = str(job)

    meddler = Meddler()
    with pytest.raises(MoveRefused, match="differ in pending of ") as refused:
        main_way.move(meddler)
    assert meddler.changed in str(refused.value)
    with pytest.raises(MoveRefused, match="differ"):
        main_way.move()
    with main_way.target.scene() as scene, pytest.raises(StoreMoved):
        scene.worker()
    main_way.undo()
    assert main_way.source.everything() == before
    assert all(t.source == t.target for t in main_way.move().tables)


@pytest.mark.usefixtures("small_pages")
def test_nothing_enqueued_meanwhile_is_lost(main_way: Road) -> None:
    """An application enqueues into the source until it is refused: what was acknowledged is in the target."""
    acknowledged: list[str] = []
    refused: list[StoreError] = []
    with main_way.source.scene() as scene:
        acknowledged += scene.enqueue(100)

        def enqueue() -> None:
            with suppress(StoreMoved):
                while not refused:
                    acknowledged.extend(scene.enqueue(3))
                return
            refused.append(StoreMoved("seen"))

        application = threading.Thread(target=enqueue)
        application.start()
        moved = main_way.move()
        application.join(timeout=20)
        assert refused
    tables = main_way.target.backend.tables()
    assert sorted(acknowledged) == sorted(tables.jobs) == sorted(tables.pending)
    assert moved.jobs == len(acknowledged) > 100


def test_strays_are_told_and_left(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        scene.enqueue(3)
        stray = new_ids().next()
        at = "0" if scene.store.dialect == "sqlite" else "now()"
        scene.backend.execute(f"INSERT INTO {{}}job_progress VALUES (?, 1, 5, NULL, {at})", stray)
    moved = main_way.move()
    assert moved.stray == {"job_progress": 1}
    assert main_way.target.rows("job_progress") == []


# --- nothing is forgotten ---


def test_every_table_is_moved_or_left_on_purpose(way: Road) -> None:
    with way.target.scene() as scene:
        backend = scene.backend
        if backend.dialect == "sqlite":
            query = (
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'holdfast!_%' ESCAPE '!'"
            )
            rows = backend.execute(query)
            names = {row[0].removeprefix("holdfast_") for row in rows}
        else:
            rows = backend.execute("SELECT tablename FROM pg_tables WHERE schemaname = ?", way.target.schema)
            names = {row[0] for row in rows}
        moved = {table.name: table for table in (*OF_JOBS, *WHOLE)}
        left = LEFT - {"audience"} if backend.dialect == "sqlite" else LEFT
        assert names == {*moved, *left}
        for name, table in moved.items():
            known = _columns(way.target, name)
            assert set(table.columns) == known - table.left, name
    assert {*CLOSED} <= names


def _columns(side: Side, table: str) -> set[str]:
    if side.backend.dialect == "sqlite":
        return {row[1] for row in side.backend.execute(f"PRAGMA table_info(holdfast_{table})")}
    rows = side.backend.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ?",
        side.schema, table,
    )  # fmt: skip
    return {row[0] for row in rows}


def test_both_dialects_have_the_same_statements() -> None:
    sql = Path(text.__file__).parent / "sql"
    found = {
        dialect: {str(path.relative_to(sql / dialect)) for path in (sql / dialect / "move").rglob("*.sql")}
        for dialect in ("sqlite", "postgres")
    }
    assert found["sqlite"] == found["postgres"]
    for path in found["sqlite"]:
        name = path.removesuffix(".sql")
        one, other = text.load("sqlite", name), text.load("postgres", name)
        if one.sql and other.sql:
            assert {*one.parameters} == {*other.parameters}, path


def test_ids_clash_nowhere_else(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        kept = scene.enqueue(2)
    main_way.move()
    with main_way.target.scene() as scene, pytest.raises(JobExists):
        scene.store.write(insert, [NewJob(job_id=kept[0], task="t", queue="q", args="{}")])


def test_stopping_while_comparing(main_way: Road) -> None:
    with main_way.source.scene() as scene:
        furnish(scene)
    with pytest.raises(Stop.Ended):
        main_way.move(Stop("Comparing"))
    assert main_way.move().copied == 0
