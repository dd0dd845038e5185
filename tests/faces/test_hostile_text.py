"""What stands in a payload is text to whoever looks at it, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faces.conftest import Run
from tests.faces.test_cli_commands import plain, terminal

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[bold red]markup[/bold red]",
    "[link=http://evil.example]here[/link]",
    "\x1b]8;;http://evil.example\x07here\x1b]8;;\x07",
    "\x1b[2J\x1b[31m",
    "line\r\nbreak\tand\u202eturned",
)
CONTROL = {chr(n) for n in (*range(9), *range(11, 32), 127, 0x202E)}


@pytest.mark.parity("F18")
def test_hostile_arguments_and_errors(project: Path, holdfast: Run) -> None:
    holdfast("enqueue", "app.fail", *(json.dumps({"why": text}) for text in HOSTILE))
    holdfast("worker", "--burst")
    listed, answer = holdfast("jobs", "list"), holdfast("jobs", "list", "--json")
    jobs = {job["args"]["why"]: job["id"] for job in answer.json["jobs"]}
    assert jobs.keys() == set(HOSTILE), "nothing is lost on the way"
    assert not CONTROL - {"\u202e"} & set(answer.out), "JSON escapes them"
    assert not CONTROL & set(listed.out)
    for text, job in jobs.items():
        shown = holdfast("jobs", "show", job)
        assert not CONTROL & set(shown.out)
        if text.isprintable():
            assert text in shown.out
    one = holdfast("jobs", "show", jobs[HOSTILE[-1]], "--json")
    assert one.json["errors"][-1]["message"] == HOSTILE[-1]


@pytest.mark.parity("F18")
@pytest.mark.parametrize(
    "text", ["[bold red]markup[/bold red]", "[link=http://evil.example]here[/link]", "\x1b]8;;x\x07"]
)
def test_nor_does_a_terminal_obey_them(project: Path, holdfast: Run, text: str) -> None:
    holdfast("enqueue", "app.fail", json.dumps({"why": text}))
    (job,) = holdfast("jobs", "list", "--json").json["jobs"]
    _, seen = terminal(project, "--app", "app:app", "jobs", "show", job["id"], columns=200)
    assert "\x1b]8" not in seen
    assert (text if text.isprintable() else "]8;;x") in plain(seen)
