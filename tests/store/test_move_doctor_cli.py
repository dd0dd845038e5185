"""`holdfast move` and `holdfast doctor` as commands."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from holdfast.cli import main
from tests.conformance.backends import SqliteBackend
from tests.conformance.scene import Scene
from tests.store.moving import Road, Side, Stop, furnish

ROOT = Path(__file__).parents[2]


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def call(*arguments: object) -> Said:
        code = main([str(argument) for argument in arguments])
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def way(tmp_path: Path) -> Road:
    way = Road(Side(f"sqlite:///{tmp_path}/a.db"), Side(f"sqlite:///{tmp_path}/b.db"))
    with way.source.scene() as scene:
        furnish(scene, 12)
        scene.store.close()
    return way


# --- move ---


def test_move(run, way: Road) -> None:  # type: ignore[no-untyped-def]
    said = run("move", way.source.url, way.target.url)
    assert said.code == 0
    assert said.out.splitlines()[0].split() == ["TABLE", "ROWS", "SOURCE", "TARGET"]
    jobs = next(line.split() for line in said.out.splitlines() if line.startswith("jobs"))
    assert jobs[1] == "19"
    assert jobs[2] == jobs[3]
    assert "Copying: 19 of 19 jobs" in said.err
    assert "Comparing: 19 of 19 jobs" in said.err
    assert "Moved 19 jobs in " in said.err
    assert "Both sides hold the same." in said.err
    again = run("move", way.source.url, way.target.url)
    assert (again.code, again.out) == (0, "")
    assert "nothing was left to do" in again.err


def test_move_for_programs(run, way: Road) -> None:  # type: ignore[no-untyped-def]
    said = run("move", way.source.url, way.target.url, "--json")
    document = json.loads(said.out)
    assert (said.code, document["jobs"], document["copied"]) == (0, 19, 19)
    assert [t["table"] for t in document["tables"]][:2] == ["jobs", "pending"]
    assert document["to"] == way.target.url


def test_move_undone(run, way: Road) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Stop.Ended):
        way.move(Stop("Comparing"))
    said = run("move", way.source.url, way.target.url, "--undo")
    assert said.code == 0
    assert "is open again; 19 jobs of it were deleted from the target" in said.err
    refused = run("move", way.source.url, way.target.url, "--undo")
    assert refused.code == 1
    assert refused.err.startswith("Error: no move from ")


def test_move_refused(run, way: Road, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    missing = run("move", f"sqlite:///{tmp_path}/none.db", way.target.url)
    assert (missing.code, missing.out) == (1, "")
    assert "there is no database at" in missing.err
    same = run("move", way.source.url, way.source.url)
    assert same.code == 1
    assert "are the same database" in same.err
    assert "Nothing is lost" not in same.err
    assert run("move", way.source.url).code == 2
    assert run("move", "nonsense", way.target.url).code == 1


def test_a_broken_target_is_gone_on_from(run, way: Road, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with way.target.scene() as scene:
        scene.backend.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON holdfast_finished BEGIN SELECT abs('x', 1); END"
        )
    said = run("move", way.source.url, way.target.url)
    assert said.code == 1
    with way.target.scene() as scene:
        scene.backend.execute("DROP TRIGGER broken")
    assert run("move", way.source.url, way.target.url).code == 0


def test_a_bar_on_the_terminal(way: Road) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "holdfast", "move", way.source.url, way.target.url]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(
        command, stderr=theirs, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    os.close(theirs)
    drawn = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "Copying" in drawn
    assert "19/19" in drawn
    assert "Both sides hold the same" in drawn


# --- doctor ---


@pytest.fixture
def url(tmp_path: Path) -> str:
    backend = SqliteBackend(str(tmp_path / "jobs.db"))
    store = backend.open()
    Scene(store, backend).enqueue(2)
    store.close()
    return f"sqlite:///{tmp_path}/jobs.db"


def test_doctor(run, url: str) -> None:  # type: ignore[no-untyped-def]
    said = run("--url", url, "doctor")
    assert said.code == 0
    assert said.err.endswith("in order.\n")
    everything = run("--url", url, "doctor", "--all")
    assert "ok       schema: the schema is that of this release" in everything.out.splitlines()


def test_doctor_finds_errors(run, url: str) -> None:  # type: ignore[no-untyped-def]
    backend = SqliteBackend(url.removeprefix("sqlite:///"))
    backend.execute(
        "DELETE FROM {}pending WHERE id = (SELECT min(id) FROM {}pending)".replace("{}", "holdfast_")
    )
    said = run("--url", url, "doctor")
    assert said.code == 1
    head, remedy = said.out.splitlines()[-2:]
    assert head.startswith("error    places: job ")
    assert remedy.startswith("         → ")
    assert "1 error" in said.err


def test_doctor_for_programs(run, url: str) -> None:  # type: ignore[no-untyped-def]
    said = run("--url", url, "doctor", "--json")
    findings = json.loads(said.out)["findings"]
    assert {"level", "check", "what", "remedy", "data"} == findings[0].keys()
    missing = run("--url", f"{url}.gone", "doctor", "--json")
    assert missing.code == 1
    assert json.loads(missing.out)["findings"][0]["check"] == "reachable"


def test_doctor_with_an_application(tmp_path: Path, url: str) -> None:
    (tmp_path / "app.py").write_text(
        f"from holdfast import Holdfast\napp = Holdfast({url!r})\n@app.task\ndef greet(name: str) -> None: ...\n"
    )
    command = [sys.executable, "-m", "holdfast", "--app", "app:app", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert (found["declared"]["level"], found["declared"]["data"]) == ("warning", {"tasks": ["mail.send"]})
