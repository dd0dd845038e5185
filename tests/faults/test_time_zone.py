"""Two of the systems that came before ran jobs hours early, or never, when the session's zone was not UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from holdfast import Cron, Every, Holdfast
from tests.faults.workload import Fleet, eventually
from tests.servers.shared import Servers, versions


@pytest.mark.parity("F8")
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.skipif(not versions(), reason="no PostgreSQL binaries here")
def test_the_zone_of_the_session_changes_nothing(servers: Servers, tmp_path: Path, zone: str) -> None:
    with servers.databases(versions()[0]).fresh() as database:
        with psycopg.connect(database.url, autocommit=True) as admin:
            name = admin.info.dbname
            admin.execute(f"ALTER DATABASE {name} SET timezone = '{zone}'".encode())
        app = Holdfast(database.url)
        app.migrate()

        @app.task(name="note")
        def note(number: int) -> int: ...

        began = datetime.now(UTC)
        note.enqueue(1)
        soon = note.using(delay=timedelta(seconds=1)).enqueue(2)
        later = note.using(at=began + timedelta(hours=3)).enqueue(3)
        with Fleet(database.url, tmp_path / "runs") as fleet:
            fleet.start()
            eventually(lambda: {1, 2} <= set(fleet.runs()), "due jobs run")
            assert set(fleet.runs()) == {1, 2}
            assert fleet.stop() == [0]
        assert later.refresh().run_at == began + timedelta(hours=3)
        assert abs(soon.refresh().created_at - began) < timedelta(seconds=30)
        app.close()


@pytest.mark.parity("F8")
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.skipif(not versions(), reason="no PostgreSQL binaries here")
def test_the_zone_of_the_session_moves_no_schedule(servers: Servers, tmp_path: Path, zone: str) -> None:
    with servers.databases(versions()[0]).fresh() as database:
        with psycopg.connect(database.url, autocommit=True) as admin:
            name = admin.info.dbname
            admin.execute(f"ALTER DATABASE {name} SET timezone = '{zone}'".encode())
        app = Holdfast(database.url)
        app.migrate()
        nightly = Cron("30 2 * * *", tz="Europe/Rome")
        began = datetime.now(UTC)
        stored = app.schedules.put("nightly", app.new("note", {"number": 1}, declare=True), nightly)
        assert stored.next_at in (nightly.next_run(began), nightly.next_run(datetime.now(UTC)))
        assert app.schedules.get("nightly").next_at == stored.next_at
        assert app.schedules.preview("nightly", 1) == [stored.next_at]
        app.schedules.put("soon", app.new("note", {"number": 2}, declare=True), Every(1))
        with Fleet(database.url, tmp_path / "runs") as fleet:
            fleet.start()
            eventually(lambda: fleet.runs()[2] >= 2, "what is due fires")
            assert fleet.runs()[1] == 0
            assert fleet.stop() == [0]
        fired = app.schedules.get("soon").last_at
        assert fired is not None
        assert began <= fired <= datetime.now(UTC)
        app.close()
