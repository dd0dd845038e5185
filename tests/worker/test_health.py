"""How a worker is, as it says itself and as probes over HTTP find it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from holdfast import ConfigurationError, Holdfast, InvalidOption, JobState
from holdfast.worker.health import Health
from holdfast.worker.options import WorkerOptions
from holdfast.worker.probe import Probe, read_address
from holdfast.worker.worker import Worker
from tests.faults.workload import eventually
from tests.servers.shared import Servers, versions
from tests.worker.conftest import StartWorker
from tests.worker.faults import cuttable

pytestmark = pytest.mark.parity("S3.10")


def ask(url: str) -> tuple[int, dict[str, Any]]:
    """Status and body of a probe."""
    try:
        with urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def troubles(health: Health) -> str:
    return "; ".join(f"{one.name} {one.says}" for one in health.troubles)


@pytest.fixture
def probed(app: Holdfast) -> Iterator[Callable[..., tuple[Worker, str]]]:
    """A worker that isn't started, and the address of its probe."""
    probes: list[Probe] = []
    workers: list[Worker] = []

    def make(**options: Any) -> tuple[Worker, str]:
        workers.append(Worker(app.client, WorkerOptions(**options)))
        probes.append(Probe("0", workers[-1].health))
        probes[-1].start()
        return workers[-1], probes[-1].url

    yield make
    for worker in workers:
        worker.stop(0)
    for probe in probes:
        probe.close()
        probe.close()


def test_before_at_work_while_ending_and_after(
    app: Holdfast, probed: Callable[..., tuple[Worker, str]]
) -> None:
    begun, enough = threading.Event(), threading.Event()

    @app.task(name="long")
    def long() -> None:
        begun.set()
        assert enough.wait(20)

    worker, url = probed()
    assert ask(f"{url}/health/live")[0] == 200
    status, body = ask(f"{url}/health/ready")
    assert (status, body["status"], body["why"]) == (503, "not ready", ["worker: has not begun"])

    worker.start()
    eventually(lambda: ask(f"{url}/health/ready")[0] == 200, "it is ready")
    status, body = ask(f"{url}/health/ready?verbose=1")
    assert (body["status"], body["live"], body["ready"], body["why"]) == ("ready", True, True, [])
    names = {"claimer", "heartbeat", "settler", "maintenance", "claims", "settlements", "beats"}
    assert {finding["name"] for finding in body["findings"]} == names

    long.enqueue()
    assert begun.wait(10)
    worker.request_stop()
    eventually(lambda: ask(f"{url}/health/ready")[0] == 503, "an ending worker isn't ready")
    assert "is ending" in ask(f"{url}/health/ready")[1]["why"][0]
    assert ask(f"{url}/health/live")[0] == 200, "but needs no new start"
    enough.set()
    assert worker.stop()
    assert ask(f"{url}/health/ready")[1]["why"] == ["worker: has ended"]


def test_claims_that_fail(app: Holdfast, start_worker: StartWorker) -> None:
    """Looks and beats go through, only the claims don't: it must not look ready."""

    @app.task(name="t")
    def t() -> int:
        return 1

    worker = start_worker(poll_interval=0.05)
    assert worker._crew is not None
    claimer = worker._crew.claimer
    take = claimer._batches.take

    def fail(*args: Any) -> Any:
        raise PermissionError("no DELETE on pending")

    claimer._batches.take = fail  # type: ignore[method-assign]
    job = t.enqueue()
    eventually(lambda: not worker.health().ready, "failing claims are noticed")
    health = worker.health()
    assert health.live
    assert "claims fail: PermissionError: no DELETE on pending" in troubles(health)
    claimer._batches.take = take  # type: ignore[method-assign]
    assert job.result(10) == 1
    eventually(lambda: worker.health().ready, "it is ready again")


def test_a_database_that_is_away_keeps_it_alive_and_not_ready(
    app: Holdfast, start_worker: StartWorker
) -> None:
    line = cuttable(app)

    @app.task(name="t")
    def t() -> int:
        return 1

    worker = start_worker(poll_interval=0.05, lease=0.6)
    eventually(lambda: worker.health().ready, "it begins")
    line.cut = True
    eventually(lambda: "beats" in troubles(worker.health()), "beats fail")
    eventually(lambda: "claims fail: StoreUnavailable" in troubles(worker.health()), "claims fail")
    assert worker.health().live
    line.cut = False
    eventually(lambda: worker.health().ready, "it is ready again")
    assert t.enqueue().result(10) == 1


def test_settlements_that_fail(app: Holdfast, start_worker: StartWorker) -> None:
    line = cuttable(app)
    begun, enough = threading.Event(), threading.Event()

    @app.task(name="t")
    def t() -> int:
        begun.set()
        assert enough.wait(20)
        return 1

    worker = start_worker(poll_interval=0.05)
    job = t.enqueue()
    assert begun.wait(10)
    line.cut = True
    enough.set()
    eventually(lambda: "settlements fail" in troubles(worker.health()), "settlements fail")
    line.cut = False
    assert job.result(10) == 1
    eventually(lambda: worker.health().ready, "it is ready again")


@pytest.mark.parametrize("part", ["claimer", "heartbeat", "settler"])
def test_a_dead_or_blocked_thread_of_the_control_plane(
    app: Holdfast, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    @app.task(name="t")
    def t() -> None: ...

    worker = start_worker(poll_interval=0.05, lease=2)
    crew = worker._crew
    assert crew is not None
    eventually(lambda: worker.health().ready, "it begins")
    monkeypatch.setattr("holdfast.worker.health.BLOCKED", 0.1)
    pulse = getattr(crew, part).pulse
    # As if it had last gone round ten seconds ago.
    monkeypatch.setattr(pulse, "silent", lambda now: 10.0)
    health = worker.health()
    assert not health.live
    assert f"{part} its thread has been blocked for 10 s" in troubles(health)
    monkeypatch.undo()
    assert worker.health().live
    thread = getattr(crew, part)
    monkeypatch.setattr(thread._part.__class__, "alive", property(lambda self: self is not thread._part))
    health = worker.health()
    assert (health.live, health.ready) == (False, False)
    assert f"{part} its thread has ended" in troubles(health)


def test_a_claimer_that_really_hangs_is_noticed_and_a_database_that_hangs_is_no_death(
    app: Holdfast, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    @app.task(name="t")
    def t() -> None: ...

    monkeypatch.setattr("holdfast.worker.health.BLOCKED", 0.3)
    enough = threading.Event()
    worker = start_worker(poll_interval=0.05, lease=0.3)
    crew = worker._crew
    assert crew is not None
    eventually(lambda: worker.health().ready, "it begins")
    real = crew.claimer._batches.give_back_stale

    def hang(now: float) -> None:
        enough.wait(20)

    monkeypatch.setattr(crew.claimer._batches, "give_back_stale", hang)
    eventually(lambda: "claimer its thread has been blocked" in troubles(worker.health()), "it hangs")
    assert not worker.health().live
    monkeypatch.setattr(crew.claimer._batches, "give_back_stale", real)
    enough.set()
    eventually(lambda: worker.health().live, "it goes on")

    answered, asked = threading.Event(), threading.Event()
    channel = crew.claimer._channel._channel  # type: ignore[attr-defined]
    read = channel.read

    def slow(*args: Any, **kwargs: Any) -> Any:
        asked.set()
        answered.wait(20)
        return read(*args, **kwargs)

    monkeypatch.setattr(channel, "read", slow, raising=False)
    assert asked.wait(10)
    threading.Event().wait(0.7)
    assert worker.health().live
    monkeypatch.setattr("holdfast.worker.health.SLOW", 0.3)
    health = worker.health()
    assert (health.live, health.ready) == (True, False)
    assert "claims the database has not answered" in troubles(health)
    answered.set()
    eventually(lambda: worker.health().ready, "it is ready again")


def test_a_worker_that_can_not_go_on(app: Holdfast, probed: Callable[..., tuple[Worker, str]]) -> None:
    worker, url = probed(burst=True)
    with pytest.raises(ConfigurationError):
        worker.start()  # no tasks
    status, body = ask(f"{url}/health/live")
    assert status == 503
    assert "no tasks" in body["why"][0]


def test_an_async_worker_tells_too(app: Holdfast) -> None:
    import asyncio

    @app.task(name="t")
    async def t() -> None: ...

    async def main() -> None:
        worker = app.aworker()
        assert not worker.health().ready
        async with worker:
            for _ in range(200):
                if worker.health().ready:
                    return
                await asyncio.sleep(0.05)
            raise AssertionError(worker.health())

    asyncio.run(main())


# --- the server ----------------------------------------------------------------------------------------------


def test_other_paths_and_methods(probed: Callable[..., tuple[Worker, str]]) -> None:
    _, url = probed()
    assert url.startswith("http://127.0.0.1:"), "on this host only"
    status, body = ask(f"{url}/")
    assert status == 404
    assert "/health/ready" in body["error"]
    connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.request("HEAD", "/health/live")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    connection.request("POST", "/health/live")
    assert connection.getresponse().status == 501
    connection.close()


def test_metrics(probed: Callable[..., tuple[Worker, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    import prometheus_client

    _, url = probed()
    counter = prometheus_client.Counter("probe_test", "of this test")
    try:
        counter.inc(3)
        with urlopen(f"{url}/metrics", timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            assert b"probe_test_total 3.0" in answer.read()
    finally:
        prometheus_client.REGISTRY.unregister(counter)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{url}/metrics", timeout=10)
    assert refused.value.code == 404
    assert b"holdfast[prometheus]" in refused.value.read()


def test_a_look_that_fails_is_an_answer_too() -> None:
    def look() -> Health:
        raise RuntimeError("broken")

    with Probe(0, look) as probe:
        status, body = ask(f"{probe.url}/health/live")
    assert (status, body["why"]) == (503, ["RuntimeError('broken')"])


def test_addresses() -> None:
    assert read_address(9000) == read_address("9000") == ("127.0.0.1", 9000)
    assert read_address("0.0.0.0:80") == ("0.0.0.0", 80)
    assert read_address("[::1]:80") == ("::1", 80)
    for wrong in ("", ":80", "host", "host:", "1:x", 70000, True, None):
        with pytest.raises(InvalidOption, match="probe is a port"):
            read_address(wrong)
    with Probe(0, lambda: Health(live=True, ready=True, findings=())) as probe:
        port = probe.url.rpartition(":")[2]
        with pytest.raises(ConfigurationError, match="another port"):
            Probe(port, lambda: Health(live=True, ready=True, findings=()))


# --- with a server that goes away ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.skipif(not versions(), reason="no PostgreSQL binaries here")
def test_postgresql_stops_and_comes_back(servers: Servers) -> None:
    with servers.own(versions()[0]) as server:
        app = Holdfast(server.url(), lease=2)
        app.migrate()

        @app.task(name="t")
        def t() -> int:
            return 1

        worker = app.worker()
        with Probe(0, worker.health) as probe, worker:
            eventually(lambda: ask(f"{probe.url}/health/ready")[0] == 200, "it is ready")
            server.stop("immediate")
            eventually(lambda: ask(f"{probe.url}/health/ready")[0] == 503, "the outage is noticed")
            assert ask(f"{probe.url}/health/live")[0] == 200
            server.start()
            eventually(lambda: ask(f"{probe.url}/health/ready")[0] == 200, "it is ready again", 30)
            assert t.enqueue().result(10) == 1
        app.close()


# --- from the command line -----------------------------------------------------------------------------------

PROGRAM = """
from holdfast import Holdfast
app = Holdfast("sqlite:///jobs.db")

@app.task(name="pid")
def pid() -> int:
    import os
    return os.getpid()

@app.task(name="die", max_attempts=1)
def die() -> None:
    import os
    os._exit(9)
"""


class Program:
    """A worker from the command line, and where its probe answers."""

    def __init__(self, folder: Path, *options: str) -> None:
        (folder / "watched.py").write_text(PROGRAM)
        command = [
            sys.executable,
            "-m",
            "holdfast",
            "--app",
            "watched:app",
            "worker",
            "--probe",
            "0",
            *options,
        ]
        self.process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._found = threading.Event()
        self.url = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._found.wait(30), self.lines

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(40)
        self._reader.join(10)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(r"answered at (http://[\d.:]+)/", line)
            if found:
                self.url = found[1]
                self._found.set()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    made: list[Program] = []

    def start(*options: str) -> Program:
        made.append(Program(tmp_path, *options))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_the_option_of_the_command(program: Callable[..., Program]) -> None:
    running = program()
    eventually(lambda: ask(f"{running.url}/health/ready")[0] == 200, "it is ready")
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(20) == 0
    with pytest.raises(OSError, match="refused"):
        urlopen(running.url, timeout=5)


@pytest.mark.slow
def test_a_supervisor_answers_for_all_its_workers(program: Callable[..., Program], tmp_path: Path) -> None:
    running = program("--processes", "2")
    assert ask(f"{running.url}/health/ready")[0] == 503, "they are starting"
    assert ask(f"{running.url}/health/live")[0] == 200
    eventually(lambda: ask(f"{running.url}/health/ready")[0] == 200, "both are ready", 40)
    names = {finding["name"] for finding in ask(f"{running.url}/health/ready")[1]["findings"]}
    assert {"worker 1 claims", "worker 2 claims"} <= names
    with Holdfast(f"sqlite:///{tmp_path}/jobs.db") as app:
        job = app.enqueue("die", {}, declare=True)
        eventually(lambda: ask(f"{running.url}/health/ready")[0] == 503, "one has died", 20)
        body = ask(f"{running.url}/health/ready")[1]
        assert any(re.match(r"worker [12]: ", why) for why in body["why"])
        assert body["live"]
        eventually(lambda: ask(f"{running.url}/health/ready")[0] == 200, "it is replaced", 40)
        eventually(lambda: app.jobs.status(job.id) is JobState.FAILED, "its job is rescued")
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
