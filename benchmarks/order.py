"""What order costs: jobs over many ordering keys, one long FIFO queue, and plain jobs beside such a queue."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.places import fresh, new_jobs, worked
from benchmarks.report import Row, median_row
from holdfast.core.job import NewJob
from holdfast.store.open import open_store
from holdfast.store.verbs.insert import insert

Shape = Callable[[int, NewJob], NewJob]


def run(stores: dict[str, str], *, quick: bool) -> list[Row]:
    """Jobs per second, each against as many plain jobs in the same run."""
    number, rounds = (20_000, 1) if quick else (100_000, 3)
    rows: list[Row] = []
    for store, place in stores.items():
        plain, keys, line, beside = [], [], [], []
        for _ in range(rounds):
            plain.append(drained(store, place, number))
            keys.append(drained(store, place, number, over(number // 10)))
            line.append(drained(store, place, number // 20, over(1)))
            beside.append(drained(store, place, number, held_up=number))
        for name, found, target in (
            (f"order {number // 10} keys", keys, 0.3),
            ("order one line", line, None),
            (f"order plain beside a line of {number}", beside, 0.9),
        ):
            rows.append(median_row(name, store, list(zip(found, plain, strict=True)), "jobs/s", target))
    return rows


def over(keys: int) -> Shape:
    """Jobs spread over so many ordering keys."""
    return lambda n, job: job.replace(ordering_key=str(n % keys))


def drained(store: str, place: str, number: int, shape: Shape | None = None, held_up: int = 0) -> float:
    """Jobs per second of a worker in a process of its own, default settings.

    Args:
        store: and `place`: where.
        number: of jobs.
        shape: makes of a plain job what is to be measured.
        held_up: so many jobs wait behind one that is not due, in another queue.
    """
    with fresh(store, place) as url:
        filled = open_store(url)
        made = new_jobs(number)
        shaped = made if shape is None else [shape(n, job) for n, job in enumerate(made)]
        if held_up:
            line = new_jobs(held_up, queue="line")
            later = [job.replace(ordering_key="", delay=3_600_000_000) for job in line]
            shaped += later
        for begin in range(0, len(shaped), 5000):
            filled.write(insert, shaped[begin : begin + 5000])
        filled.close()
        return number / worked(url)
