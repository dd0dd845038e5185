"""`import holdfast` is quick, brings nothing that wasn't asked for, and has all its names."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import holdfast

OPTIONAL = ("psycopg", "asyncpg", "sqlalchemy", "django", "pydantic", "starlette", "jinja2", "uvicorn", "uvloop",
            "prometheus_client", "opentelemetry", "watchfiles")  # fmt: skip
HEAVY = (
    "asyncio",
    "concurrent.futures",
    "logging.handlers",
    "cronsim",
    "click",
    "rich",
    "sqlite3",
    "multiprocessing",
)

PROGRAM = """
import sys, time
begun = time.process_time()
{code}
took = time.process_time() - begun
print(took)
print(*sorted(sys.modules))
"""
DECLARING = """
from holdfast import Holdfast, Retry, TaskRouter, JobContext, Middleware
app = Holdfast("sqlite:///never-opened.db")
@app.task
async def greet(name: str) -> str: ...
"""


def run(code: str) -> tuple[float, set[str]]:
    """The seconds of CPU that some code takes in a new process, and the modules loaded afterwards."""
    lines = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(code=code)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return float(lines[0]), set(lines[1].split())


def test_it_is_quick() -> None:
    # The CPU's time, and the best of some: what else the machine does can only make it slower.
    assert min(run("import holdfast")[0] for _ in range(5)) < 0.060


@pytest.mark.parametrize("code", ["import holdfast", DECLARING], ids=["import", "declare"])
def test_it_loads_nothing_optional_and_nothing_heavy(code: str) -> None:
    loaded = run(code)[1]
    assert not loaded & {*OPTIONAL, *HEAVY}


def test_every_name_is_there_for_people_and_for_type_checkers() -> None:
    tree = ast.parse(Path(holdfast.__file__).read_text())
    typed = {
        f"{node.module}.{alias.name}"
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    lazy = {f"{module}.{name}" for module, names in holdfast._WHERE.items() for name in names.split()}
    assert typed == lazy
    assert set(holdfast.__all__) == {name.rpartition(".")[2] for name in lazy} | {"__version__"}
    for name in holdfast.__all__:
        assert getattr(holdfast, name) is not None
        assert name in dir(holdfast)
    with pytest.raises(AttributeError, match="has no attribute 'Holdfat'"):
        holdfast.Holdfat  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="Holdfat"):
        exec("from holdfast import Holdfat")


def test_the_version_is_the_packages() -> None:
    assert holdfast.__version__ == version("holdfast")
