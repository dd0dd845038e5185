"""What the guide to limits shows is run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "limits.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
USE = """
app.run_worker(burst=True)
"""
END = """
assert {one.rule for one in app.limits.list() if one.changed is not None} == {"task:app.crawl/rate"}
print("all of it")
app.close()
"""


def test_the_guide_runs(tmp_path: Path) -> None:
    assert len(BLOCKS) == 3
    (tmp_path / "app.py").write_text(BLOCKS[0])
    (tmp_path / "use.py").write_text("from app import *\n" + BLOCKS[1] + USE + BLOCKS[2] + END)
    done = subprocess.run(
        [sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["all of it"]), done.stderr
    assert "queue:mail/key Limit(most=1, key=None, name=None) Limit(most=5" in done.stdout


def test_the_guide_knows_all_options() -> None:
    from holdfast.core.limits import HEAVIEST, LONGEST, Limit, Rate
    from holdfast.core.times import DAY

    for name in {*Limit.__struct_fields__, *Rate.__struct_fields__} - {"most", "count", "name"}:
        assert f"{name}=" in GUIDE or f"`{name}`" in GUIDE, name
    for option in ("limit", "rate", "limit_key", "fair_by", "weights", "age_after", "ordering_key"):
        assert f"{option}=" in GUIDE, option
    assert f"1 to {HEAVIEST}" in GUIDE
    assert f"to {LONGEST // DAY} days" in GUIDE
