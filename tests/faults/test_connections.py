"""How many connections to PostgreSQL a process holds, whatever it does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from holdfast import Holdfast
from tests.faults.workload import Fleet, eventually
from tests.servers.shared import Servers, versions

pytestmark = pytest.mark.skipif(not versions(), reason="no PostgreSQL binaries here")

MOST = 6
"""Of a worker: claimer, settler, heartbeat, maintenance, listener, and the client's."""


def held(url: str) -> list[str]:
    """What Holdfast's connections to a database are for."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT application_name FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'holdfast%'"
        )
        return sorted(row[0] for row in rows)


@pytest.mark.parity("F3")
def test_a_worker_holds_six_whatever_its_concurrency(servers: Servers, tmp_path: Path) -> None:
    with servers.databases(versions()[0]).fresh() as database, Holdfast(database.url) as app:
        app.migrate()

        @app.task(name="slow_note")
        def slow_note(number: int) -> int: ...

        app.enqueue_many(slow_note.new(number) for number in range(3000))
        before = held(database.url)
        most: list[str] = []
        with Fleet(database.url, tmp_path / "runs") as fleet:
            fleet.start("-c", "1000", "--threads", "50")

            def over() -> bool:
                nonlocal most
                now = held(database.url)
                most = max(most, now, key=len)
                return not app.jobs.list(state="pending", limit=1)

            eventually(over, "the queue is drained")
            assert fleet.stop() == [0]
        assert MOST - 1 <= len(most) - len(before) <= MOST, most
        eventually(lambda: held(database.url) == before, "none is left behind")


def test_an_enqueuer_holds_one_and_one_more_while_it_waits_for_results(servers: Servers) -> None:
    with servers.databases(versions()[0]).fresh() as database, Holdfast(database.url) as app:
        app.migrate()

        @app.task
        async def nothing() -> None: ...

        async def many() -> None:
            await asyncio.gather(*(nothing.aenqueue() for _ in range(100)))

        asyncio.run(many())
        job = nothing.enqueue()
        assert held(database.url) == ["holdfast client"]
        with pytest.raises(TimeoutError):
            job.result(timeout=0.5)
        assert held(database.url) == ["holdfast client", "holdfast listener"]
