"""`holdfast web`, run for real: where it listens, whom it lets in, how it ends."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from email.message import Message
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faces.conftest import Run, command, environment


class Seen(NamedTuple):
    """What it has answered."""

    status: int
    headers: Message
    html: str


class Running(NamedTuple):
    """A dashboard that runs."""

    process: subprocess.Popen[str]
    address: str
    port: int
    path: str

    def get(self, path: str, host: str | None = None) -> Seen:
        with closing(http.client.HTTPConnection(self.address, self.port, timeout=20)) as connection:
            where = self.path.rstrip("/") + path
            connection.request("GET", where, headers={} if host is None else {"Host": host})
            answer = connection.getresponse()
            return Seen(answer.status, answer.headers, answer.read().decode())


Start = Callable[..., Running]


@pytest.fixture
def start(project: Path) -> Iterator[Start]:
    """Starts `holdfast web` in the project's folder, on a free port."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **env: str) -> Running:
        line = command("--app", "app:app", "web", "--port", "0", *arguments)
        process = subprocess.Popen(
            line, cwd=project, env=environment(**env), stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r"http://([0-9.]+):(\d+)(/\S*)", said)
        assert found, said + (process.stderr.read() if process.poll() is not None else "")
        return Running(process, found[1], int(found[2]), found[3])

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=20)


def test_on_loopback_it_wants_nothing(start: Start, holdfast: Run) -> None:
    job = holdfast("enqueue", "mail.send", '{"to": "a@b.c", "token": "hunter2"}').out.strip()
    dashboard = start()
    assert dashboard.address == "127.0.0.1"
    answer = dashboard.get("/")
    assert answer.status == 200
    assert answer.headers["Content-Security-Policy"]
    assert "Server" not in answer.headers
    html = dashboard.get(f"/jobs/{job}").html
    assert "a@b.c" in html
    assert "hunter2" not in html
    # A page of another site, whose name was made to lead to this machine.
    assert dashboard.get("/", "evil.example").status == 421
    assert dashboard.get("/", f"localhost:{dashboard.port}").status == 200
    assert dashboard.get("/", f"[::1]:{dashboard.port}").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to_though_pages_are_watched(start: Start, number: signal.Signals) -> None:
    dashboard = start()
    connection = http.client.HTTPConnection(dashboard.address, dashboard.port, timeout=20)
    with closing(connection):
        connection.request("GET", "/", headers={"Accept": "text/event-stream"})
        stream = connection.getresponse()
        assert stream.readline().startswith(b"retry: ")
        dashboard.process.send_signal(number)
        assert dashboard.process.wait(20) == 0
        stream.read()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "no.such.host.invalid"])
def test_elsewhere_it_refuses_to_start(holdfast: Run, host: str) -> None:
    answer = holdfast("web", "--host", host, "--port", "0")
    assert answer.code == 1
    assert ("--password" in answer.err) or ("no address" in answer.err)
    # An empty variable is none.
    answer = holdfast("web", "--host", host, "--port", "0", HOLDFAST_WEB_PASSWORD="")
    assert answer.code == 1


@pytest.mark.parametrize("by_environment", [True, False])
def test_elsewhere_with_a_password(start: Start, by_environment: bool) -> None:
    if by_environment:
        dashboard = start("--host", "0.0.0.0", HOLDFAST_WEB_PASSWORD="secret")
    else:
        dashboard = start("--host", "0.0.0.0", "--token", "secret")
    answer = dashboard.get("/", "jobs.example")
    assert (answer.status, answer.headers["Location"]) == (303, "/login?next=%2F")
    assert dashboard.get("/login", "jobs.example").status == 200


def test_elsewhere_if_that_is_said_to_be_fine(start: Start) -> None:
    assert start("--host", "0.0.0.0", "--insecure").get("/", "jobs.example").status == 200


def test_below_a_prefix(start: Start) -> None:
    dashboard = start("--prefix", "/jobs", "--read-only")
    assert dashboard.path == "/jobs/"
    assert "Read-only" in dashboard.get("/queues").html


def test_what_makes_no_sense(holdfast: Run, start: Start, bare: Run) -> None:
    assert holdfast("web", "--prefix", "jobs").code == 2
    assert holdfast("web", "--port", "70000").code == 2
    assert holdfast("web", "--secret", "short").code == 1
    taken = start().port
    answer = holdfast("web", "--port", str(taken))
    assert answer.code == 1
    assert "choose another --port" in answer.err
    assert "Traceback" not in answer.err
    assert bare("--url", "sqlite:///none.db", "web").code == 1
