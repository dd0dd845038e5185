"""How fast jobs move house: `python -m benchmarks.move [--jobs 200000] [--postgres URL]`.

A file is filled with jobs and their history, moved to PostgreSQL, and moved back into another file. Each move runs
once without a break, and once more with a `kill -9` in its middle. Counts, checksums and the order of the waiting jobs
must be the same all along.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.places import ARGS, IDS, fresh, new_jobs, servers
from holdfast.core import outcomes as o
from holdfast.core.job import Claimed, Failure, Settlement
from holdfast.core.lifecycle import settle as decide
from holdfast.core.policy import DEFAULT
from holdfast.store.base import Store
from holdfast.store.open import open_store
from holdfast.store.records import LaneMark, WorkerRow
from holdfast.store.verbs import workers
from holdfast.store.verbs.claim import claim
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.settle import settle

BATCH = 500
TRACEBACK = (
    "Traceback (most recent call last):\n" + '  File "app.py", line 12, in send\n    raise OSError\n' * 8
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.move")
    parser.add_argument("--jobs", type=int, default=200_000)
    parser.add_argument("--postgres", metavar="URL", help="a server to use; otherwise one is started")
    options = parser.parse_args()
    with servers(["sqlite", "postgres"], options.postgres) as places:
        folder = Path(places["sqlite"])
        furnish(folder / "original.db", options.jobs)
        original = order(folder / "original.db")
        for killed in (False, True):
            with fresh("postgres", places["postgres"]) as url:
                start = folder / f"from-{killed}.db"
                end = folder / f"to-{killed}.db"
                copy(folder / "original.db", start)
                there = moved(f"sqlite:///{start}", url, options.jobs, killed)
                back = moved(url, f"sqlite:///{end}", options.jobs, killed)
                assert [t["target"] for t in back["tables"]] == [t["source"] for t in there["tables"]]
                assert order(end) == original, "the order of the waiting jobs has changed"
        print(f"The order of {len(original):,} waiting jobs is the same as before.")


def furnish(path: Path, jobs: int) -> None:
    """One half waits; of the other most have succeeded, some failed, each failure with its errors."""
    store = open_store(f"sqlite:///{path}?synchronous=normal")
    began = time.perf_counter()
    worker = IDS.next()
    row = WorkerRow(
        id=worker,
        host="bench",
        pid=1,
        version="1",
        queues=None,
        tasks=["noop"],
        restricted=False,
        concurrency=1,
    )
    store.write(workers.register, row)
    for _ in range(0, jobs, 2 * BATCH):
        store.write(insert, new_jobs(2 * BATCH))
        _run_some(store, worker)
    store.write(workers.unregister, worker)
    store.close()
    rows = {table: _count(path, table) for table in ("jobs", "pending", "finished", "job_errors")}
    sizes = f"{len(ARGS)} B of arguments, {len(TRACEBACK)} B a traceback"
    print(f"{rows} with {sizes}, filled in {time.perf_counter() - began:.1f} s", flush=True)


def _run_some(store: Store, worker: str) -> None:
    lease = IDS.next()
    claimed = store.write(claim, worker, lease, [LaneMark("default", 0)], BATCH, ["noop"])
    settlements = [_decided(job, n, store.now()) for n, job in enumerate(claimed)]
    assert not store.write(settle, worker, settlements, [lease])


def _decided(job: Claimed, n: int, now: int) -> Settlement:
    job.started_at = now
    outcome: o.Outcome = o.Succeeded('{"sent":true}') if n % 10 else o.Raised(OSError("connection refused"))
    return decide(
        job, outcome, DEFAULT, now, describe=lambda error: Failure("OSError", str(error), TRACEBACK)
    )


def moved(source: str, target: str, jobs: int, killed: bool) -> dict[str, Any]:
    """Run the command, killed once in its middle if asked; returns what it says at the end."""
    command = [sys.executable, "-m", "holdfast", "move", source, target, "--json"]
    began = time.perf_counter()
    first = 0.0
    if killed:
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:  # a line of progress every two seconds
                if line.startswith("Copying") and not line.startswith("Copying: 2,000 of"):
                    break
            process.kill()
        first = time.perf_counter() - began
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    report: dict[str, Any] = json.loads(done.stdout)
    rows = sum(t["rows"] for t in report["tables"])
    assert report["jobs"] == jobs
    assert all(t["source"] == t["target"] for t in report["tables"])
    way = f"{source.partition(':')[0]} to {target.partition(':')[0]}"
    note = f", killed after {first:.1f} s, {report['copied']:,} jobs were left" if killed else ""
    print(
        f"{way}: {seconds:.1f} s for {jobs:,} jobs in {rows:,} rows, copied and compared: "
        f"{jobs / seconds:,.0f} jobs/s, {rows / seconds:,.0f} rows/s{note}",
        flush=True,
    )
    return report


def copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


def order(path: Path) -> list[tuple[str]]:
    """The waiting jobs in the order of their claim."""
    with closing(sqlite3.connect(path)) as connection:
        text = "SELECT id FROM holdfast_pending ORDER BY queue, lane DESC, run_at, id"
        return connection.execute(text).fetchall()


def _count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM holdfast_{table}").fetchone()[0])


if __name__ == "__main__":
    main()
