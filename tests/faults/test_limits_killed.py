"""Limits, rates and order, while workers are killed, stopped for so long that they count as dead, and restarted."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from holdfast import Holdfast
from holdfast.store.verbs.workers import list_workers
from tests.conformance import invariant
from tests.conformance.backends import Backend, PostgresBackend, SqliteBackend
from tests.faults import limited
from tests.faults.history import History, look_up, read
from tests.faults.test_killed_worker import url
from tests.faults.test_postgres_restart import alive
from tests.faults.workload import Fleet, eventually

__all__ = ["url"]

JOBS = {"in_queue": 150, "of_task": 150, "by_one": 150, "by_three": 240, "in_order": 120, "paced": 200}
LEASE = 1.0
SEEDS = [int(seed) for seed in os.environ.get("HOLDFAST_TEST_SEEDS", "1").split(",")]


class Fate:
    """What befalls the workers, and when that was."""

    def __init__(self, fleet: Fleet, dice: random.Random) -> None:
        self.killed: dict[int, int] = {}
        self.stopped: dict[int, int] = {}
        self._fleet = fleet
        self._dice = dice

    def start(self) -> None:
        self._fleet.start("--threads", "8")

    def kill(self) -> None:
        victim = self._choose()
        self._fleet.workers.remove(victim)
        victim.kill()
        victim.wait()
        self.killed[victim.pid] = time.monotonic_ns()
        self.start()

    def stop(self, until: Callable[[], object]) -> None:
        """For so long that its jobs are taken from it; not for ever, since it may have been within a transaction."""
        victim = self._choose()
        self.stopped.setdefault(victim.pid, time.monotonic_ns())
        victim.send_signal(signal.SIGSTOP)
        end = time.monotonic() + 4 * LEASE
        while time.monotonic() < end and not until():
            time.sleep(0.05)
        victim.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        victim = self._choose()
        victim.terminate()
        # It may still have been on its way up.
        assert victim.wait(60) in (0, -signal.SIGTERM)
        self._fleet.workers.remove(victim)
        self.start()

    def _choose(self) -> subprocess.Popen[bytes]:
        return self._dice.choice(self._fleet.workers)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_limits_hold_whatever_befalls_workers(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setenv("HOLDFAST_TEST_LEASE", str(LEASE))
    log = tmp_path / "runs"
    dice = random.Random(seed)
    app = limited.make(url)
    app.migrate()
    drafts = [limited.new(app, name, n) for name, number in JOBS.items() for n in range(number)]
    number = len(app.enqueue_many(drafts))
    events = ["kill", "kill", "kill", "stop", "stop", "restart"]
    dice.shuffle(events)
    with Fleet(url, log, app="tests.faults.limited:app") as fleet:
        fate = Fate(fleet, dice)
        for _ in range(3):
            fate.start()
        for count, event in enumerate(events, 1):
            goal = count * 0.85 * number / len(events)
            eventually(lambda goal=goal: ended(log) > goal, f"{goal:.0f} of the jobs run")
            if event == "stop":
                fate.stop(partial(one_is_missing, app, workers(app)))
            else:
                getattr(fate, event)()
        eventually(lambda: not alive(app), "every job ends", 100)
        # No slot has leaked: each key and limit has room for one more.
        more = [limited.new(app, name, 1000 + n) for name in JOBS for n in range(limited.KEYS)]
        number += len(app.enqueue_many(more))
        eventually(lambda: not alive(app), "every job that came later ends")
        assert set(fleet.stop()) <= {0, -signal.SIGTERM}
    assert Counter(job.state.value for job in app.jobs.list(limit=number + 1)) == {"succeeded": number}
    history = History(read(log), look_up(app, number, fate.killed, fate.stopped))
    assert limited.wrong(history) == []
    assert {key: history.most(key) for key in ("queue", "task")} == {"queue": 5, "task": 3}, (
        "they were used up"
    )
    where = backend(url)
    assert {name: slot.used for name, (slot,) in where.tables().slots.items() if slot.used} == {}
    invariant.check(where, quiet=True)
    app.close()
    print(
        f"{len(history.spans)} runs of {number} jobs, {len(history.known.lost)} taken back, "
        f"{len(history.zombies)} zombies; {' '.join(events)}"
    )


def workers(app: Holdfast) -> set[str]:
    return {worker.id for worker in app.client.store.read(list_workers)}


def one_is_missing(app: Holdfast, before: set[str]) -> bool:
    return not before <= workers(app)


def ended(log: Path) -> int:
    return log.read_text().count("end ") if log.exists() else 0


def backend(url: str) -> Backend:
    path = url.removeprefix("sqlite:///")
    return PostgresBackend(url) if path == url else SqliteBackend(path)
