"""What the page on explain shows is run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "explain.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_runs(tmp_path: Path) -> None:
    assert len(BLOCKS) == 2
    (tmp_path / "app.py").write_text(BLOCKS[0])
    (tmp_path / "use.py").write_text("from app import *\n" + BLOCKS[1] + "app.close()\n")
    done = subprocess.run(
        [sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    first, *reasons = done.stdout.splitlines()
    assert first.startswith("Job ")
    assert [line.split(" ", 1)[0] for line in reasons] == ["not_due", "no_worker"]
