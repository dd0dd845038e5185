"""Each command, run for real on an SQLite file."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.faces.conftest import Answer, Run, command, environment, make_project, run_in

JOB = {
    "id", "task", "queue", "state", "reason", "priority", "attempt", "run", "crashes", "args", "meta", "created_at",
    "run_at", "started_at", "finished_at", "updated_at", "worker", "progress", "progress_message",
    "cancel_requested", "result", "has_args", "dead_letter_of",
}  # fmt: skip


def ids(answer: Answer) -> list[str]:
    assert answer.code == 0, answer.err
    return answer.out.split()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A project with four jobs, three of which were run, and their ids by what became of them."""
    folder = make_project(tmp_path_factory.mktemp("template"))

    def enqueue(*arguments: str) -> str:
        return run_in(folder, "--app", "app:app", "enqueue", *arguments).out.strip()

    jobs = {
        "greeted": enqueue("app.greet", '{"name": "Ada"}'),
        "failed": enqueue("app.fail", '{"why": "no [reason]"}'),
        "sent": enqueue("mail.send", '{"to": "a@b.c", "token": "hush"}'),
        "waiting": enqueue("app.greet", '{"name": "Grace"}', "--delay", "1h", "--priority", "7"),
    }
    assert run_in(folder, "--app", "app:app", "worker", "--burst").code == 0
    return folder, jobs


@pytest.fixture
def filled(project: Path, template: tuple[Path, dict[str, str]]) -> dict[str, str]:
    """The project with a copy of those jobs; their ids."""
    folder, jobs = template
    for path in folder.glob("jobs.db*"):
        shutil.copy(path, project)
    return jobs


# --- enqueue and worker --------------------------------------------------------------------------------------


def test_enqueue_prints_the_id(holdfast: Run) -> None:
    answer = holdfast("enqueue", "app.greet", '{"name": "Ada"}')
    assert UUID(answer.out.strip()).version == 7
    assert "1 job of app.greet enqueued" in answer.err


def test_enqueue_many_at_once(holdfast: Run) -> None:
    lines = '{"name": "b"}\n\n{"name": "c"}\n'
    answer = holdfast("enqueue", "app.greet", '{"name": "a"}', "-", "--json", stdin=lines)
    assert len(answer.json["ids"]) == 3
    listed = holdfast("jobs", "list", "--json").json["jobs"]
    assert [job["args"]["name"] for job in reversed(listed)] == ["a", "b", "c"]


def test_enqueue_options(holdfast: Run) -> None:
    chosen = str(uuid4())
    answer = holdfast(
        "enqueue", "app.greet", '{"name": "Ada"}', "--at", "2090-01-01T00:00+00:00", "--queue", "slow", "--id", chosen,
        "--meta", '{"tenant": "x"}', "--max-attempts", "3", "--timeout", "5m",
    )  # fmt: skip
    assert ids(answer) == [chosen]
    job = holdfast("jobs", "show", chosen, "--json").json
    assert (job["queue"], job["run_at"], job["meta"]) == (
        "slow",
        "2090-01-01T00:00:00+00:00",
        {"tenant": "x"},
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["app.nope"], 1, "no task is called 'app.nope'"),
        (["app.greet", '{"nam": "Ada"}'], 1, "nam"),
        (["app.greet", '{"name": 3}'], 1, "name"),
        (["app.greet", "Ada"], 2, "single quotes"),
        (["app.greet", "[]"], 2, "arguments go by name"),
        (["app.greet", '{"name": "Ada"}', "--delay", "soon"], 2, "no duration"),
        (["app.greet", '{"name": "Ada"}', "--delay", "5", "--at", "2090-01-01"], 2, "give one of them"),
        (["app.greet", '{"name": "Ada"}', "--priority", "1000"], 1, "priority"),
        (["app.greet", '{"name": "A"}', '{"name": "B"}', "--id", str(uuid4())], 2, "--id names one job"),
    ],
)
def test_enqueue_refuses(holdfast: Run, arguments: list[str], code: int, said: str) -> None:
    answer = holdfast("enqueue", *arguments)
    assert answer.code == code
    assert said in answer.err
    assert answer.out == ""


def test_enqueue_without_the_application(bare: Run, holdfast: Run, project: Path) -> None:
    assert holdfast("migrate").code == 0
    answer = bare("--url", "sqlite:///jobs.db", "enqueue", "app.greet", '{"name": "Ada"}', "--declare")
    assert len(ids(answer)) == 1
    assert "--declare" in bare("--url", "sqlite:///jobs.db", "enqueue", "app.greet").err


def test_worker_says_what_it_serves(holdfast: Run, project: Path) -> None:
    holdfast("enqueue", "app.greet", '{"name": "Ada"}')
    answer = holdfast("worker", "--burst", "-q", "default", "-q", "mail", "-c", "5", "--threads", "2")
    assert answer.code == 0
    assert answer.out == ""
    for words in (
        f"sqlite:///{project}/jobs.db",
        "default, mail",
        "app.greet, app.hold, mail.send",
        "5 async, 2 threads",
    ):
        assert words in answer.err


def test_worker_logs_json(holdfast: Run) -> None:
    (failed,) = ids(holdfast("enqueue", "app.fail", '{"why": "no"}'))
    answer = holdfast("worker", "--burst", "--log-format", "json")
    assert answer.code == 0
    lines = [json.loads(line) for line in answer.err.splitlines()]
    assert [line for line in lines if line.get("job_id") == failed]


def test_worker_serves_only_what_it_is_told(holdfast: Run) -> None:
    holdfast("enqueue", "app.greet", '{"name": "Ada"}')
    holdfast("enqueue", "mail.send", '{"to": "x"}')
    assert holdfast("worker", "--burst", "--queue", "mail").code == 0
    states = {job["queue"]: job["state"] for job in holdfast("jobs", "list", "--json").json["jobs"]}
    assert states == {"default": "pending", "mail": "succeeded"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-t", "nope"], 1, "no task is called 'nope'"),
        (["--threads", "0"], 2, "--threads"),
        (["--reload", "--processes", "2"], 2, "one of them"),
    ],
)
def test_worker_refuses(holdfast: Run, arguments: list[str], code: int, said: str) -> None:
    answer = holdfast("worker", *arguments)
    assert answer.code == code
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_worker_needs_the_application(bare: Run) -> None:
    answer = bare("--url", "sqlite:///jobs.db", "worker")
    assert answer.code == 2
    assert "--app instead of --url" in answer.err


def test_several_workers(holdfast: Run) -> None:
    ids(holdfast("enqueue", "app.greet", *(f'{{"name": "{number}"}}' for number in range(20))))
    answer = holdfast("worker", "--processes", "2", "--burst")
    assert answer.code == 0, answer.err
    assert "2 workers" in answer.err
    assert answer.err.count("database") == 1
    assert holdfast("stats", "--json").json["jobs"]["succeeded"] == 20


def test_worker_ends_gently(project: Path, holdfast: Run) -> None:
    ids(holdfast("enqueue", "app.hold", '{"until": "told"}'))
    log = project / "log"
    with (
        log.open("wb") as err,
        subprocess.Popen(
            command("--app", "app:app", "worker"), cwd=project, env=environment(), stderr=err
        ) as worker,
    ):
        try:
            wait_until(lambda: holdfast("jobs", "list", "--state", "running", "--json").json["jobs"])
            worker.terminate()
            wait_until(lambda: "is ending" in log.read_text())
            assert worker.poll() is None
        finally:
            (project / "told").touch()
        assert worker.wait(30) == 0
    assert holdfast("stats", "--json").json["jobs"]["succeeded"] == 1


def test_worker_starts_anew_when_files_change(project: Path, holdfast: Run) -> None:
    pytest.importorskip("watchfiles")
    log = project / "log"
    with (
        log.open("wb") as err,
        subprocess.Popen(
            command("--app", "app:app", "worker", "--reload"), cwd=project, env=environment(), stderr=err
        ) as reloader,
    ):
        try:
            wait_until(lambda: "has begun" in log.read_text())
            source = (project / "app.py").read_text()
            (project / "app.py").write_text("import nothere\n")
            wait_until(
                lambda: "ended with exit code 1; it starts again at the next change" in log.read_text()
            )
            assert "No module named 'nothere'" in log.read_text()
            (project / "app.py").write_text(source.replace("hello {name}", "good day {name}"))
            wait_until(lambda: log.read_text().count("has begun") == 2)
            (job,) = ids(holdfast("enqueue", "app.greet", '{"name": "Ada"}'))
            wait_until(lambda: holdfast("jobs", "show", job, "--json").json["result"] == "good day Ada")
        finally:
            reloader.send_signal(signal.SIGINT)
        assert reloader.wait(30) == 0
    assert holdfast("workers", "--json").json == {"workers": []}


def test_reload_without_an_application(bare: Run) -> None:
    pytest.importorskip("watchfiles")
    answer = bare("worker", "--reload")
    assert answer.code == 2
    assert "--app" in answer.err


def wait_until(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


# --- looking -------------------------------------------------------------------------------------------------


def test_list_in_a_pipe(holdfast: Run, filled: dict[str, str]) -> None:
    answer = holdfast("jobs", "list")
    assert answer.lines[0].split() == ["ID", "TASK", "QUEUE", "STATE", "ATTEMPT", "WHEN", "NOTE"]
    rows = {line.split()[0]: line for line in answer.lines[1:]}
    assert set(rows) == set(filled.values())
    assert re.search(r"pending +0 +in 59 min +-$", rows[filled["waiting"]])
    assert re.search(r"failed +1 .* ago|now +exhausted", rows[filled["failed"]])


def test_list_json(holdfast: Run, filled: dict[str, str]) -> None:
    found = holdfast("jobs", "list", "--json").json
    assert found.keys() == {"jobs", "next"}
    assert found["next"] is None
    by_id = {job["id"]: job for job in found["jobs"]}
    assert all(job.keys() == JOB for job in found["jobs"])
    assert by_id[filled["greeted"]]["result"] == "hello Ada"
    assert by_id[filled["failed"]]["reason"] == "exhausted"
    assert by_id[filled["sent"]]["args"] == {"to": "a@b.c", "token": "•••"}
    assert by_id[filled["waiting"]]["priority"] == 7
    for name in ("created_at", "run_at", "started_at", "finished_at", "updated_at"):
        assert datetime.fromisoformat(by_id[filled["greeted"]][name]).utcoffset() is not None
    assert by_id[filled["waiting"]]["finished_at"] is None


def test_list_filters_and_pages(holdfast: Run, filled: dict[str, str]) -> None:
    def listed(*arguments: str) -> list[str]:
        return [job["id"] for job in holdfast("jobs", "list", "--json", *arguments).json["jobs"]]

    assert listed("--state", "failed") == [filled["failed"]]
    assert listed("--queue", "mail") == [filled["sent"]]
    assert listed("--task", "app.greet") == [filled["waiting"], filled["greeted"]]
    page = holdfast("jobs", "list", "--json", "--limit", "2").json
    assert page["next"] == filled["sent"]
    assert listed("--after", page["next"]) == [filled["failed"], filled["greeted"]]


def test_show(holdfast: Run, filled: dict[str, str]) -> None:
    out = holdfast("jobs", "show", filled["failed"], filled["sent"]).out
    assert "ValueError: no [reason]" in out
    assert "Traceback (most recent call last)" in out
    assert '{"to": "a@b.c", "token": "•••"}' in out
    assert "hush" not in out


def test_show_by_the_beginning_of_an_id(holdfast: Run, filled: dict[str, str]) -> None:
    whole = filled["failed"]
    for beginning in (whole[:-3], whole.replace("-", "")[:-1].upper()):
        assert holdfast("jobs", "show", beginning, "--json").json["id"] == whole
    several = holdfast("jobs", "show", whole[:6])
    assert several.code != 0
    assert "several jobs have ids that begin with" in several.err
    nothing = holdfast("jobs", "show", "ffffff")
    assert nothing.code != 0
    assert "no job has an id that begins with ffffff" in nothing.err


def test_show_json(holdfast: Run, filled: dict[str, str]) -> None:
    job = holdfast("jobs", "show", filled["failed"], "--json").json
    assert job.keys() == JOB | {"errors"}
    (error,) = job["errors"]
    assert error.keys() == {"run", "attempt", "at", "worker", "type", "message", "traceback"}
    assert error["message"] == "no [reason]"


def test_what_is_sensitive_shows_only_on_demand(bare: Run, holdfast: Run, filled: dict[str, str]) -> None:
    url = ("--url", "sqlite:///jobs.db")
    assert bare(*url, "jobs", "show", filled["sent"], "--json").json["args"] == {"to": "•••", "token": "•••"}
    assert holdfast("jobs", "show", filled["sent"], "--reveal", "--json").json["args"]["token"] == "hush"


def test_stats_queues_workers(holdfast: Run, filled: dict[str, str], project: Path) -> None:
    stats = holdfast("stats", "--json").json
    assert stats == {
        "database": f"sqlite:///{project}/jobs.db",
        "jobs": {
            "pending": 1,
            "due": 0,
            "blocked": 0,
            "running": 0,
            "succeeded": 2,
            "failed": 1,
            "cancelled": 0,
        },
        "oldest_due": None,
        "queues": 2,
        "workers": 0,
    }
    queues = holdfast("queues", "list", "--json").json["queues"]
    assert [(queue["name"], queue["pending"], queue["succeeded"], queue["failed"]) for queue in queues] == [
        ("default", 1, 1, 1),
        ("mail", 0, 1, 0),
    ]
    assert holdfast("queues", "list").lines[0].split()[:3] == ["QUEUE", "PENDING", "DUE"]
    assert holdfast("workers", "--json").json == {"workers": []}
    assert "No worker" in holdfast("workers").err
    assert re.search(r"^succeeded +2$", holdfast("stats").out, re.MULTILINE)


def test_a_worker_is_listed(holdfast: Run, project: Path) -> None:
    holdfast("migrate")
    with subprocess.Popen(
        command("--app", "app:app", "worker", "-q", "mail"),
        cwd=project,
        env=environment(),
        stderr=subprocess.DEVNULL,
    ) as worker:
        wait_until(lambda: holdfast("workers", "--json").json["workers"])
        (found,) = holdfast("workers", "--json").json["workers"]
        text = holdfast("workers").out
        worker.terminate()
    assert found["pid"] == worker.pid
    assert found["state"] == "alive"
    assert found["queues"] == ["mail"]
    assert found["tasks"] == ["app.greet", "mail.send", "app.fail", "app.hold"]
    assert found["running"] == []
    assert datetime.fromisoformat(found["started_at"])
    assert found["id"] in text


def test_a_killed_worker_is_shown_as_dead(holdfast: Run, project: Path) -> None:
    holdfast("migrate")
    with subprocess.Popen(
        command("--app", "app:app", "worker"), cwd=project, env=environment(), stderr=subprocess.DEVNULL
    ) as worker:
        wait_until(lambda: holdfast("workers", "--json").json["workers"])
        worker.kill()
    (found,) = holdfast("workers", "--json").json["workers"]
    assert found["state"] == "dead"
    assert re.search(r"\bdead\b", holdfast("workers").out)


# --- changing ------------------------------------------------------------------------------------------------


def test_change_by_id(holdfast: Run, filled: dict[str, str]) -> None:
    assert "1 job cancelled" in holdfast("jobs", "cancel", filled["waiting"]).err
    assert "1 job waiting again" in holdfast("jobs", "retry", filled["failed"], filled["failed"]).err
    assert "1 job deleted" in holdfast("jobs", "delete", filled["greeted"]).err
    states = {job["id"]: job["state"] for job in holdfast("jobs", "list", "--json").json["jobs"]}
    assert states == {
        filled["sent"]: "succeeded",
        filled["waiting"]: "cancelled",
        filled["failed"]: "pending",
    }


def test_change_what_cannot_be_changed(holdfast: Run, filled: dict[str, str]) -> None:
    unknown = str(uuid4())
    answer = holdfast("jobs", "cancel", filled["waiting"], filled["greeted"], unknown, "nonsense", "--json")
    assert answer.code == 1
    assert answer.json["changed"] == [filled["waiting"]]
    assert [problem["id"] for problem in answer.json["problems"]] == [filled["greeted"], unknown, "nonsense"]
    assert "had ended already" in answer.err


@pytest.mark.parametrize("arguments", [["show"], ["show", "--json"], ["cancel"], ["retry"], ["delete"]])
def test_a_job_that_does_not_exist(holdfast: Run, arguments: list[str]) -> None:
    answer = holdfast("jobs", *arguments, "01890a5d-ac96-774b-bcce-b302099a8057")
    assert answer.code == 1
    assert answer.err.startswith("Error: ")
    assert "01890a5d-ac96-774b-bcce-b302099a8057" in answer.err


def test_change_by_filter(holdfast: Run, filled: dict[str, str]) -> None:
    refused = holdfast("jobs", "retry", "--state", "failed")
    assert refused.code == 2
    assert "retry 1 job" in refused.err
    assert "--yes" in refused.err
    assert holdfast("jobs", "retry", "--state", "failed", "--yes", "--json").json == {"count": 1}
    assert "2 jobs deleted" in holdfast("jobs", "delete", "--state", "succeeded", "-y").err
    assert "2 jobs cancelled" in holdfast("jobs", "cancel", "--queue", "default", "-y").err


def test_nothing_chosen_or_too_much(holdfast: Run) -> None:
    assert "Give ids, or choose them" in holdfast("jobs", "delete").err
    assert "not both" in holdfast("jobs", "delete", str(uuid4()), "--queue", "mail").err
    assert holdfast("jobs", "delete", "--yes").code == 2


# --- databases -----------------------------------------------------------------------------------------------


def test_migrate(bare: Run, project: Path) -> None:
    url = ("--url", "sqlite:///new.db")
    missing = bare(*url, "migrate", "--check")
    assert missing.code == 1
    assert "holdfast migrate" in missing.err
    assert not (project / "new.db").exists()
    assert "0001_initial" in bare(*url, "migrate").out
    assert bare(*url, "migrate").err == "There was nothing to do.\n"
    assert bare(*url, "migrate", "--json").json == {"applied": []}
    assert bare(*url, "migrate", "--check").code == 0


def test_migrate_prints_sql(bare: Run, project: Path) -> None:
    answer = bare("--url", "sqlite:///new.db", "migrate", "--sql")
    assert "CREATE TABLE holdfast_jobs" in answer.out
    assert not (project / "new.db").exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///nothere.db", "there is no database at"),
        ("sqlite:///no/folder/jobs.db", "doesn't exist"),
        ("sqlite:///app.py", "not an SQLite database"),
        ("sqlite:///other.db", "no Holdfast tables"),
        ("mysql://localhost/x", "mysql"),
        ("jobs.db", "jobs.db"),
    ],
)
def test_looking_makes_no_database(bare: Run, project: Path, url: str, said: str) -> None:
    with sqlite3.connect(project / "other.db") as other:
        other.execute("CREATE TABLE mine (x)")
    other.close()
    before = sorted(path.name for path in project.iterdir())
    answer = bare("--url", url, "jobs", "list")
    assert answer.code == 1
    assert said in answer.err
    assert len(answer.err.splitlines()) == 1
    assert [name for name in sorted(path.name for path in project.iterdir()) if "-" not in name] == before


def test_no_database_named(bare: Run) -> None:
    answer = bare("stats")
    assert answer.code == 2
    assert "--url" in answer.err


def test_database_from_the_environment(bare: Run, filled: dict[str, str]) -> None:
    assert bare("stats", "--json", HOLDFAST_URL="sqlite:///jobs.db").json["jobs"]["succeeded"] == 2
    assert bare("stats", "--json", "--url", "sqlite:///jobs.db", HOLDFAST_APP="nothere:app").code == 0


def test_app_and_url(holdfast: Run) -> None:
    answer = holdfast("--url", "sqlite:///jobs.db", "stats")
    assert answer.code == 2
    assert "give one of them" in answer.err


# --- where output goes ---------------------------------------------------------------------------------------


def test_a_reader_that_goes_away(project: Path, filled: dict[str, str]) -> None:
    with subprocess.Popen(
        command("--app", "app:app", "jobs", "list"),
        cwd=project,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr.read() == b""


def terminal(project: Path, *arguments: str, columns: int, stdin: bytes = b"", **env: str) -> tuple[int, str]:
    """Run a command in a terminal of so many columns; returns its exit code and all that was shown."""
    main, other = pty.openpty()
    env = environment(COLUMNS=str(columns), TERM="xterm-256color", **env)
    with subprocess.Popen(
        command(*arguments), cwd=project, env=env, stdin=other, stdout=other, stderr=other
    ) as process:
        os.close(other)
        if stdin:
            os.write(main, stdin)
        shown = b""
        try:
            while chunk := os.read(main, 4096):
                shown += chunk
        except OSError:
            pass  # the other end was closed
        code = process.wait(30)
    os.close(main)
    return code, shown.decode().replace("\r\n", "\n")


def plain(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)


@pytest.mark.parametrize("columns", [40, 60, 80, 160])
def test_list_in_a_terminal(project: Path, filled: dict[str, str], columns: int) -> None:
    code, shown = terminal(project, "--app", "app:app", "jobs", "list", columns=columns)
    assert code == 0
    assert max(len(line) for line in plain(shown).splitlines()) <= columns
    assert filled["failed"] in plain(shown)
    assert ("note" in plain(shown)) == (columns == 160)


def test_colours(project: Path, filled: dict[str, str]) -> None:
    arguments = ("--app", "app:app", "jobs", "list")
    assert "\x1b[31m" in terminal(project, *arguments, columns=120)[1]
    assert "\x1b[31m" not in terminal(project, *arguments, columns=120, NO_COLOR="1")[1]


def test_a_question_in_a_terminal(project: Path, filled: dict[str, str], holdfast: Run) -> None:
    arguments = ("--app", "app:app", "jobs", "delete", "--state", "failed")
    code, shown = terminal(project, *arguments, columns=80, stdin=b"n\n")
    assert code == 1
    assert "Delete 1 job (state failed)?" in shown
    assert "Aborted." in shown
    code, shown = terminal(project, *arguments, columns=80, stdin=b"y\n")
    assert code == 0
    assert "1 job deleted." in shown


def test_control_characters_are_shown_not_obeyed(project: Path, holdfast: Run) -> None:
    holdfast("enqueue", "app.fail", '{"why": "\\u001b[2J\\u202e"}')
    holdfast("worker", "--burst")
    (job,) = holdfast("jobs", "list", "--json").json["jobs"]
    _, shown = terminal(project, "--app", "app:app", "jobs", "show", job["id"], columns=100)
    assert "\x1b[2J" not in shown
    assert "\\x1b[2J\\u202e" in shown


@pytest.mark.parametrize("probe", ["abc", "70000", ":9000"])
def test_a_wrong_address_of_the_probe_is_refused_before_anything_else(holdfast: Run, probe: str) -> None:
    answer = holdfast("worker", "--burst", "--probe", probe)
    assert answer.code == 2
    assert "Usage:" in answer.err
    assert "HOST:PORT" in answer.err
    assert "database" not in answer.err
