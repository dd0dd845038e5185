"""The application whose jobs are measured, and a worker for it: `python -m benchmarks.app`."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from holdfast import Holdfast

NAP = 0.005
"""Seconds."""
CONCURRENCY = int(os.environ.get("HOLDFAST_BENCH_CONCURRENCY", "100"))
CLEANUP = os.environ.get("HOLDFAST_BENCH_CLEANUP", "60")

app = Holdfast(cleanup_interval=float(CLEANUP) if CLEANUP else None)


@app.task(name="noop")
async def noop(to: str, n: int) -> None:
    """Nothing, on the event loop."""


@app.task(name="noop_thread")
def noop_thread(to: str, n: int) -> None:
    """Nothing, in a thread."""


@app.task(name="nap")
async def nap(to: str, n: int) -> None:  # noqa: ARG001 - as the others
    """A few milliseconds of waiting for something else."""
    await asyncio.sleep(NAP)


if __name__ == "__main__":
    began = time.perf_counter()
    app.run_worker(burst=not os.environ.get("HOLDFAST_BENCH_STAYS"), concurrency=CONCURRENCY)
    print(time.perf_counter() - began)
    sys.exit(0)
