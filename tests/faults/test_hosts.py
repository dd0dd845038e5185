"""Workers on hosts of their own, joined to one PostgreSQL by a network."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast import Holdfast
from tests.faults.test_postgres_restart import alive
from tests.faults.workload import Fleet, eventually
from tests.servers.shared import Servers, versions

HOSTS = 3
JOBS = 100_000
BRIDGE = "hfbr0"
ADDRESS = "10.231.77.1"


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def hosts(count: int) -> Iterator[list[str]]:
    """Network namespaces on a bridge that this machine is on as well."""
    names = [f"holdfast{n}" for n in range(1, count + 1)]
    with contextlib.ExitStack() as stack:

        def later(*command: str) -> None:
            stack.callback(subprocess.run, command, check=False, capture_output=True)

        run("ip", "link", "add", BRIDGE, "type", "bridge")
        later("ip", "link", "del", BRIDGE)
        run("ip", "addr", "add", f"{ADDRESS}/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        for n, name in enumerate(names, 1):
            run("ip", "netns", "add", name)
            later("ip", "netns", "del", name)
            run("ip", "link", "add", f"hfv{n}", "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "link", "set", f"hfv{n}", "master", BRIDGE, "up")
            run("ip", "-n", name, "addr", "add", f"10.231.77.{n + 1}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        yield names


def can_make_hosts() -> bool:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    probe = subprocess.run(("ip", "netns", "add", "holdfastprobe"), capture_output=True, check=False)
    subprocess.run(("ip", "netns", "del", "holdfastprobe"), capture_output=True, check=False)
    return probe.returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not versions(), reason="no PostgreSQL binaries here")
@pytest.mark.skipif(not can_make_hosts(), reason="this machine allows no network namespaces")
def test_three_hosts_drain_one_queue_each_job_once(servers: Servers, tmp_path: Path) -> None:
    with hosts(HOSTS) as names, servers.own(versions()[0], listen_addresses="*") as server:
        hba = Path(server.folder) / "data" / "pg_hba.conf"
        with hba.open("a") as file:
            file.write("host all all 10.231.77.0/24 trust\n")
        server.stop("fast")
        server.start()
        app = Holdfast(server.url())
        app.migrate()

        @app.task(name="note")
        def note(number: int) -> int: ...

        for begin in range(0, JOBS, 10_000):
            app.enqueue_many(note.new(number) for number in range(begin, begin + 10_000))
        remote = f"postgresql://postgres@{ADDRESS}:{server.port}/postgres"
        with Fleet(remote, tmp_path / "runs") as fleet:
            for name in names:
                fleet.start(prefix=("ip", "netns", "exec", name))
            eventually(lambda: not alive(app), "the queue is drained", 200)
            assert fleet.stop() == [0] * HOSTS
            runs = fleet.runs()
            assert len(runs) == JOBS
            assert set(runs.values()) == {1}
            pids = {line.split()[1] for line in fleet.log.read_text().splitlines()}
            assert len(pids) == HOSTS
        app.close()
