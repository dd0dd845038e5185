"""PostgreSQL goes away and comes back, while workers run and producers enqueue."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from holdfast import Holdfast
from holdfast.core.errors import StoreError
from holdfast.core.states import JobState
from holdfast.store.open import open_store
from holdfast.store.verbs.queues import list_queues
from tests.faults.workload import Fleet, eventually
from tests.servers.shared import Servers, versions

pytestmark = pytest.mark.skipif(not versions(), reason="no PostgreSQL binaries here")


@pytest.mark.parity("F22")
def test_every_acknowledged_job_ends_after_immediate_restarts(servers: Servers, tmp_path: Path) -> None:
    """Killed twice in the middle of everything; nobody lends a hand."""
    with servers.own(versions()[0]) as server:
        url = server.url()
        store = open_store(url)
        store.migrate()
        store.close()
        app = Holdfast(url)
        acknowledged: list[int] = []
        refused = threading.Event()
        enough = threading.Event()

        @app.task(name="note")
        def note(number: int) -> int: ...

        def produce() -> None:
            number = 0
            while not enough.is_set():
                number += 1
                try:
                    note.enqueue(number)
                    acknowledged.append(number)
                except StoreError:
                    refused.set()

        with Fleet(url, tmp_path / "runs") as fleet:
            fleet.start()
            fleet.start()
            producer = threading.Thread(target=produce)
            producer.start()
            for goal in (200, 400):
                eventually(lambda goal=goal: min(len(acknowledged), len(fleet.runs())) >= goal, "jobs run")
                server.stop("immediate")
                assert refused.wait(20), "an enqueue says so when the server is away"
                refused.clear()
                server.start()
            eventually(lambda: len(acknowledged) >= 600, "enqueues go through after the restarts")
            enough.set()
            producer.join()

            def all_ended() -> bool:
                return set(acknowledged) <= set(fleet.runs()) and not alive(app)

            eventually(all_ended, "every acknowledged job ends", 90)
            states = {job.state for job in app.jobs.list(limit=5000)}
            assert states == {JobState.SUCCEEDED}
            assert fleet.stop() == [0, 0]
        app.close()


def alive(app: Holdfast) -> int:
    """Jobs that have not ended."""
    queues = app.client.store.read(list_queues)
    return sum(queue.pending + queue.blocked + queue.running for queue in queues)


@pytest.mark.parity("F22")
def test_backends_killed_at_a_steady_rate_lose_nothing(servers: Servers, tmp_path: Path) -> None:
    with servers.own(versions()[0]) as server:
        url = server.url()
        app = Holdfast(url)
        app.migrate()

        @app.task(name="note")
        def note(number: int) -> int: ...

        with Fleet(url, tmp_path / "runs") as fleet, psycopg.connect(url, autocommit=True) as admin:
            fleet.start()
            fleet.start()
            for begin in range(0, 20_000, 500):
                app.enqueue_many(note.new(number) for number in range(begin, begin + 500))
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name LIKE 'holdfast%' ORDER BY random() LIMIT 1"
                )
            eventually(lambda: not alive(app), "every job ends", 90)
            assert set(fleet.runs()) == set(range(20_000))
            assert {job.state for job in app.jobs.list(state="pending")} == set()
        app.close()
