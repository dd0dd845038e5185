"""How fast jobs are enqueued: in bulk, one by one, and by many callers at once."""

from __future__ import annotations

import asyncio
import time

from benchmarks import bare
from benchmarks.places import fresh
from benchmarks.report import Row, median_row
from holdfast import Holdfast


def run(stores: dict[str, str], *, quick: bool) -> list[Row]:
    """Rows of jobs per second, against the bare inserts into the same tables."""
    bulk, single, rounds = (20_000, 200, 2) if quick else (100_000, 1000, 5)
    rows: list[Row] = []
    for store, place in stores.items():
        many = [(_bulk(store, place, bulk), _bare(store, place, bulk, 5000)) for _ in range(rounds)]
        rows.append(median_row("enqueue bulk", store, many, "jobs/s", 0.6))
        one = [(_single(store, place, single), _bare(store, place, single, 1)) for _ in range(rounds)]
        rows.append(median_row("enqueue one by one", store, one, "jobs/s", 0.7))
        crowd = [
            (_concurrent(store, place, single * 10), _bare(store, place, single, 1)) for _ in range(rounds)
        ]
        rows.append(median_row("enqueue by 100 callers", store, crowd, "jobs/s", 5.0))
    return rows


def _bare(store: str, place: str, number: int, batch: int) -> float:
    with fresh(store, place) as url:
        return bare.enqueue(store, url, number, batch)


def _app(url: str) -> tuple[Holdfast, object]:
    app = Holdfast(url)

    @app.task(name="noop")
    async def noop(to: str, n: int) -> None: ...

    return app, noop


def _bulk(store: str, place: str, number: int) -> float:
    with fresh(store, place) as url:
        app, noop = _app(url)
        began = time.perf_counter()
        for begin in range(0, number, 5000):
            app.enqueue_many(noop.new("someone@example.com", 12345) for _ in range(min(5000, number - begin)))  # type: ignore[attr-defined]
        seconds = time.perf_counter() - began
        app.close()
        return number / seconds


def _single(store: str, place: str, number: int) -> float:
    with fresh(store, place) as url:
        app, noop = _app(url)
        noop.enqueue("someone@example.com", 12345)  # type: ignore[attr-defined]
        began = time.perf_counter()
        for _ in range(number):
            noop.enqueue("someone@example.com", 12345)  # type: ignore[attr-defined]
        seconds = time.perf_counter() - began
        app.close()
        return number / seconds


def _concurrent(store: str, place: str, number: int, callers: int = 100) -> float:
    async def caller(noop: object, times: int) -> None:
        for _ in range(times):
            await noop.aenqueue("someone@example.com", 12345)  # type: ignore[attr-defined]

    async def all_callers(noop: object) -> float:
        await noop.aenqueue("someone@example.com", 12345)  # type: ignore[attr-defined]
        began = time.perf_counter()
        await asyncio.gather(*(caller(noop, number // callers) for _ in range(callers)))
        return time.perf_counter() - began

    with fresh(store, place) as url:
        app, noop = _app(url)
        seconds = asyncio.run(all_callers(noop))
        app.close()
        return number / seconds
