"""A small application in a folder of its own, and the real command run there."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

APPLICATION = """
import time
from pathlib import Path
from holdfast import Holdfast

app = Holdfast("sqlite:///jobs.db")


@app.task
def greet(name: str) -> str:
    return f"hello {name}"


@app.task(name="mail.send", queue="mail", sensitive=("token",))
def send(to: str, token: str = "") -> None:
    pass


@app.task(max_attempts=1)
def fail(why: str) -> None:
    raise ValueError(why)


@app.task
def hold(until: str) -> None:
    while not Path(until).exists():
        time.sleep(0.02)
"""


class Answer(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Run = Callable[..., Answer]


def environment(**more: str) -> dict[str, str]:
    """That of a shell without settings of ours."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C.UTF-8"} | more


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "holdfast", *arguments]


def make_project(folder: Path) -> Path:
    """A folder with `app.py`."""
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(APPLICATION)
    return folder


def run_in(
    folder: Path, *arguments: str, stdin: str | None = None, timeout: float = 60, **env: str
) -> Answer:
    """Run `holdfast …` in a folder."""
    done = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(**env),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with `app.py`."""
    return make_project(tmp_path / "project")


@pytest.fixture
def bare(project: Path) -> Run:
    """Runs `holdfast …` in the project's folder."""
    return functools.partial(run_in, project)


@pytest.fixture
def holdfast(project: Path) -> Run:
    """Runs `holdfast --app app:app …` in the project's folder."""
    return functools.partial(run_in, project, "--app", "app:app")
