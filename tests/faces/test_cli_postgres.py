"""The commands on PostgreSQL: nothing is migrated unasked, and the rest is as on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faces.conftest import Run
from tests.servers.databases import Database

pytestmark = pytest.mark.postgres


def test_from_an_empty_database_to_a_finished_job(
    holdfast: Run, bare: Run, project: Path, postgres_database: Database
) -> None:
    url = postgres_database.url
    source = (project / "app.py").read_text()
    (project / "app.py").write_text(source.replace('"sqlite:///jobs.db"', repr(url)))
    for arguments in (
        ["stats"],
        ["worker", "--burst"],
        ["enqueue", "app.greet", '{"name": "Ada"}'],
        ["migrate", "--check"],
    ):
        answer = holdfast(*arguments)
        assert answer.code == 1, arguments
        assert "holdfast migrate" in answer.err
        assert "Traceback" not in answer.err
    assert "CREATE TABLE" in holdfast("migrate", "--sql").out
    assert holdfast("migrate", "--check").code == 1
    assert "0001_initial" in holdfast("migrate").out
    assert holdfast("migrate", "--check").code == 0
    job = holdfast("enqueue", "app.greet", '{"name": "Ada"}').out.strip()
    assert holdfast("worker", "--burst").code == 0
    assert bare("--url", url, "jobs", "show", job, "--json").json["result"] == "hello Ada"
    assert holdfast("stats", "--json").json["jobs"]["succeeded"] == 1


def test_a_server_that_is_not_there(bare: Run) -> None:
    answer = bare("--url", "postgresql://ada:hush@127.0.0.1:1/shop", "stats")
    assert answer.code == 1
    assert answer.err.startswith("Error: ")
    assert "Traceback" not in answer.err
    assert "hush" not in answer.err
