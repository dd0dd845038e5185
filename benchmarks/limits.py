"""What limits cost: many keys with a limit of one, one key with a long backlog, and others beside them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing

from benchmarks.places import ends, fresh, held_snapshot, new_jobs, rate, worked, working
from benchmarks.report import Row, median_row
from holdfast.core.job import NewJob
from holdfast.store.base import Store
from holdfast.store.open import open_store
from holdfast.store.records import LimitRow
from holdfast.store.verbs.claim import lanes
from holdfast.store.verbs.claim_lined import claim_lined
from holdfast.store.verbs.in_hand import Order
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.limits import set_limits

RULE = "queue:limited"
Shape = Callable[[int, NewJob], NewJob]


def run(stores: dict[str, str], *, quick: bool) -> list[Row]:
    """Jobs per second: limited jobs against plain ones of the same run, others beside them, and last against first."""
    number, rounds = (20_000, 1) if quick else (100_000, 3)
    keys = number // 10
    rows: list[Row] = []
    for store, place in stores.items():
        plain, spread, alone, beside, waiting, one = [], [], [], [], [], []
        held_spread, held_one = [], []
        for _ in range(rounds):
            plain.append(drained(store, place, number))
            spread.append(levels(store, place, number, 1, over(keys)))
            alone.append(others(store, place, number, 0, 0, over(1)))
            beside.append(others(store, place, number, number, 10, over(1)))
            waiting.append(others(store, place, number, keys, 0, over(keys)))
            one.append(levels(store, place, number, 10, over(1)))
            held_spread.append(levels(store, place, number, 1, over(keys), snapshot=True))
            held_one.append(levels(store, place, number, 10, over(1), snapshot=True))
        rows += [
            median_row(
                f"{keys} keys, limit 1",
                store,
                list(zip([s[0] for s in spread], plain, strict=True)),
                "jobs/s",
                0.3,
            ),
            median_row(
                f"plain beside {number} of one key, limit 10",
                store,
                list(zip(beside, alone, strict=True)),
                "jobs/s",
                0.8,
            ),
            median_row(
                f"plain beside {keys} waiting lines",
                store,
                list(zip(waiting, alone, strict=True)),
                "jobs/s",
                0.95,
            ),
            median_row(
                "one key, limit 10", store, list(zip([s[0] for s in one], plain, strict=True)), "jobs/s", None
            ),
        ]
        for name, found in (
            (f"{keys} keys", spread),
            ("one key", one),
            (f"{keys} keys, old snapshot", held_spread),
            ("one key, old snapshot", held_one),
        ):
            pairs = [(last, first) for _, first, last in found]
            rows.append(median_row(f"{name}: last quarter / first", store, pairs, "jobs/s", 0.75))
    return rows


def over(keys: int) -> Shape:
    """Jobs spread over so many keys of the limit."""
    return lambda n, job: job.replace(limits=(f"{RULE}|{n % keys}",))


def drained(store: str, place: str, number: int) -> float:
    """Plain jobs per second of a worker in a process of its own, default settings."""
    with fresh(store, place) as url:
        with closing(open_store(url)) as filled:
            put(filled, new_jobs(number))
        worked(url)
        return rate([at for _, at in ends(store, url)])


def levels(
    store: str, place: str, number: int, limit: int, shape: Shape, *, snapshot: bool = False
) -> tuple[float, float, float]:
    """Limited jobs per second: all in all, of the first quarter and of the last."""
    with fresh(store, place) as url, ExitStack() as stack:
        with closing(open_store(url)) as filled:
            put_limited(filled, number, limit, shape)
        if snapshot:
            stack.enter_context(held_snapshot(store, url))
        worked(url)
        times = [at for _, at in ends(store, url, "limited")]
        quarter = len(times) // 4
        return rate(times), rate(times[:quarter]), rate(times[-quarter:])


def others(store: str, place: str, number: int, held: int, limit: int, shape: Shape) -> float:
    """Plain jobs per second beside so many limited ones in another queue, of which none is new any more."""
    with fresh(store, place) as url, closing(open_store(url)) as filled:
        put_limited(filled, held, limit, shape)
        begin = Order("", "", [], 0, ["noop"], lambda _: False)
        while filled.write(claim_lined, begin).look_at == 0:
            pass
        put(filled, new_jobs(number))
        with working(url):
            while any(lane.queue == "default" for lane in filled.read(lanes, ["default"])):
                time.sleep(0.1)
        return rate([at for _, at in ends(store, url)])


def put_limited(store: Store, number: int, limit: int, shape: Shape) -> None:
    store.write(set_limits, [LimitRow(RULE, f'{{"most": {limit}}}')])
    put(store, [shape(n, job) for n, job in enumerate(new_jobs(number, queue="limited"))])


def put(store: Store, jobs: list[NewJob]) -> None:
    for begin in range(0, len(jobs), 5000):
        store.write(insert, jobs[begin : begin + 5000])
