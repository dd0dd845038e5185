"""What docs/middleware.md shows is run, as one program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "middleware.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

USE = """
divide.enqueue(1, 0)
whose = whose.enqueue()
with request_id("r1"):
    restock.enqueue()
app.run_worker(burst=True)
assert whose.result(timeout=5) == "acme"

from prometheus_client import REGISTRY
def count(what, task):
    return REGISTRY.get_sample_value(f"holdfast_execute_{what}", {"queue": "default", "task": f"page.{task}"})
print(count("success_total", "divide"), count("dlq_total", "divide"), count("duration_seconds_count", "divide"))
app.close()
"""


@pytest.mark.parity("S0.3")
def test_the_page_runs_from_beginning_to_end(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("\n\n".join([*BLOCKS, USE]))
    done = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "1.0 1.0 2.0",
        "page.divide failed: panic",
        "shop: nothing on the shelf (page.restock, r1)",
    ]


def test_it_names_every_event_and_metric() -> None:
    from holdfast import events

    kinds = [
        kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)
    ]
    for kind in kinds:
        if not kind.__subclasses__():
            assert f"`{kind.__name__}`" in PAGE
            for field in set(kind.__struct_fields__) - set(events.JobEvent.__struct_fields__):
                assert f"`{field}`" in PAGE
