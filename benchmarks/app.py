"""The application whose jobs are measured, and a worker for it: `python -m benchmarks.app async|thread`."""

from __future__ import annotations

import os
import sys
import time

from holdfast import Holdfast

CLEANUP = os.environ.get("HOLDFAST_BENCH_CLEANUP", "60")

app = Holdfast(cleanup_interval=float(CLEANUP) if CLEANUP else None)


@app.task(name="noop")
async def noop(to: str, n: int) -> None:
    """Nothing, on the event loop."""


@app.task(name="noop_thread")
def noop_thread(to: str, n: int) -> None:
    """Nothing, in a thread."""


if __name__ == "__main__":
    began = time.perf_counter()
    app.run_worker(burst=True)
    print(time.perf_counter() - began)
    sys.exit(0)
