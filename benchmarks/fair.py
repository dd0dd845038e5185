"""Fair shares: how long a tenant with ten jobs waits beside one with very many, and what weights come to."""

from __future__ import annotations

import time
from contextlib import closing

from benchmarks.places import ask, ends, fresh, new_jobs, worked, working
from benchmarks.report import Row, median_row
from holdfast.core.job import NewJob
from holdfast.store.base import Store
from holdfast.store.open import open_store
from holdfast.store.records import LimitRow
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.limits import set_limits

FEW = 10
WEIGHT = 3
CONCURRENCY = 4
"""For jobs that take their time."""


def run(stores: dict[str, str], *, quick: bool) -> list[Row]:
    """Milliseconds until ten jobs have ended, beside another tenant's backlog against alone; and shares by weight."""
    number, rounds = (20_000, 3) if quick else (100_000, 5)
    rows: list[Row] = []
    for store, place in stores.items():
        for task, name, settings in (
            ("nap", "of 5 ms, 4 at a time", {"HOLDFAST_BENCH_CONCURRENCY": str(CONCURRENCY)}),
            ("noop", "that do nothing, 100 at a time", {}),
        ):
            for late, when in ((False, "there from the start"), (True, "that come later")):
                pairs = []
                for _ in range(rounds):
                    beside = waited(store, place, task, number, late, settings)
                    pairs.append((beside, waited(store, place, task, 0, late, settings)))
                # How soon a job that comes is begun depends on what is in hand then: only to be watched.
                target = None if late else 2
                title = f"{FEW} jobs {name}, {when}, beside {number}"
                rows.append(median_row(title, store, pairs, "ms", target, "lower"))
        pairs = [(weighed(store, place, number // 2), float(WEIGHT)) for _ in range(rounds)]
        rows.append(median_row(f"share of weight {WEIGHT} against weight 1", store, pairs, "jobs/job", 0.95))
    return rows


def waited(store: str, place: str, task: str, number: int, late: bool, settings: dict[str, str]) -> float:
    """Milliseconds until ten jobs of one tenant have ended.

    Args:
        store: and `place`: where.
        task: of all jobs.
        number: of jobs that another tenant has enqueued before.
        late: the ten come while a worker is at work, and the time counts from then. Otherwise from the first begin,
            or from the worker's start for jobs that do nothing, of which ten are over before that can be timed.
        settings: of the worker's environment.
    """
    few, many = jobs_of("few", FEW, task), jobs_of("many", number, task)
    with fresh(store, place) as url, closing(open_store(url)) as filled:
        put(filled, many)
        if not late:
            put(filled, few)
        with working(url, **settings):
            if late:
                until_begun(store, url, number)
                put(filled, few)
            ids = {job.job_id for job in few}
            while len(ids.intersection(job_id for job_id, _ in newest(store, url, few))) < FEW:
                time.sleep(0.05)
            started = earliest(store, url, "started_at", "{}workers")
        at = dict(ends(store, url, "shared"))
        end = max(at[job_id] for job_id in ids)
        joined = "{}finished AS f JOIN {}jobs AS j ON j.id = f.id"
        if late:
            named = ", ".join(repr(job.job_id) for job in few)
            begin = earliest(store, url, "j.created_at", f"{joined} WHERE j.id IN ({named})")
        elif task == "nap":
            begin = earliest(store, url, "f.started_at", joined)
        else:
            begin = started
        return (end - begin) * 1000


def newest(store: str, url: str, few: list[NewJob]) -> list[tuple[str, None]]:
    """Those of a few jobs that have ended."""
    ids = ", ".join(repr(job.job_id) for job in few)
    return [
        (str(row[0]), None) for row in ask(store, url, f"SELECT id FROM {{}}finished WHERE id IN ({ids})")
    ]


def until_begun(store: str, url: str, number: int) -> None:
    """Wait until the worker is there, and some of its jobs have ended."""
    what = "finished" if number else "workers"
    while not ask(store, url, f"SELECT id FROM {{}}{what} LIMIT 1"):
        time.sleep(0.02)
    time.sleep(0.5)  # it is in its stride


def earliest(store: str, url: str, column: str, where: str) -> float:
    at = (
        f"min({column})"
        if store == "sqlite"
        else f"(date_part('epoch', min({column})) * 1e6::float8)::bigint"
    )
    [(first,)] = ask(store, url, f"SELECT {at} FROM {where}")
    return float(first) / 1e6


def weighed(store: str, place: str, number: int) -> float:
    """How many jobs of a tenant end for each one of another that weighs less, while both have some."""
    heavy, light = jobs_of("heavy", number), jobs_of("light", number)
    with fresh(store, place) as url:
        with closing(open_store(url)) as filled:
            put(filled, light)
            put(filled, heavy)
        worked(url)
        ids = {job.job_id for job in heavy}
        first = [job_id in ids for job_id, _ in ends(store, url, "shared")][:number]
        return first.count(True) / first.count(False)


def jobs_of(tenant: str, number: int, task: str = "noop") -> list[NewJob]:
    return [job.replace(share=tenant) for job in new_jobs(number, task, "shared")]


def put(store: Store, jobs: list[NewJob]) -> None:
    store.write(set_limits, [LimitRow("queue:shared/fair", f'{{"weights": {{"heavy": {WEIGHT}}}}}')])
    for begin in range(0, len(jobs), 5000):
        store.write(insert, jobs[begin : begin + 5000])
