"""The programs in `examples/` run as they are, and say what they are to say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.shared import Servers, versions

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

SAYS = {
    "from_bgjob": [
        "enqueued with its transaction, and gone with another",
        "refused: a job with id ",
        "sent to ada on attempt 2",
        "(panic): ZeroDivisionError: division by zero",
        "pending at 09:00 with {'page': 2}",
        "one is pending again, one is purged",
        "metrics: {'dlq': 2, 'retry': 1, 'runs': 5, 'success': 1}",
    ],
    "from_job_queue_worker": [
        "refused: two tasks are called 'print'",
        "has failed (error): ValueError: no good",
        "has failed (panic): SystemExit: aborted",
        "succeeded on attempt 3, after 'not yet'",
        "by hand: ['args', 'attempt', ",
    ],
    "from_typed_job_queue": [
        "refused: arguments of welcome: `who.visits`",
        "refused: step has priority 5, and queue 'line' is a FIFO queue",
        "hello ada@x.y for acme",
        "after 2 runs: ",
        "has failed (exhausted): ValueError: nowhere is no address",
        "in order, the retry included: [0, 1, 2, 2, 3, 4]",
    ],
    "from_web_framework_jobs": [
        "refused: no task is called 'delivr' here",
        "delivered: first ada bob cyd",
        "result: {'one': 3, 'three': 5}",
        "kept in spite of it, {'seen': 3}",
        "finished while shutting down, with its deadline in sight",
    ],
    "from_embedded_queue": [
        "refused: queue 'orders' is declared twice",
        "order 7 on attempt 2",
        "kept: succeeded without its arguments: True",
        "of the good one: not found - of the bad one: failed",
        "waiting: pending",
        "can't be brought back",
    ],
}
"""What each prints, in this order, parts of lines."""


def run(name: str, folder: Path, **env: str) -> str:
    """Run one from another folder, as people do, with warnings as errors."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py"],
        cwd=folder, env=kept | env, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def check(name: str, out: str) -> None:
    position = 0
    for part in SAYS[name]:
        position = out.find(part, position)
        assert position >= 0, f"{part!r} is not in, or not in this place of:\n{out}"


@pytest.mark.parametrize("name", SAYS)
def test_on_a_file_of_its_own(name: str, tmp_path: Path) -> None:
    check(name, run(name, tmp_path))
    assert list(tmp_path.iterdir()) == [], "it left something behind"


@pytest.mark.skipif("18" not in versions(), reason="no PostgreSQL 18 here")
@pytest.mark.parametrize("name", SAYS)
def test_on_postgresql_again_and_again(name: str, tmp_path: Path, servers: Servers) -> None:
    with servers.databases("18").fresh() as database:
        for _ in range(2):
            check(name, run(name, tmp_path, HOLDFAST_URL=database.url))


def test_every_example_is_run_and_listed() -> None:
    programs = {path.stem for path in EXAMPLES.glob("*.py")} - {"place"}
    assert programs == SAYS.keys()
    listed = (EXAMPLES / "README.md").read_text("utf-8")
    for name in programs:
        guide = f"docs/guides/{name.replace('_', '-')}.md"
        assert f"]({name}.py)" in listed
        assert f"](../{guide})" in listed
        assert f"{name}.py" in (ROOT / guide).read_text("utf-8")
        assert guide in (EXAMPLES / f"{name}.py").read_text("utf-8")
