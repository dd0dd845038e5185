"""The rows of the parity table, and the tests that say they show one. Nothing is imported or run for it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
SOURCE = ROOT / "src" / "holdfast"


class Row(msgspec.Struct, frozen=True):
    """One promised behaviour, or one fault that must not be there."""

    feature: str
    holdfast: str
    code: list[str]
    """Files below `src/holdfast`."""
    later: bool = False
    """It comes with a later part, and needs no test before that."""


class Shown(msgspec.Struct, frozen=True, order=True):
    """A test that carries a mark."""

    path: str
    """Below the repository's root."""
    name: str
    line: int


def table() -> tuple[dict[str, str], dict[str, Row]]:
    """The systems by their ids, and the rows by theirs, in the order of the file."""
    data = tomllib.loads((Path(__file__).parent / "rows.toml").read_text("utf-8"))
    systems = msgspec.convert(data.pop("systems"), dict[str, str])
    flat: dict[str, object] = {}
    for outer, values in data.items():
        # TOML reads [S0.1] as a table in a table.
        if "feature" in values:
            flat[outer] = values
        else:
            flat |= {f"{outer}.{inner}": value for inner, value in values.items()}
    return systems, msgspec.convert(flat, dict[str, Row])


def marks(folder: Path = TESTS, root: Path = ROOT) -> dict[str, list[Shown]]:
    """Every marked test by the id of what it shows; a class's mark is that of its tests, a module's of all."""
    found: dict[str, list[Shown]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for row, name, line in _in_module(ast.parse(path.read_text("utf-8"))):
            found.setdefault(row, []).append(Shown(path.relative_to(root).as_posix(), name, line))
    return found


def _in_module(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    common: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(one, ast.Name) and one.id == "pytestmark" for one in node.targets
        ):
            common += _ids(node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value])
    yield from _in_body(tree.body, common)


def _in_body(body: list[ast.stmt], outer: list[str]) -> Iterator[tuple[str, str, int]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _in_body(node.body, outer + _ids(node.decorator_list))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            for row in dict.fromkeys(outer + _ids(node.decorator_list)):
                yield row, node.name, node.lineno


def _ids(marks: list[ast.expr]) -> list[str]:
    """What `pytest.mark.parity("…")` says, of these expressions."""
    found: list[str] = []
    for mark in marks:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.parity":
            for arg in mark.args:
                if not isinstance(arg, ast.Constant):
                    raise TypeError(f"a mark names ids, written out: {ast.unparse(mark)}")
                found.append(str(arg.value))
    return found


def order(row: str) -> tuple[int, ...]:
    """Ids in the order of their numbers: S2.9 before S2.10."""
    return tuple(map(int, re.findall(r"\d+", row)))
