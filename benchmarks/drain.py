"""How fast one ordinary worker process empties a queue of jobs that do nothing."""

from __future__ import annotations

from benchmarks import bare
from benchmarks.places import fill, fresh, worked
from benchmarks.report import Row, median_row
from holdfast.store.open import open_store

TARGETS = {
    ("postgres", "async"): 0.65,
    ("postgres", "thread"): 0.85,
    ("sqlite", "async"): 0.4,
    ("sqlite", "thread"): 0.4,
}


def run(stores: dict[str, str], *, quick: bool) -> list[Row]:
    """Rows of jobs per second, async and thread handlers, against the bare loop."""
    number, rounds = (20_000, 2) if quick else (100_000, 5)
    rows: list[Row] = []
    for store, place in stores.items():
        for kind, task in (("async", "noop"), ("thread", "noop_thread")):
            pairs = [(ours(store, place, task, number), ceiling(store, place, number)) for _ in range(rounds)]
            rows.append(median_row(f"drain {kind}", store, pairs, "jobs/s", TARGETS[store, kind]))
    return rows


def ours(store: str, place: str, task: str, number: int) -> float:
    """A worker in a process of its own, default settings."""
    with fresh(store, place) as url:
        filled = open_store(url)
        fill(filled, number, task)
        filled.close()
        return number / worked(url)


def ceiling(store: str, place: str, number: int) -> float:
    with fresh(store, place) as url:
        filled = open_store(url)
        fill(filled, number)
        filled.close()
        return bare.drain(store, url)
