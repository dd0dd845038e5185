"""`holdfast dlq` and `holdfast queues purge`, run for real."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.faces.conftest import Run


@pytest.fixture
def failed(holdfast: Run) -> list[str]:
    """Two failed jobs and one that waits in queue mail."""
    ids = [
        holdfast("enqueue", "app.fail", '{"why": "no [reason]"}').out.strip(),
        holdfast("enqueue", "app.fail", '{"why": "none"}', "--queue", "other").out.strip(),
    ]
    assert holdfast("worker", "--burst").code == 0
    holdfast("enqueue", "mail.send", '{"to": "a@b.c"}', "--delay", "1h")
    return ids


@pytest.mark.parity("S0.10")
def test_list(holdfast: Run, bare: Run, failed: list[str]) -> None:
    answer = holdfast("dlq", "list")
    assert answer.lines[0].split() == ["ID", "TASK", "QUEUE", "REASON", "ATTEMPT", "FAILED", "ERROR"]
    assert answer.lines[1].split()[0] == failed[1]
    assert "ValueError: no [reason]" in answer.out
    found = holdfast("dlq", "list", "--queue", "other", "--json").json
    assert [job["id"] for job in found["jobs"]] == [failed[1]]
    assert (found["count"], found["next"]) == (1, None)
    assert found["jobs"][0]["last_error"]["type"] == "ValueError"
    assert holdfast("dlq", "list", "--error", "KeyError").out == ""
    assert "no such failed jobs" in holdfast("dlq", "list", "--until", "2020-01-01").err
    assert (
        holdfast("dlq", "list", "--since", "2020-01-01", "--reason", "exhausted", "--json").json["count"] == 2
    )
    page = holdfast("dlq", "list", "--limit", "1")
    assert f"--after {failed[1]}" in page.err
    assert failed[0] in holdfast("dlq", "list", "--after", failed[1]).out
    # Without the application nobody knows which arguments are sensitive.
    masked = bare("--url", "sqlite:///jobs.db", "dlq", "list", "--json").json["jobs"]
    assert {value for job in masked for value in job["args"].values()} == {"•••"}
    clear = bare("--url", "sqlite:///jobs.db", "dlq", "list", "--json", "--reveal").json["jobs"]
    assert clear[0]["args"] == {"why": "none"}


@pytest.mark.parity("S0.10")
def test_redrive_and_purge(holdfast: Run, failed: list[str]) -> None:
    assert holdfast("dlq", "redrive").code == 2
    assert "--reason" in holdfast("dlq", "redrive").err
    answer = holdfast("dlq", "redrive", "--all")
    assert answer.code == 2
    assert "2 jobs" in answer.err and "--yes" in answer.err  # noqa: PT018 - one sentence
    assert holdfast("dlq", "redrive", failed[0]).err.strip() == "1 job waiting again."
    again = holdfast("dlq", "redrive", failed[0])
    assert (again.code, again.err.strip()) == (1, f"Error: job {failed[0]} hasn't failed")
    assert holdfast("dlq", "purge", "--queue", "other", "--yes", "--json").json == {"count": 1}
    assert holdfast("dlq", "list", "--json").json["count"] == 0
    assert holdfast("jobs", "show", failed[1]).code == 1
    assert holdfast("dlq", "purge", failed[1]).code == 1


def test_queues_purge(holdfast: Run, failed: list[str]) -> None:
    refused = holdfast("queues", "purge", "mail")
    assert refused.code == 2
    assert "1 job" in refused.err
    assert holdfast("queues", "purge", "mail", "--yes").err.strip() == "mail: 1 job deleted."
    assert holdfast("queues", "purge", "mail", "other", "--yes", "--json").json == {
        "deleted": {"mail": 0, "other": 0}
    }
    assert holdfast("queues", "purge").code == 2
    assert holdfast("dlq", "list", "--json").json["count"] == 2


def test_nothing_to_do_is_no_mistake(holdfast: Run, failed: list[str]) -> None:
    for command in (
        ["dlq", "redrive", "-q", "none"],
        ["dlq", "purge", "-t", "none"],
        ["jobs", "cancel", "-q", "none"],
    ):
        answer = holdfast(*command)
        assert (answer.code, answer.out) == (0, "")
        assert "no such jobs, and nothing to" in answer.err
    assert holdfast("dlq", "redrive", "-q", "none", "--json").json == {"count": 0}
    answer = holdfast("queues", "purge", "none")
    assert (answer.code, answer.err.strip()) == (0, "none: 0 jobs deleted.")


def test_times_are_taken_as_they_are_printed(holdfast: Run, failed: list[str]) -> None:
    first, second = (holdfast("jobs", "show", job, "--json").json["finished_at"] for job in failed)
    for since in (second, second.replace("+00:00", "Z"), second.replace("+00:00", "")):
        found = holdfast("dlq", "list", "--since", since, "--json").json["jobs"]
        assert [job["id"] for job in found] == ([failed[1]] if first < second else failed[::-1])
    zoned = datetime.fromisoformat(second).astimezone(ZoneInfo("Asia/Kathmandu")).isoformat()
    assert "+05:45" in zoned
    assert holdfast("dlq", "list", "--until", zoned, "--json").json["count"] == (1 if first < second else 0)
    wrong = holdfast("dlq", "list", "--since", "yesterday")
    assert wrong.code == 2
    assert "is no time" in wrong.err


def test_all_goes_alone(holdfast: Run, failed: list[str]) -> None:
    for command in ("redrive", "purge"):
        answer = holdfast("dlq", command, "--all", "-q", "mail", "--yes")
        assert answer.code == 2
        assert f"leave it out to {command} by --queue" in answer.err
    assert holdfast("dlq", "list", "--json").json["count"] == 2
