"""`holdfast queues pause`, `tasks pause` and their kin, run for real."""

from __future__ import annotations

from tests.faces.conftest import Run


def test_queues(holdfast: Run) -> None:
    holdfast("enqueue", "mail.send", '{"to": "a@b.c"}', "--queue", "mail")
    assert holdfast("queues", "pause").code == 2
    assert holdfast("queues", "pause", "mail", "--all").code == 2
    answer = holdfast("queues", "pause", "mail", "empty", "--by", "ada", "--reason", "provider is down")
    assert answer.err.splitlines() == ["mail is paused.", "empty is paused."]
    assert holdfast("queues", "pause", "mail").err.strip() == "mail was paused already."
    listed = holdfast("queues", "list")
    assert "by ada: provider is down" in next(line for line in listed.lines if line.startswith("mail"))
    found = {queue["name"]: queue["paused"] for queue in holdfast("queues", "list", "--json").json["queues"]}
    assert (found["mail"]["by"], found["mail"]["reason"]) == ("ada", "provider is down")
    assert found["empty"]["kind"] == "queue"
    assert holdfast("worker", "--burst").code == 0
    assert holdfast("jobs", "list", "--state", "pending", "--json").json["jobs"]
    assert holdfast("queues", "resume", "mail", "--json").json == {"resumed": {"mail": True}}
    assert holdfast("queues", "resume", "mail").err.strip() == "mail wasn't paused."
    assert holdfast("queues", "pause", "--all").err.strip() == "everything is paused."
    listed = holdfast("queues", "list")
    assert "queues resume --all" in listed.err
    assert "@" in holdfast("queues", "list", "--json").json["paused"]["by"]
    assert holdfast("queues", "resume", "--all").err.strip() == "everything is resumed."
    assert holdfast("queues", "list", "--json").json["paused"] is None
    assert holdfast("worker", "--burst").code == 0
    assert not holdfast("jobs", "list", "--state", "pending", "--json").json["jobs"]


def test_tasks(holdfast: Run, bare: Run) -> None:
    job = holdfast("enqueue", "mail.send", '{"to": "a@b.c"}').out.strip()
    assert holdfast("tasks", "pause").code == 2
    assert holdfast("tasks", "pause", "mail.send", "--by", "ada").err.strip() == "mail.send is paused."
    found = {task["name"]: task["paused"] for task in holdfast("tasks", "list", "--json").json["tasks"]}
    assert found["mail.send"]["by"] == "ada"
    assert found["app.fail"] is None
    assert [line.split()[0] for line in holdfast("tasks", "list").lines[:1]] == ["TASK"]
    assert holdfast("worker", "--burst").code == 0
    assert holdfast("jobs", "show", job, "--json").json["state"] == "pending"
    # Without the application, too.
    where = ("--url", "sqlite:///jobs.db")
    assert [task["name"] for task in bare(*where, "tasks", "list", "--json").json["tasks"]] == ["mail.send"]
    assert bare(*where, "tasks", "resume", "mail.send", "--json").json == {"resumed": {"mail.send": True}}
    assert holdfast("tasks", "resume", "mail.send").err.strip() == "mail.send wasn't paused."
    assert holdfast("worker", "--burst").code == 0
    assert holdfast("jobs", "show", job, "--json").json["state"] == "succeeded"


def test_jobs_change(holdfast: Run) -> None:
    ids = [holdfast("enqueue", "mail.send", f'{{"to": "{n}@b.c"}}').out.strip() for n in range(2)]
    assert holdfast("jobs", "change", ids[0]).code == 2
    answer = holdfast(
        "jobs", "change", ids[0], "--to-priority", "9", "--args", '{"to": "x@y.z"}', "--delay", "1h"
    )
    assert answer.err.strip() == "1 job changed."
    found = holdfast("jobs", "show", ids[0], "--json").json
    assert found["priority"] == 9
    assert holdfast("jobs", "change", "--state", "pending", "--to-queue", "slow").code == 2
    answer = holdfast("jobs", "change", "--state", "pending", "--to-queue", "slow", "--yes", "--json")
    assert answer.json == {"count": 2}
    assert holdfast("worker", "--burst").code == 0
    answer = holdfast("jobs", "change", ids[1], "--to-priority", "1")
    assert (answer.code, "doesn't wait any more" in answer.err) == (1, True)
    wrong = holdfast("jobs", "change", ids[0], "--args", '{"nobody": 1}')
    assert (wrong.code, "nobody" in wrong.err) == (1, True)
