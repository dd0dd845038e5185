"""The command `holdfast workers`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.command import Command, json_option
from holdfast.cli.screen import Column, print_json, print_table
from holdfast.cli.target import open_database
from holdfast.cli.text import bytes_text, when_text
from holdfast.core.times import to_datetime

if TYPE_CHECKING:
    from holdfast.store.records import WorkerRecord

COLUMNS = (
    Column("worker", whole=True),
    Column("host", optional=3),
    Column("pid", right=True),
    Column("queues"),
    Column("busy", right=True),
    Column("memory", right=True, optional=2),
    Column("started", optional=1),
    Column("seen"),
    Column("state"),
)


@click.command(
    cls=Command,
    examples=["holdfast --app app:app workers", "holdfast --url sqlite:///jobs.db workers --json"],
)
@json_option
def workers(as_json: bool) -> None:
    """List the workers.

    `seen` is the last heartbeat. A worker that died without a word is listed until another one has rescued its
    jobs: as dead where that is certain (on SQLite), else as silent after 30 s. `busy` counts what has been
    running for more than a moment.
    """
    from holdfast.cli.databases import worker_records, worker_state

    app = open_database()
    records = worker_records(app)
    states = {worker.id: worker_state(app, worker) for worker in records}
    if as_json:
        print_json({"workers": [_document(worker, states[worker.id]) for worker in records]})
        return
    now = datetime.now(UTC)
    rows = [
        [
            worker.id,
            worker.host,
            str(worker.pid),
            "all" if worker.queues is None else ", ".join(worker.queues),
            str(len(worker.running)),
            "" if worker.memory is None else bytes_text(worker.memory),
            when_text(to_datetime(worker.started_at), now),
            when_text(to_datetime(worker.beat_at), now),
            states[worker.id],
        ]
        for worker in records
    ]
    print_table(COLUMNS, rows, empty="No worker is running.")


def _document(worker: WorkerRecord, state: str) -> dict[str, Any]:
    return {
        "id": worker.id,
        "state": state,
        "host": worker.host,
        "pid": worker.pid,
        "version": worker.version,
        "queues": worker.queues,
        "tasks": worker.tasks,
        "restricted": worker.restricted,
        "concurrency": worker.concurrency,
        "started_at": to_datetime(worker.started_at).isoformat(),
        "beat_at": to_datetime(worker.beat_at).isoformat(),
        "memory_bytes": worker.memory,
        "running": [
            {"id": run.job_id, "task": run.task, "started_at": to_datetime(run.started_at).isoformat()}
            for run in worker.running
        ],
    }
