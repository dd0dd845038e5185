"""What people install is complete, light, and says of itself what the project says."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "src" / "holdfast"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

LATER = ("asyncio", "click", "concurrent.futures", "cronsim", "logging.handlers", "rich")
"""Of the core, but imported only when first needed."""

OPTIONAL = (
    "asyncpg",
    "django",
    "jinja2",
    "opentelemetry",
    "prometheus_client",
    "psycopg",
    "pydantic",
    "sqlalchemy",
    "starlette",
    "uvicorn",
    "uvloop",
    "watchfiles",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a freshly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True, timeout=60)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_the_wheel_has_every_file_of_the_package(wheel: set[str]) -> None:
    ours = {
        path.relative_to(REPOSITORY / "src").as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours - wheel == set()
    assert "holdfast/py.typed" in wheel


def test_the_wheel_has_nothing_else(wheel: set[str]) -> None:
    assert {name.split("/")[0].partition("-")[0] for name in wheel} == {"holdfast"}
    assert any(name.endswith("/licenses/LICENSE") for name in wheel)


def test_installed_version_is_the_declared_one() -> None:
    assert importlib.metadata.version("holdfast") == PROJECT["version"]


def test_extra_all_is_all_extras() -> None:
    extras = PROJECT["optional-dependencies"]
    assert extras["all"] == [f"holdfast[{','.join(sorted(extras.keys() - {'all'}))}]"]


def test_command_is_installed() -> None:
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="holdfast")
    assert callable(command.load())


def test_import_leaves_out_what_is_not_needed_yet() -> None:
    program = f"import sys, holdfast; print(*(name for name in {LATER + OPTIONAL} if name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert result.stdout.split() == []


def test_import_takes_at_most_60_ms() -> None:
    """The best of several: a busy machine delays some of them, never all for the same reason."""
    pairs = [(cpu_time("pass"), cpu_time("import holdfast")) for _ in range(7)]
    bare, ours = (min(times) for times in zip(*pairs, strict=True))
    assert ours - bare <= 0.060


def cpu_time(program: str) -> float:
    """The processor seconds of an interpreter that runs `program`."""
    process = os.posix_spawn(sys.executable, [sys.executable, "-c", program], os.environ)
    _, status, usage = os.wait4(process, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime
