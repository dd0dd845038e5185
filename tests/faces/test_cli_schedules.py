"""`holdfast schedules`, as the real command."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast import Cron, Every, Holdfast
from tests.faces.conftest import Run


@pytest.fixture
def stored(project: Path) -> Path:
    with Holdfast(f"sqlite:///{project / 'jobs.db'}") as app:
        draft = app.new("app.greet", {"name": "Ada"}, declare=True)
        app.schedules.put("nightly", draft, Cron("30 2 * * *", tz="Europe/Berlin"))
        app.schedules.put("often", draft, Every(300))
    return project


def test_list(holdfast: Run, stored: Path) -> None:
    lines = holdfast("schedules", "list").lines
    assert lines[0].split()[:3] == ["SCHEDULE", "TASK", "WHEN"]
    assert "At 02:30 every day, Europe/Berlin" in lines[1]
    assert " 02:30:00 +0" in lines[1]
    assert " CE" in lines[1]
    assert "Every 5 minutes" in lines[2]
    found = holdfast("schedules", "list", "--json").json["schedules"]
    assert [one["name"] for one in found] == ["nightly", "often"]
    assert found[0]["next"].split("T")[1] in ("02:30:00+01:00", "02:30:00+02:00")
    assert (found[0]["last"], found[0]["last_job"], found[0]["paused"]) == (None, None, False)


def test_an_empty_list(holdfast: Run) -> None:
    answer = holdfast("schedules", "list")
    assert (answer.code, answer.out) == (0, "")
    assert "stored when a worker starts" in answer.err


def test_preview(holdfast: Run, stored: Path) -> None:
    lines = holdfast("schedules", "preview", "nightly", "-n", "3").lines
    assert len(lines) == 3
    assert all(line.endswith(("CET", "CEST")) for line in lines)
    assert len(holdfast("schedules", "preview", "often", "--json").json["fires"]) == 5


def test_run_pause_resume_remove(holdfast: Run, stored: Path) -> None:
    job = holdfast("schedules", "run", "nightly").out.strip()
    assert holdfast("jobs", "show", job, "--json").json["task"] == "app.greet"
    found = holdfast("schedules", "list", "--json").json["schedules"][0]
    assert (found["last_job"], found["last_job_state"]) == (job, "pending")
    assert "nightly is paused" in holdfast("schedules", "pause", "nightly").err
    assert "paused" in holdfast("schedules", "list").lines[1]
    assert holdfast("schedules", "resume", "nightly", "--json").json["paused"] is False
    assert holdfast("schedules", "reset", "nightly").code == 0
    assert holdfast("schedules", "remove", "nightly").code == 0
    assert [one["name"] for one in holdfast("schedules", "list", "--json").json["schedules"]] == ["often"]


@pytest.mark.parametrize("verb", ["run", "pause", "resume", "remove", "reset", "preview"])
def test_what_is_not_there(holdfast: Run, stored: Path, verb: str) -> None:
    answer = holdfast("schedules", verb, "nope")
    assert (answer.code, answer.out) == (1, "")
    assert "no schedule is called 'nope'" in answer.err


def test_the_doctor_knows_schedules(holdfast: Run, stored: Path) -> None:
    with Holdfast(f"sqlite:///{stored / 'jobs.db'}") as app:

        @app.every(3600, name="gone")
        @app.task(name="app.greet")
        def greet(name: str = "") -> None: ...

        app.run_worker(burst=True)
    findings = holdfast("doctor", "--json").json["findings"]
    (found,) = [one for one in findings if one["check"] == "schedules"]
    assert found["level"] == "warning"
    assert found["data"]["schedules"] == ["gone"]
    holdfast("schedules", "remove", "gone")
    findings = holdfast("doctor", "--json").json["findings"]
    assert [one["level"] for one in findings if one["check"] == "schedules"] == ["ok"]
