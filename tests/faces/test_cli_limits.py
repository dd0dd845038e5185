"""`holdfast limits`, run for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faces.conftest import Answer, Run, make_project, run_in

APPLICATION = """
from datetime import timedelta
from holdfast import Holdfast, Limit, Rate

app = Holdfast("sqlite:///jobs.db")
app.queue("mail", limit=[5, Limit(2, key="to")], fair_by="to")


@app.task(name="mail.send", queue="mail", rate=Rate(100, per=timedelta(minutes=1), burst=10))
def send(to: str) -> None:
    pass
"""


@pytest.fixture
def limits(tmp_path: Path) -> Run:
    """Runs `holdfast --app app:app limits …` where a worker has stored what the application declares."""
    folder = make_project(tmp_path / "project")
    (folder / "app.py").write_text(APPLICATION)
    assert run_in(folder, "--app", "app:app", "worker", "--burst").code == 0

    def run(*arguments: str, app: bool = True) -> Answer:
        where = ("--app", "app:app") if app else ("--url", "sqlite:///jobs.db")
        return run_in(folder, *where, "limits", *arguments)

    return run


def holds(limits: Run) -> dict[str, tuple[object, object]]:
    """What holds, and what was set, by rule."""
    return {one["rule"]: (one["now"], one["changed"]) for one in limits("list", "--json").json["limits"]}


def test_list(limits: Run) -> None:
    listed = limits("list")
    assert [line.split() for line in listed.lines] == [
        ["RULE", "COUNTS", "HOLDS", "CODE_SAYS"],
        ["queue:mail", "all", "5", "at", "a", "time", "-"],
        ["queue:mail/fair", "each", "share", "equal", "weights", "-"],
        ["queue:mail/key", "each", "key", "2", "at", "a", "time", "-"],
        ["task:mail.send/rate", "all", "100", "in", "1", "min,", "10", "at", "once", "-"],
    ]
    assert limits("list", "--json").json["limits"][3] == {
        "rule": "task:mail.send/rate",
        "queue": None,
        "task": "mail.send",
        "name": None,
        "by_key": False,
        "now": {"count": 100, "per": 60.0, "burst": 10},
        "declared": {"count": 100, "per": 60.0, "burst": 10},
        "changed": None,
    }


def test_set_and_reset(limits: Run) -> None:
    answer = limits("set", "--queue", "mail", "--limit", "1", "--weight", "a=b=3", "--weight", "b=1")
    assert answer.err.splitlines() == ["queue:mail is set.", "queue:mail/fair is set."]
    answer = limits("set", "--task", "mail.send", "--rate", "5/s", "--burst", "2", "--json", app=False)
    assert answer.json == {"set": ["task:mail.send/rate"]}
    assert limits("set", "queue:mail/key", "--limit", "7", app=False).code == 0
    assert limits("set", "-q", "other", "--rate", "1000/1h30m").code == 0
    line = next(line for line in limits("list").lines if line.startswith("queue:mail "))
    assert line.split() == ["queue:mail", "all", "1", "at", "a", "time", "5", "at", "a", "time"]
    found = holds(limits)
    assert found["queue:mail"] == ({"limit": 1}, {"limit": 1})
    assert found["queue:mail/fair"][0] == {"weights": {"a=b": 3, "b": 1}}
    assert found["queue:mail/key"][0] == {"limit": 7}
    assert found["queue:other/rate"][0] == {"count": 1000, "per": 5400.0, "burst": 1}
    assert found["task:mail.send/rate"][0] == {"count": 5, "per": 1.0, "burst": 2}
    assert limits("reset", "-q", "mail", "--json").json == {
        "reset": ["queue:mail", "queue:mail/fair", "queue:mail/key"]
    }
    assert limits("reset", "-q", "mail").err.strip() == "Nothing was set there."
    assert limits("reset", "task:mail.send/rate").err.strip() == "task:mail.send/rate is reset."
    assert limits("reset", "-q", "other", app=False).code == 0
    assert {rule: changed for rule, (_, changed) in holds(limits).items()} == dict.fromkeys(
        ["queue:mail", "queue:mail/fair", "queue:mail/key", "task:mail.send/rate"]
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["set", "--limit", "5"], 2, "which?"),
        (["set", "queue:mail", "-q", "mail", "--limit", "5"], 2, "which?"),
        (["reset"], 2, "which?"),
        (["set", "-q", "mail"], 2, "say what to set"),
        (["set", "-q", "mail", "--burst", "5"], 2, "--burst is part of a rate"),
        (["set", "-q", "mail", "--rate", "5"], 2, "write 100/1m"),
        (["set", "-q", "mail", "--rate", "x/1m"], 2, "write 100/1m"),
        (["set", "-q", "mail", "--rate", "5/1y"], 2, "is no duration"),
        (["set", "-q", "mail", "--weight", "acme"], 2, "write SHARE=N"),
        (["set", "-q", "mail", "--limit", "0"], 1, "a limit must be a whole number"),
        (["set", "-q", "mail", "--rate", "5/0s"], 1, "per of a rate must be positive"),
        (["set", "mail", "--limit", "5"], 1, "holdfast limits list"),
        (["set", "queue:other/key", "--limit", "5"], 1, "there is no queue:other/key"),
    ],
)
def test_what_makes_no_sense(limits: Run, arguments: list[str], code: int, said: str) -> None:
    before = holds(limits)
    answer = limits(*arguments)
    assert (answer.code, said in answer.err) == (code, True), answer.err
    assert holds(limits) == before


def test_jobs_that_wait_in_lines_show_their_time_and_are_counted(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    (folder / "app.py").write_text(APPLICATION)
    run = lambda *arguments: run_in(folder, "--app", "app:app", *arguments)  # noqa: E731
    assert run("enqueue", "mail.send", '{"to": "ada"}', "--delay", "3600").code == 0
    (job,) = run("jobs", "list").lines[1:]
    assert "in 59 min" in job or "in 1 h" in job
    run("queues", "pause", "mail", "--reason", "a provider that has told us of a long window of maintenance")
    heading, *rows = [line.split() for line in run("queues", "list").lines]
    (mail,) = [row for row in rows if row[0] == "mail"]
    assert mail[heading.index("BLOCKED")] == "1"
