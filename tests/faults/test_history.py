"""The judge of histories, on such as were made by hand: it must notice what is wrong, and only that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.history import Entry, History, Known, read, write_line

MS = 1_000_000
A, B, C = "abc"


def begin(job: str, at: int, run: int = 1, **more: object) -> Entry:
    return line("begin", job, at, run, **more)


def end(job: str, at: int, run: int = 1, **more: object) -> Entry:
    return line("end", job, at, run, **more)


def line(
    what: str,
    job: str,
    at: int,
    run: int,
    *,
    pid: int = 1,
    worker: str = "w",
    number: int = 0,
    early: int = 0,
) -> Entry:
    """At so many milliseconds; claimed, perhaps, so many earlier."""
    return Entry(what, job, run, worker, pid, at * MS, (at - early) * MS, number, ("k", f"job-{job}"))


def history(*entries: Entry, runs: dict[str, int] | None = None, **known: object) -> History:
    last = {entry.job: 1 for entry in entries} if runs is None else runs
    return History(entries, Known(last, **known))  # type: ignore[arg-type]


def test_a_good_history() -> None:
    good = history(
        begin(A, 0, number=1),
        end(A, 10),
        begin(B, 10, number=2),
        end(B, 20),
        begin(C, 30, number=3),
        end(C, 31),
    )
    assert good.most("k") == 1
    assert good.over_limit({"k": 1, "job-": 1}) == []
    assert good.over_rate("k", 100, 1, 1) == []
    assert good.out_of_order("k") == []
    assert good.not_once() == []
    assert good.keys("job-") == ["job-a", "job-b", "job-c"]


def test_side_by_side() -> None:
    bad = history(begin(A, 0), begin(B, 5), begin(C, 7), end(B, 8), end(A, 9), end(C, 10))
    assert bad.most("k") == 3
    assert bad.over_limit({"k": 3}) == []
    assert bad.over_limit({"k": 2}) == ["k: 3 side by side, and 2 may"]
    assert bad.over_limit({"job-": 1}) == []


def test_a_run_without_an_end_goes_on() -> None:
    assert history(begin(A, 0), begin(B, 500), end(B, 501)).most("k") == 2


@pytest.mark.parametrize("known", [{"killed": {1: 10 * MS}}, {"lost": {(A, 1): 10 * MS}}])
def test_a_run_counts_until_it_was_killed_or_taken_back(known: dict[str, object]) -> None:
    for at, most in ((9, 2), (10, 1)):
        entries = (
            begin(A, 0),
            begin(B, at, pid=2),
            end(B, 20, pid=2),
            begin(A, 30, 2, pid=2),
            end(A, 40, 2, pid=2),
        )
        assert history(*entries, runs={A: 2, B: 1}, **known).most("k") == most


def test_the_run_by_which_a_job_has_ended_counts_to_its_end() -> None:
    entries = (begin(A, 0), begin(B, 9, pid=2), end(B, 10, pid=2), end(A, 20))
    assert history(*entries, stopped={1: 5 * MS}).most("k") == 2


def test_zombies_are_left_out_and_nothing_else() -> None:
    # Taken back at 10 as not begun, begun nevertheless by the process that was stopped from 5 to 15.
    entries = (
        begin(B, 11, pid=2),
        begin(A, 16),
        end(A, 18),
        end(B, 20, pid=2),
        begin(A, 30, 2),
        end(A, 31, 2),
    )
    runs = {A: 2, B: 1}
    found = history(*entries, runs=runs, stopped={1: 5 * MS})
    assert (found.most("k"), found.not_once(), len(found.zombies)) == (1, [], 1)
    found = history(*entries, runs=runs)
    assert found.most("k") == 2
    assert found.not_once() == ["('a', 1) ran, was not taken back, and its job was run again"]


def test_rates() -> None:
    # One every 10 ms, two at once.
    fine = [begin("x", 0), begin("x", 0), begin("x", 10), begin("x", 20), begin("x", 100), begin("x", 100)]
    assert history(*fine).over_rate("k", 100, 1, 2) == []
    assert history(*fine).over_rate("k", 100, 1, 1) == ["k: 2 began within 0.000 s"] * 4
    three = history(*fine, begin("x", 105))
    assert three.over_rate("k", 100, 1, 2) == ["k: 3 began within 0.005 s"] * 2
    # It is the claim that counts: that one may well have been earlier.
    assert history(*fine, begin("x", 105, early=20)).over_rate("k", 100, 1, 2) == []


def test_order() -> None:
    late = history(begin(A, 0, number=2), end(A, 1), begin(B, 2, number=1), end(B, 3))
    assert late.out_of_order("k") == ["k: 1 after 2"]
    beside = history(begin(A, 0, number=1), begin(B, 2, number=2), end(A, 3), end(B, 4))
    assert beside.out_of_order("k") == ["k: 2 while 1 went on"]
    again = history(
        begin(A, 0, number=1), begin(A, 5, 2, number=1), end(A, 6, 2), runs={A: 2}, lost={(A, 1): 4 * MS}
    )
    assert again.out_of_order("k") == []


@pytest.mark.parametrize(
    ("entries", "runs", "said"),
    [
        ([begin(A, 0), begin(A, 1), end(A, 2)], {A: 1}, "('a', 1) began 2 times"),
        ([begin(A, 0), end(A, 1), end(A, 2)], {A: 1}, "('a', 1) ended 2 times"),
        ([begin(A, 0)], {A: 1}, "('a', 1) never ended"),
        ([], {A: 1}, "('a', 1) never ended"),
        ([begin(A, 0), end(A, 1)], {}, "('a', 1) ran, and its job has not ended"),
        (
            [begin(A, 0), end(A, 1), begin(A, 2, 2), end(A, 3, 2)],
            {A: 1},
            "('a', 2) began after run 1, by which its job has ended",
        ),
        (
            [begin(A, 0), end(A, 1), begin(A, 2, 2), end(A, 3, 2)],
            {A: 2},
            "('a', 1) ran, was not taken back, and its job was run again",
        ),
    ],
)
def test_each_job_ends_once(entries: list[Entry], runs: dict[str, int], said: str) -> None:
    assert history(*entries, runs=runs).not_once() == [said]


def test_lines_are_read_by_time_and_half_ones_left(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert read(log) == []
    write_line(log, "end a 1 w 7 20 0 3 x y")
    write_line(log, "begin a 1 w 7 10 5 3 x y")
    with log.open("a") as file:
        file.write("begin b")
    first, second = read(log)
    assert first == Entry("begin", "a", 1, "w", 7, 10, 5, 3, ("x", "y"))
    assert second.what == "end"
