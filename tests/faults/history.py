"""What runs wrote down of themselves, and the judge of it: limits, rates, order, and that each job ended once.

Handlers append a line when they begin and one when they end, with times of the one monotonic clock that all processes
of a machine share. The judge knows nothing of the store but what became of each job, and which runs were taken back.

Nothing of what it says rests on guesses about time. A handler begins after its job was counted and ends before the
slot is given back, so what runs side by side in the history did so by the store's count too. A job is counted after
the id of its lease was made, and before its handler begins: that many begins lie between two moments for sure.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from holdfast.core.ids import timestamp_ms

if TYPE_CHECKING:
    from holdfast import Holdfast, JobContext

NEVER = 1 << 62
CLOCKS = 50_000_000
"""Nanoseconds by which a worker's idea of its server's clock may be wrong."""


def write_line(path: str | Path, line: str) -> None:
    """One line, whole: appends of this size don't mix."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{line}\n".encode())
    os.close(fd)


class Entry(NamedTuple):
    """One line."""

    what: str
    """begin or end"""
    job: str
    run: int
    worker: str
    pid: int
    at: int
    """Nanoseconds of the monotonic clock."""
    claimed: int
    """The same, from when on it may have been claimed."""
    number: int
    keys: tuple[str, ...]
    """What it is counted by, or is in order within; whatever names the handler likes."""


def note(path: str | Path, ctx: JobContext, what: str, number: int, *keys: str) -> None:
    """Write down that a run begins or ends."""
    at = time.monotonic_ns()
    claimed = at - (time.time_ns() - timestamp_ms(ctx.claimed.lease) * 1_000_000)
    where = f"{ctx.claimed.job_id} {ctx.run} {ctx.job.worker} {os.getpid()}"
    write_line(path, f"{what} {where} {at} {claimed} {number} {' '.join(keys)}")


def read(path: Path) -> list[Entry]:
    """All whole lines, by time."""
    text = path.read_text() if path.exists() else ""
    entries = []
    for line in text.rpartition("\n")[0].splitlines():
        what, job, run, worker, pid, at, claimed, number, *keys = line.split()
        entries.append(
            Entry(what, job, int(run), worker, int(pid), int(at), int(claimed), int(number), tuple(keys))
        )
    return sorted(entries, key=lambda entry: entry.at)


class Known(NamedTuple):
    """What became of the jobs, told by the store, and what the test did to processes."""

    runs: Mapping[str, int]
    """The last run of each job that has ended."""
    lost: Mapping[tuple[str, int], int] = {}
    """Runs that failed or were taken back from a dead worker: when."""
    dead: frozenset[str] = frozenset()
    """Workers from which something was taken back."""
    killed: Mapping[int, int] = {}
    """Processes, and when they were gone at the latest."""
    stopped: Mapping[int, int] = {}
    """Processes, and when they were stopped first at the earliest."""


def look_up(app: Holdfast, number: int, killed: Mapping[int, int], stopped: Mapping[int, int]) -> Known:
    """Ask the store. Its times are put on the monotonic clock."""
    offset = time.monotonic_ns() - time.time_ns()
    jobs = app.jobs.list(limit=number + 1)
    assert len(jobs) == number, f"{number} jobs were enqueued, and {len(jobs)} are there"
    lost: dict[tuple[str, int], int] = {}
    dead: set[str] = set()
    for job in jobs:
        for error in app.jobs.get(job.id).errors if job.crashes else ():
            lost[str(job.id), error.run] = int(error.at.timestamp() * 1e9) + offset - CLOCKS
            dead.add(str(error.worker))
    ended = {str(job.id): job.run for job in jobs if job.state.terminal}
    return Known(ended, lost, frozenset(dead), killed, stopped)


class Span(NamedTuple):
    """A run, as long as it counts."""

    begin: int
    end: int
    entry: Entry


class History:
    """The runs of a history, as far as they count.

    A run counts until it has ended, its process was gone, or it was taken back from a worker found dead. What such a
    worker does after that with jobs that are no longer its own is a zombie's doing, and doesn't count.
    """

    def __init__(self, entries: Sequence[Entry], known: Known) -> None:
        self.known = known
        self.entries = entries
        ends = {(entry.job, entry.run): entry.at for entry in entries if entry.what == "end"}
        self.spans: list[Span] = []
        self.zombies: list[Entry] = []
        for entry in entries:
            if entry.what != "begin":
                continue
            name = entry.job, entry.run
            end = ends.get(name, NEVER)
            if known.runs.get(entry.job) != entry.run:
                end = min(end, known.lost.get(name, NEVER), known.killed.get(entry.pid, NEVER))
                # What was claimed and not begun is taken back without a word; a zombie may begin it in spite of that.
                stopped = entry.worker in known.dead or entry.at >= known.stopped.get(entry.pid, NEVER)
                if entry.at >= end or (stopped and name not in known.lost):
                    self.zombies.append(entry)
                    continue
            self.spans.append(Span(entry.at, end, entry))

    def most(self, key: str) -> int:
        """The greatest number of runs side by side."""
        moments: list[tuple[int, int]] = []
        for span in self._of(key):
            moments += [(span.begin, 1), (span.end, -1)]
        now = most = 0
        for _, step in sorted(moments):  # what ends at a moment makes room for what begins then
            now += step
            most = max(most, now)
        return most

    def keys(self, prefix: str = "") -> list[str]:
        """All that runs were counted by."""
        return sorted({key for e in self.entries for key in e.keys if key.startswith(prefix)})

    def over_limit(self, limits: Mapping[str, int]) -> list[str]:
        """Keys of which more ran side by side than may; a limit holds for all keys that begin so."""
        return [
            f"{key}: {most} side by side, and {limit} may"
            for prefix, limit in limits.items()
            for key in self.keys(prefix)
            if (most := self.most(key)) > limit
        ]

    def over_rate(self, key: str, count: int, per: float, burst: int) -> list[str]:
        """Moments between which more began for sure than a rate gives."""
        spacing = per * 1e9 / count
        begins = [(e.claimed, e.at) for e in self.entries if e.what == "begin" and key in e.keys]
        wrong: list[str] = []
        for since in sorted(claimed for claimed, _ in begins):
            inside = sorted(at for claimed, at in begins if claimed >= since)
            for number, at in enumerate(inside, 1):
                allowed = (at - since) / spacing + burst
                if number > allowed + 1e-6:
                    wrong.append(f"{key}: {number} began within {(at - since) / 1e9:.3f} s")
                    break
        return wrong

    def out_of_order(self, prefix: str) -> list[str]:
        """Of keys that order jobs: runs before their turn, and runs side by side."""
        wrong: list[str] = []
        for key in self.keys(prefix):
            last: Span | None = None
            for span in sorted(self._of(key)):
                if last is not None and span.entry.number < last.entry.number:
                    wrong.append(f"{key}: {span.entry.number} after {last.entry.number}")
                if last is not None and span.begin < last.end:
                    wrong.append(f"{key}: {span.entry.number} while {last.entry.number} went on")
                last = span
        return wrong

    def not_once(self) -> list[str]:
        """Jobs whose last run was not the one that ended, did so more than once, or went on."""
        runs = self.known.runs
        begun = Counter((e.job, e.run) for e in self.entries if e.what == "begin")
        ended = Counter((e.job, e.run) for e in self.entries if e.what == "end")
        wrong = [f"{name} began {number} times" for name, number in begun.items() if number > 1]
        wrong += [f"{name} ended {number} times" for name, number in ended.items() if number > 1]
        wrong += [f"{name} never ended" for name in runs.items() if name not in ended]
        for span in self.spans:
            name = job, run = span.entry.job, span.entry.run
            if job not in runs:
                wrong.append(f"{name} ran, and its job has not ended")
            elif run > runs[job]:
                wrong.append(f"{name} began after run {runs[job]}, by which its job has ended")
            elif run < runs[job] and name not in self.known.lost:
                wrong.append(f"{name} ran, was not taken back, and its job was run again")
        return wrong

    def _of(self, key: str) -> Iterable[Span]:
        return (span for span in self.spans if key in span.entry.keys)
