"""What the README shows is run, in a folder of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_program_says_hello(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BLOCKS[0])
    assert run(tmp_path, "app.py") == "hello Ada\n"


def test_the_tour_runs_from_beginning_to_end(tmp_path: Path) -> None:
    first = BLOCKS[0].partition('if __name__ == "__main__":')[0]
    end = (
        "jobs = app.jobs.list(limit=2000)\nprint({job.state.value for job in jobs}, len(jobs))\napp.close()\n"
    )
    (tmp_path / "tour.py").write_text("\n\n".join([first, *BLOCKS[1:], end]))
    assert run(tmp_path, "tour.py") == "{'pending'} 1003\n"


def test_its_commands_exist(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BLOCKS[0])
    commands = re.findall(
        r"^\$ holdfast (--app app:app .*?)(?:  +#.*)?$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert len(commands) >= 4
    for command in commands:
        if "worker " not in command + " " and "ID" not in command:
            run(tmp_path, "-m", "holdfast", *command.split())
