"""The page `docs/parity.md`: `python -m tests.parity.report > docs/parity.md`, or `make parity`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from tests.parity.collect import Row, Shown, marks, order, table

INTRODUCTION = """\
# Parity

Holdfast unites five systems that came before it. Each row is something that one of them can do, how it is done here,
where to begin to read the code, and the tests that would fail if it weren't true. The second part is faults of theirs,
each with the tests that show Holdfast without it.

This page is made by `make parity` from the marks on the tests, `@pytest.mark.parity("S2.7")`; a test fails when it is
stale.
"""


def text() -> str:
    """The whole page."""
    systems, rows = table()
    shown = marks()
    parts = [INTRODUCTION]
    for system, name in systems.items():
        of = {key: row for key, row in rows.items() if key.startswith(f"{system}.")}
        head = "| id | what it does | in Holdfast | code | tests |"
        parts.append(
            "\n".join([f"## {system}: {name}\n", head, "| --- " * 5 + "|", *_lines(of, shown)]) + "\n"
        )
    faults = {key: row for key, row in rows.items() if key.startswith("F")}
    head = "| id | fault of theirs | in Holdfast | code | tests |"
    parts.append("\n".join(["## Faults\n", head, "| --- " * 5 + "|", *_lines(faults, shown)]) + "\n")
    return "\n".join(parts)


def _lines(rows: dict[str, Row], shown: dict[str, list[Shown]]) -> Iterator[str]:
    for key in sorted(rows, key=order):
        row = rows[key]
        code = _links((name, f"../src/holdfast/{name}") for name in row.code)
        tests = _links((_title(test), f"../{test.path}") for test in sorted(shown.get(key, [])))
        cells = (key, row.feature, row.holdfast, code, tests or ("later" if row.later else "none yet"))
        yield "| " + " | ".join(cell.replace("|", "&#124;") for cell in cells) + " |"


def _title(test: Shown) -> str:
    """The file and the function; no line, which would make the page stale with every edit above it."""
    file = test.path.removeprefix("tests/").removesuffix(".py")
    return f"{file}: {test.name.removeprefix('test_').replace('_', ' ')}"


def _links(pairs: Iterable[tuple[str, str]]) -> str:
    return "<br>".join(f"[{title}]({target})" for title, target in pairs)


if __name__ == "__main__":
    sys.stdout.write(text())
