"""`holdfast jobs explain`, run for real."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.faces.conftest import Run


def test_explain(holdfast: Run, bare: Run) -> None:
    job = holdfast("enqueue", "mail.send", '{"to": "a@b.c"}', "--delay", "1h").out.strip()
    holdfast("queues", "pause", "mail", "--by", "ada", "--reason", "full \x1b[31m")
    answer = holdfast("jobs", "explain", job)
    assert answer.code == 0
    (text,) = answer.lines
    assert text.startswith(f"Job {job} of task mail.send waits. Queue mail has been paused by ada since ")
    assert "full \\x1b[31m. It is not due until " in text
    assert "(in 59 min). No living worker serves queue mail." in text
    # The beginning of an id, and without the application.
    assert bare("--url", "sqlite:///jobs.db", "jobs", "explain", job[:-4]).code == 0


def test_explain_for_programs(holdfast: Run) -> None:
    job = holdfast("enqueue", "app.fail", '{"why": "no"}').out.strip()
    found = holdfast("jobs", "explain", job, "--json").json
    assert set(found) == {"job_id", "task", "queue", "state", "at", "reasons", "sentence"}
    assert (found["job_id"], found["state"]) == (job, "pending")
    assert [reason["kind"] for reason in found["reasons"]] == ["no_worker"]
    assert holdfast("worker", "--burst").code == 0
    found = holdfast("jobs", "explain", job, "--json").json
    (ended,) = found["reasons"]
    assert (ended["kind"], ended["state"], ended["reason"]) == ("ended", "failed", "exhausted")
    assert (ended["error"], ended["kept_until"]) == ("ValueError: no", None)
    away = datetime.fromisoformat(found["at"]) - datetime.fromisoformat(ended["at"])
    assert timedelta() < away < timedelta(minutes=5)
    assert found["sentence"].endswith("and is kept for ever: ValueError: no.")


def test_no_such_job(holdfast: Run) -> None:
    answer = holdfast("jobs", "explain", "01890a5d-ac96-774b-bcce-b302099a8057")
    assert (answer.code, answer.out) == (1, "")
    assert "no job has the id 01890a5d-ac96-774b-bcce-b302099a8057" in answer.err
    assert holdfast("jobs", "explain", "what").code == 1
    assert holdfast("jobs", "explain").code == 2
