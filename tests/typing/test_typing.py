"""Runs both type checkers over the files beside this one, with all that silences them taken out.

`make check` reads the same files as they stand: there, a silencing comment that isn't needed is an error.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SILENCED = re.compile(r"  # (type|pyright): ignore\[.*")
MYPY_ERROR = re.compile(r"^.*?:(\d+): error: ")

Refused = Callable[[Path], list[int]]


def mypy(file: Path) -> list[int]:
    """The lines that mypy refuses."""
    options = ("--config-file", "pyproject.toml", "--no-error-summary")
    command = [sys.executable, "-m", "mypy", *options, str(file)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 1), ended.stderr or ended.stdout
    of_file = [line for line in ended.stdout.splitlines() if file.name in line]
    return sorted({int(found[1]) for line in of_file if (found := MYPY_ERROR.match(line))})


def pyright(file: Path) -> list[int]:
    """The lines that pyright refuses."""
    settings = {
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "extraPaths": [str(ROOT / "src")],
        "enableTypeIgnoreComments": False,
    }
    project = file.parent / "pyrightconfig.json"
    project.write_text(json.dumps(settings))
    options = ("--pythonpath", sys.executable, "--project", str(project), "--outputjson")
    command = [sys.executable, "-m", "pyright", *options]
    ended = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 1), ended.stderr or ended.stdout
    found = json.loads(ended.stdout)["generalDiagnostics"]
    return sorted({one["range"]["start"]["line"] + 1 for one in found if one["severity"] == "error"})


@pytest.mark.slow
@pytest.mark.parametrize("checker", [mypy, pyright])
@pytest.mark.parametrize("name", ["accepted.py", "refused.py", "observing.py"])
def test_exactly_the_marked_lines_are_refused(name: str, checker: Refused, tmp_path: Path) -> None:
    lines = (HERE / name).read_text().splitlines()
    bare = [SILENCED.sub("", line) for line in lines]
    marked = [number for number, (was, now) in enumerate(zip(lines, bare, strict=True), 1) if was != now]
    assert bool(marked) == (name != "accepted.py")
    file = tmp_path / f"bare_{name}"
    file.write_text("\n".join(bare) + "\n")
    assert checker(file) == marked
