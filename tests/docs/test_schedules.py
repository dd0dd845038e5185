"""What the guide to schedules shows is run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "schedules.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
USE = """
app.run_worker(burst=True)
print([schedule.name for schedule in app.schedules.list()])
print([fire.tzname()[0] + fire.strftime("%H") for fire in fires], job.refresh().state)
app.close()
"""


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_guide_runs_and_its_commands_exist(tmp_path: Path) -> None:
    assert len(BLOCKS) == 2
    (tmp_path / "app.py").write_text(BLOCKS[0])
    (tmp_path / "use.py").write_text("from app import *\n" + BLOCKS[1] + USE)
    lines = run(tmp_path, "use.py").splitlines()
    assert lines[0].startswith("pulse ")
    assert lines[-2] == "['app.refresh', 'app.report', 'report-us', 'weekly']"
    assert lines[-1] == "['E07', 'E07', 'E07'] succeeded"
    for command in re.findall(r"^\$ holdfast (.*)$", GUIDE, re.MULTILINE):
        assert run(tmp_path, "-m", "holdfast", *command.split())
