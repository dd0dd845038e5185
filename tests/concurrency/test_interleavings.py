"""All verbs at once on a few jobs, at random: no error, and every job in exactly one place at every moment."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.core import outcomes as o
from holdfast.core.job import Claimed, Settlement
from holdfast.store.base import Channel
from holdfast.store.statement import Many, Statement, Verb
from holdfast.store.verbs import claim_lined, jobs, leases, lines, rescue, settle, slots, workers
from holdfast.store.verbs import insert_unique as insert_unique_verb
from holdfast.store.verbs.insert_unique import insert_unique
from holdfast.store.verbs.unique import TAKEN, Wanted
from tests.concurrency.actors import Crew, declare, mix, some_job
from tests.concurrency.processes import SPAWN, processes
from tests.conformance.backends import Backend, SqliteBackend
from tests.conformance.invariant import misplaced
from tests.conformance.scene import Scene, new_ids, until

pytestmark = pytest.mark.slow


def watch(backend: Backend, until_done: Callable[[], bool]) -> list[str]:
    """Judge one snapshot after the other; returns what was wrong with the first bad one."""
    while not until_done():
        wrong = misplaced(backend.tables())
        if wrong:
            return wrong
        time.sleep(0.03)
    return []


def interleave(
    backend: Backend, seed: int, number: int, seconds: float
) -> tuple[list[str], list[str], Counter[str]]:
    """Let a crew loose in threads of this process; what was out of place, what failed, what was done."""
    failures: list[str] = []
    stop = threading.Event()
    with closing(backend.open()) as store:
        ids = new_ids().take(number)
        declare(store)
        store.write(insert_unique, [some_job(job_id) for job_id in ids])
        crew = Crew(store, backend, random.Random(seed), ids, lambda: stop.is_set() or bool(failures))

        def guarded(actor: Callable[[Channel], None]) -> None:
            with closing(store.channel("crew")) as channel:
                try:
                    actor(channel)
                except BaseException as error:
                    failures.append(f"{actor.__name__}: {error!r}")

        threads = [threading.Thread(target=guarded, args=(actor,)) for actor in crew.actors()]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds

        def enough() -> bool:
            """Everything has happened at least once, which takes longer on a busy machine."""
            left = end - time.monotonic()
            return (
                bool(failures)
                or left < -20
                or (
                    left < 0
                    and all(crew.done[what] for what in EVERYTHING if number >= 40 or what not in OF_MANY)
                )
            )

        wrong = watch(backend, enough)
        stop.set()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads), "a verb hangs"
    return wrong or misplaced(backend.tables()), failures, crew.done


EVERYTHING = (
    "claimed", "settled", "sent again", "rescued", "retried", "cancelled", "requested", "deleted", "cleaned",
    "claimed from lines", "lines forgotten", "met another", "key taken", "changed", "too late",
)  # fmt: skip


OF_MANY = ("met another", "key taken", "changed", "requested", "claimed from lines")
"""Of a few jobs no two may have the same unique key, all be unique (and so not to be changed), or none in a line."""


def wind_up(backend: Backend) -> None:
    """Bury all workers and run what is left: nothing may be stuck anywhere."""
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        now = store.now()

        def at_once(job: Claimed, _: str) -> Settlement:
            return scene.due(scene.decide(job, o.Interrupted(), now=now))

        while scene.rescue_by(at_once, *[worker for worker, _ in store.read(workers.beats)]) or beaten(
            scene, at_once
        ):
            pass
        scene.check(quiet=True)
        worker = scene.worker()
        until(lambda: finished_all(scene, worker), what="the end of all jobs")
        scene.check(quiet=True)
        assert scene.leases() == {}


def beaten(scene: Scene, decide: Callable[[Claimed, str], Settlement]) -> bool:
    """Those that have beaten are dead by now as well."""
    alive = scene.store.read(workers.beats)
    scene.store.write(rescue.rescue, alive, decide)
    return bool(alive)


def finished_all(scene: Scene, worker: str) -> bool:
    claimed = scene.claim_any(worker)
    if claimed:
        scene.finish(worker, claimed)
    tables = scene.backend.tables()
    return sorted(tables.finished) == sorted(tables.jobs)


@pytest.mark.parametrize(("seed", "number"), [(1, 4), (2, 40)])
def test_threads(backend: Backend, seed: int, number: int) -> None:
    wrong, failures, done = interleave(backend, seed, number, 2.5)
    assert (wrong, failures) == ([], [])
    print(f"{backend.dialect}, {number} jobs: {dict(done)}")
    for what in EVERYTHING:
        assert done[what] or (what in OF_MANY and number < 40), f"nothing was {what}: {dict(done)}"
    wind_up(backend)


def test_processes(backend: Backend) -> None:
    ids = new_ids().take(12)
    with closing(backend.open()) as store:
        declare(store)
        store.write(insert_unique, [some_job(job_id) for job_id in ids])
    begin, stop, answer = SPAWN.Event(), SPAWN.Event(), SPAWN.Queue()
    with processes() as running:
        for seed in (1, 2, 3):
            running.start(mix, backend, seed, ids, begin, stop, answer)
        begin.set()
        until(lambda: backend.tables().leases or backend.tables().finished, 60, "the first claim")
        end = time.monotonic() + 4
        wrong = watch(backend, lambda: time.monotonic() > end)
        stop.set()
        answers = [answer.get(timeout=30) for _ in range(3)]
        running.join()
    assert (wrong, [failure for failures, _ in answers for failure in failures]) == ([], [])
    done = sum((Counter(one) for _, one in answers), Counter())
    print(f"{backend.dialect}, 3 processes: {dict(done)}")
    assert done["claimed"] > 20
    wind_up(backend)


# --- the judge must notice what it is there to notice ---


def settle_unfenced(
    worker: str, settlements: list[Settlement], over: list[str] = ()
) -> Verb[list[Settlement]]:  # type: ignore[assignment]
    """What `settle` would be without looking at the lease."""
    yield from settle.apply(
        worker, [s for s in settlements if s.state.terminal], [s for s in settlements if not s.state.terminal]
    )
    if over:
        yield Statement("delete_leases", {"leases": list(over)})
    return []


def delete_without_a_look(job_id: str) -> Verb[bool]:
    """What `delete` would be if it deleted whatever it finds."""
    yield Statement("take_pending", {"id": job_id})
    yield Statement("delete_jobs", {"ids": [job_id]})
    return True


def give_back_twice(worker: str, lease: str, decide: Callable[[Claimed], Settlement]) -> Verb[int]:
    """What giving back would be if it forgot to delete the lease."""
    owned = yield from leases.owned_jobs([lease])
    yield from settle.apply(worker, [], [decide(job) for job, _ in owned])
    return len(owned)


def release_nothing(
    worker: str, settlements: list[Settlement], over: list[str] = ()
) -> Verb[list[Settlement]]:  # type: ignore[assignment]
    """The real `settle`, but jobs that go back stay with their lease."""
    verb = settle_as_it_is(worker, settlements, over)
    answer = None
    while True:
        try:
            step = verb.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        answer = [(0,)] if isinstance(step, Many) and step.name == "release" else (yield step)


settle_as_it_is = settle.settle


def keep_the_turn(settlements: object) -> Verb[None]:
    """What leaving would be if it forgot the turn and the slots of a job that has ended."""
    yield from ()


def forget_the_slots(used: object) -> Verb[None]:
    """What leaving would be if it forgot the slots."""
    yield from ()


def boundless(rule: object, slot: object, now: int) -> int:
    """What a limit would be that nobody keeps."""
    return 100


def keep_the_key(ends: object) -> Verb[None]:
    """What an end would be if it forgot the unique key of its job."""
    yield from ()


def take_without_a_look(wanted: Iterable[Wanted]) -> Verb[dict[str, str]]:
    """What taking keys would be if it believed that it has got them all."""
    rows = list(wanted)
    yield Many("take_keys", TAKEN, rows)
    return {one.key: one.job_id for one in rows}


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        pytest.param(settle, "settle", settle_unfenced, id="settle without its fence"),
        pytest.param(settle, "settle", release_nothing, id="settle without its release"),
        pytest.param(jobs, "delete", delete_without_a_look, id="delete without a look"),
        pytest.param(lines, "leave", keep_the_turn, id="turns never handed over"),
        pytest.param(slots, "give_back", forget_the_slots, id="slots never given back"),
        pytest.param(claim_lined, "room", boundless, id="limits that nobody keeps"),
        pytest.param(lines.Line, "running", property(lambda line: False), id="turns taken without a look"),
        pytest.param(settle, "release_ended", keep_the_key, id="unique keys never given up"),
        pytest.param(insert_unique_verb, "take", take_without_a_look, id="unique keys taken without a look"),
        pytest.param(leases, "give_back_lease", give_back_twice, id="give back without deleting"),
    ],
)
def test_a_verb_that_breaks_a_rule_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, name: str, broken: object
) -> None:
    monkeypatch.setattr(module, name, broken)
    wrong, failures, _ = interleave(SqliteBackend(str(tmp_path / "jobs.db")), 1, 24, 60.0)
    assert wrong or failures
