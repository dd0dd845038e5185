"""What the guide to unique jobs shows is run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "unique.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
USE = """
late = reindex.using(delay=60).enqueue(7)
assert reindex.using(delay=5).enqueue(7) == late
assert ping.enqueue("a").is_new
app.run_worker(burst=True)
assert not ping.enqueue("a").is_new
assert bill.enqueue("ada").is_new
print("all of it")
app.close()
"""


def test_the_guide_runs(tmp_path: Path) -> None:
    assert len(BLOCKS) == 2
    (tmp_path / "app.py").write_text(BLOCKS[0])
    (tmp_path / "use.py").write_text("from app import *\n" + BLOCKS[1] + USE)
    done = subprocess.run(
        [sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "all of it\n"), done.stderr


def test_the_guide_knows_all_words() -> None:
    from holdfast.core.unique import CONFLICTS, PRESETS

    for word in (*CONFLICTS, *PRESETS):
        assert f'"{word}"' in GUIDE
