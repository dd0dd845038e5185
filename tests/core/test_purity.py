"""The core reads no clock, no random source and no environment, and does no I/O."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

CORE = Path(str(files("holdfast.core")))
MODULES = sorted(CORE.glob("*.py"))
FORBIDDEN = {
    "asyncio", "concurrent", "io", "logging", "multiprocessing", "os", "pathlib", "psycopg", "queue", "random",
    "secrets", "shutil", "signal", "socket", "sqlite3", "subprocess", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
ALLOWED = {
    # Ids of one process grow across its threads; clock and entropy are given from outside.
    ("ids", "threading"),
}
CLOCKS = {
    "now",
    "utcnow",
    "today",
    "time",
    "time_ns",
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "localtime",
}


def imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Every module imported, also inside functions; and whether it is one of Holdfast's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, alias.name.startswith("holdfast")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.module.startswith("holdfast")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_of_the_core_imports_nothing_that_acts(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    for name, own in imports(tree):
        if own:
            assert name == "holdfast.core" or name.startswith("holdfast.core."), f"{name} lies above the core"
        else:
            top = name.partition(".")[0]
            assert top not in FORBIDDEN or (path.stem, top) in ALLOWED, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_of_the_core_asks_no_clock(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in CLOCKS, f"{path.name}:{node.lineno} calls {called}()"
            assert called not in {"open", "input", "print", "getenv", "urandom"}, f"{path.name}:{node.lineno}"


def test_the_exceptions_are_needed() -> None:
    """What is allowed above is really imported: no door stays open for nothing."""
    found = {
        (path.stem, name.partition(".")[0])
        for path in MODULES
        for name, own in imports(ast.parse(path.read_text("utf-8")))
        if not own
    }
    assert found >= ALLOWED


def test_the_lifecycle_brings_no_driver_and_no_loop_with_it() -> None:
    code = "import sys, holdfast.core.lifecycle; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"asyncio", "sqlite3", "psycopg", "concurrent.futures", "logging", "click", "rich"}
    assert not {
        name for name in loaded if name.startswith("holdfast.") and not name.startswith("holdfast.core")
    }
