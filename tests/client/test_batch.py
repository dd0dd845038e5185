"""Many jobs in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    Draft,
    Holdfast,
    InvalidArguments,
    InvalidOption,
    Job,
    JobExists,
    SyncTask,
)


@pytest.fixture
def double(app: Holdfast) -> SyncTask[[int], int]:
    @app.task(name="double", queue="numbers")
    def double(number: int) -> int:
        return 2 * number

    return double


def args(jobs: list[Job[Any]]) -> list[Any]:
    return [job.args for job in jobs]


@pytest.mark.parity("S4.1")
def test_several_tasks_in_one_call(app: Holdfast, double: SyncTask[[int], int]) -> None:
    @app.task(priority=5)
    async def greet(name: str) -> str:
        return name

    jobs = app.enqueue_many(
        [
            double.new(1),
            greet.new("ada"),
            double.using(delay=60).new(2),
            app.new("double", {"number": 3}, priority=1),
        ]
    )
    assert [job.task for job in jobs] == ["double", greet.name, "double", "double"]
    assert args(jobs) == [{"number": 1}, {"name": "ada"}, {"number": 2}, {"number": 3}]
    assert [app.jobs.get(job.id).priority for job in jobs] == [0, 5, 0, 1]


@pytest.mark.parity("S3.1")
def test_ids_in_input_order_from_a_generator(app: Holdfast, double: SyncTask[[int], int]) -> None:
    drafts = list[Draft[int]]()

    def make() -> Iterator[Draft[int]]:
        for number in range(2000):
            drafts.append(double.new(number))
            yield drafts[-1]

    jobs = app.enqueue_many(make())
    assert [job.id for job in jobs] == [draft.id for draft in drafts] == sorted(draft.id for draft in drafts)
    assert args(jobs) == [{"number": number} for number in range(2000)]
    assert repr(drafts[0]) == f"<Draft double {drafts[0].id}>"
    assert jobs[0] == app.jobs.get(jobs[0].id)


def test_a_batch_from_async_code(app: Holdfast, double: SyncTask[[int], int]) -> None:
    jobs = asyncio.run(app.aenqueue_many(double.new(number) for number in range(3)))
    assert args(jobs) == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert len(app.jobs.list()) == 3


@pytest.mark.parity("S1.4")
def test_all_or_none(app: Holdfast, double: SyncTask[[int], int]) -> None:
    job = double.enqueue(1)
    with pytest.raises(JobExists):
        app.enqueue_many([double.new(2), double.using(id=job.id).new(3)])
    draft = double.new(4)
    with pytest.raises(JobExists, match="twice in one batch"):
        app.enqueue_many([draft, draft])
    with pytest.raises(InvalidArguments, match="number"):
        app.enqueue_many(double.new(number) for number in (5, "six"))  # type: ignore[arg-type]
    assert app.jobs.list() == [job]


def test_what_is_no_draft(app: Holdfast, double: SyncTask[[int], int], tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match=r"takes what task.new\(…\) returns, not 3"):
        app.enqueue_many([double.new(1), 3])  # type: ignore[list-item]
    with pytest.raises(
        InvalidOption, match=r"takes a list of what task.new\(…\) returns, not <Draft double .*> alone"
    ):
        app.enqueue_many(double.new(1))  # type: ignore[arg-type]
    with Holdfast(f"sqlite:///{tmp_path / 'other.db'}") as other:
        stranger = other.task(name="stranger")(lambda: None)
        with pytest.raises(InvalidOption, match="stranger belongs to another app"):
            app.enqueue_many([double.new(1), stranger.new()])
    assert app.jobs.list() == []


def test_the_transaction_is_the_batchs(app: Holdfast, double: SyncTask[[int], int]) -> None:
    with pytest.raises(InvalidOption, match="give tx= to enqueue_many, not to using"):
        double.using(tx=object()).new(1)
    with pytest.raises(InvalidOption, match="give tx= to enqueue_many, not to new"):
        app.new("double", {"number": 1}, tx=object())
