"""A move that is killed again and again, and goes on each time."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conformance import invariant
from tests.servers.shared import Servers, versions
from tests.store.moving import DIRECTIONS, Road, furnish, road

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not versions(), reason="no PostgreSQL here")]

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("direction", DIRECTIONS[:2])
def test_killed_after_each_commit(direction: str, tmp_path: Path, servers: Servers) -> None:
    with road(direction, tmp_path, servers) as way:
        with way.source.scene() as scene:
            furnish(scene)
            scene.run(5, queue="dead")  # a dead worker's
        kills, commits, before = 0, 1, _state(way)
        # One more commit is granted only where a process came to nothing with fewer.
        while _move_and_die(way, commits):
            kills += 1
            invariant.check(way.source.backend, quiet=False)
            after = _state(way)
            commits += after == before
            before = after
        assert kills >= 6, "at least: held, given back, closed, two pages, ended"
        assert way.target.everything() == way.source.everything()
        invariant.check(way.target.backend, quiet=True)
        with way.target.scene() as scene:
            assert scene.claim(scene.worker(), ("dead", 0)), "workers may start"


def _move_and_die(way: Road, commits: int) -> bool:
    command = [sys.executable, "-m", "tests.store.killed_move", str(commits), way.source.url, way.target.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def _state(way: Road) -> list[object]:
    sides = [way.source.backend]
    if way.target.url.startswith("postgresql") or Path(way.target.url.removeprefix("sqlite:///")).exists():
        sides.append(way.target.backend)
    found: list[object] = []
    for backend in sides:
        try:
            found.append((backend.tables(), backend.execute("SELECT role, state FROM {}moves")))
        except Exception:  # no tables yet
            found.append(None)
    return found


@pytest.mark.parametrize("direction", DIRECTIONS[:2])
def test_killed_at_any_moment(direction: str, tmp_path: Path, servers: Servers) -> None:
    """5,000 jobs, moved by the real command."""
    rnd = random.Random(direction)
    with road(direction, tmp_path, servers) as way:
        with way.source.scene() as scene:
            furnish(scene, 120)
            for _ in range(20):
                scene.enqueue(244, args='{"n": 1}')
        order = way.source.order()
        for _ in range(3):
            with subprocess.Popen(_command(way), cwd=ROOT, stderr=subprocess.PIPE) as process:
                time.sleep(rnd.uniform(0.2, 1.0))
                process.kill()
        done = subprocess.run(_command(way), cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert way.target.everything() == way.source.everything()
        assert way.target.order() == order


def _command(way: Road) -> list[str]:
    return [sys.executable, "-m", "holdfast", "move", way.source.url, way.target.url]
