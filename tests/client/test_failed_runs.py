"""What is read of failed runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdfast import Constant, Holdfast


@pytest.mark.parity("S1.1")
def test_times_of_failed_runs_are_datetimes(tmp_path: Path) -> None:
    with Holdfast(f"sqlite:///{tmp_path}/jobs.db", retry=Constant(timedelta(hours=1))) as app:

        @app.task
        def fail() -> None:
            raise ValueError("no")

        before = datetime.now(UTC)
        job = fail.enqueue()
        assert job.last_attempt_at is None
        app.run_worker(burst=True)
        found = app.jobs.get(job)
        assert found.last_error is not None
        assert (found.last_error.type, found.last_error.message) == ("ValueError", "no")
        assert before <= found.last_error.at <= datetime.now(UTC)
        assert found.last_attempt_at == found.last_error.at, "it waits for its retry"
        assert found.to_dict()["last_attempt_at"] is not None
        assert app.jobs.cancel(found)
        assert app.jobs.retry(found)
        assert app.jobs.delete(job)
