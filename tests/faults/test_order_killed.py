"""Order and one at a time, while workers are killed again and again."""

from __future__ import annotations

import random
import signal
from collections import defaultdict
from pathlib import Path

import pytest

from holdfast import Holdfast
from tests.faults.test_killed_worker import url
from tests.faults.test_postgres_restart import alive
from tests.faults.workload import Fleet, eventually

__all__ = ["url"]

KEYS = 6
EACH = 40


def out_of_order(log: Path, killed: set[str], key_of: dict[int, str]) -> list[str]:
    """What the runs' own log shows against the rules: two of one key at once, one before its turn."""
    active: dict[str, tuple[int, str]] = {}
    last: dict[str, int] = defaultdict(lambda: -1)
    wrong: list[str] = []
    for line in log.read_text().splitlines():
        what, text, pid = line.split()
        number = int(text)
        key = key_of[number]
        if what == "begin":
            other = active.get(key)
            if other is not None and other[1] not in killed:
                wrong.append(f"{line}, while {other} went on")
            active[key] = (number, pid)
            if number < last[key]:
                wrong.append(f"{line}, after {last[key]}")
            last[key] = number
        elif active.get(key) == (number, pid):
            del active[key]
    return wrong


def test_the_judge_notices() -> None:
    log = Path("log")

    class Log(type(log)):  # type: ignore[misc]
        def read_text(self) -> str:  # type: ignore[override]
            return "begin 1 a\nbegin 2 b\nend 2 b\nbegin 1 c\n"

    assert len(out_of_order(Log("log"), set(), {1: "k", 2: "k"})) == 2
    assert len(out_of_order(Log("log"), {"a"}, {1: "k", 2: "k"})) == 1


@pytest.mark.slow
@pytest.mark.parity("S2.5", "F10")
def test_killed_workers_neither_overtake_nor_stall(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_TEST_LEASE", "1")
    log = tmp_path / "runs"
    dice = random.Random(7)
    app = Holdfast(url)
    app.migrate()
    app.queue("line", fifo=True)

    @app.task(name="slow_note", max_attempts=50, max_crashes=50)
    def slow_note(number: int) -> int: ...

    key_of: dict[int, str] = {}
    drafts = []
    for number in range(KEYS * EACH):
        key = key_of[number] = f"k{number % KEYS}"
        using = slow_note.using(queue="line") if key == "k0" else slow_note.using(ordering_key=key)
        drafts.append(using.new(number))
    app.enqueue_many(drafts)
    killed: set[str] = set()
    with Fleet(url, log) as fleet:
        for _ in range(3):
            fleet.start("--threads", "4")
        for share in (0.15, 0.35, 0.55, 0.75):
            eventually(
                lambda share=share: log.exists() and log.read_text().count("end") > share * KEYS * EACH,
                f"{share:.0%} of the jobs run",
            )
            victim = fleet.workers.pop(dice.randrange(len(fleet.workers)))
            victim.kill()
            victim.wait()
            killed.add(str(victim.pid))
            fleet.start("--threads", "4")
        eventually(lambda: not alive(app), "every job ends", 100)
        # The last one may still have been on its way up.
        assert set(fleet.stop()) <= {0, -signal.SIGTERM}
    assert {job.state.value for job in app.jobs.list(limit=KEYS * EACH)} == {"succeeded"}
    assert out_of_order(log, killed, key_of) == []
    app.close()
