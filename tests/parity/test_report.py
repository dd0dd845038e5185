"""Every promised behaviour has a test that shows it, and the page says which."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.collect import ROOT, SOURCE, marks, order, table
from tests.parity.report import text

COUNTS = {"S0": 11, "S1": 6, "S2": 10, "S3": 10, "S4": 11, "F": 22}
PENDING: set[str] = set()
"""Rows that no test shows yet. One that gets its test leaves this set in the same change."""


def test_the_page_is_what_the_marks_say() -> None:
    page = ROOT / "docs" / "parity.md"
    assert page.read_text("utf-8") == text(), "docs/parity.md is stale: run `make parity`"


def test_no_row_was_lost() -> None:
    _, rows = table()
    wanted = {f"F{n}" for n in range(1, COUNTS["F"] + 1)}
    for system, count in COUNTS.items():
        if system != "F":
            wanted |= {f"{system}.{n}" for n in range(1, count + 1)}
    assert rows.keys() == wanted


def test_every_row_is_shown_by_a_test() -> None:
    _, rows = table()
    missing = {key for key, row in rows.items() if not row.later} - marks().keys()
    assert missing == PENDING, (
        f"without a test: {sorted(missing - PENDING, key=order)}; shown by now, take them out of PENDING: "
        f"{sorted(PENDING - missing, key=order)}"
    )


def test_every_mark_names_a_row() -> None:
    _, rows = table()
    assert not {key: tests for key, tests in marks().items() if key not in rows}


def test_every_row_leads_to_code_that_is_there() -> None:
    _, rows = table()
    assert not [
        (key, path) for key, row in rows.items() for path in row.code if not (SOURCE / path).is_file()
    ]
    assert not [key for key, row in rows.items() if not row.code]


def test_marks_are_found_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(
        'import pytest\npytestmark = [pytest.mark.slow, pytest.mark.parity("S0.1")]\n'
        '@pytest.mark.parity("S0.2")\nclass TestIt:\n'
        '    @pytest.mark.parity("S0.3")\n    async def test_one(self): ...\n'
        '@pytest.mark.parity("F1")\ndef helper(): ...\n'
        "def test_two(): ...\n"
    )
    found = {key: [test.name for test in tests] for key, tests in marks(tmp_path, tmp_path).items()}
    assert found == {"S0.1": ["test_one", "test_two"], "S0.2": ["test_one"], "S0.3": ["test_one"]}


def test_a_mark_that_is_computed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text("@pytest.mark.parity(ROW)\ndef test_it(): ...\n")
    with pytest.raises(TypeError, match="written out"):
        marks(tmp_path, tmp_path)
