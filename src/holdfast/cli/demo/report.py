"""The figures of a demo, read from its finished jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.cli.demo.names import to_bytes
from holdfast.cli.demo.tasks import CRON, Archived, Stock, Workshop, archive, take_stock, watch

if TYPE_CHECKING:
    from holdfast import Job
    from holdfast.cli.demo.tree import Tree
    from holdfast.cli.demo.workload import Workload


@dataclass
class Report:
    """What became of every file."""

    archived: dict[str, Archived] = field(default_factory=dict[str, Archived])
    """By the file's name."""
    failed: dict[str, str] = field(default_factory=dict[str, str])
    """The reason and the last error, by the file's name."""
    unreadable: dict[str, str] = field(default_factory=dict[str, str])
    """The same of files that may not be read, which is no fault of the queue."""
    gone: list[str] = field(default_factory=list[str])
    """Files that went away before their turn."""
    states: Counter[str] = field(default_factory=Counter[str])
    """Jobs by state, the scheduled one included; not those of the cron job."""
    stumbled: list[str] = field(default_factory=list[str])
    """Files whose first attempt failed on purpose, and that then succeeded."""
    cut_off: list[str] = field(default_factory=list[str])
    """Files whose job was running when its worker was killed."""
    retried: list[str] = field(default_factory=list[str])
    """Others that took more than one attempt."""
    stock: Stock | None = None
    schedule: str = CRON
    fired: int = 0
    """How often the cron job was enqueued by its schedule."""
    watched: int = 0
    """How often it has succeeded."""
    worked: int = 0
    """Jobs that this demo ran at full speed: neither of an earlier one, nor waiting for a retry."""
    seconds: float = 0.0
    """How long it took for them."""

    @property
    def size(self) -> int:
        return sum(found.size for found in self.archived.values())

    @property
    def copies(self) -> dict[str, Archived]:
        """One for each copy: equal files share one."""
        return {found.sha256: found for found in self.archived.values()}

    @property
    def stored(self) -> int:
        return sum(found.stored for found in self.copies.values())

    @property
    def slowest(self) -> tuple[str, Archived] | None:
        return max(self.archived.items(), key=lambda item: item[1].seconds, default=None)

    def lost(self, tree: Tree) -> list[str]:
        """Files for which there is no job."""
        known = {*self.archived, *self.failed, *self.unreadable, *self.gone}
        return [path for path in tree.files if path not in known]


def read_report(workload: Workload, began: datetime, *, tick: Callable[[int], object]) -> Report:
    """Read all jobs back.

    Args:
        workload: whose.
        began: when this demo's worker was started.
        tick: told after each how many were read.
    """
    report = Report()
    last = began
    for number, job in enumerate(workload.jobs(archive.name), 1):
        tick(number)
        report.states[job.state.value] += 1
        _note(report, job)
        if job.updated_at >= began and job.attempt == 1:
            report.worked += 1
            last = max(last, job.updated_at)
    report.seconds = (last - began).total_seconds()
    for job in workload.jobs(take_stock.name):
        report.states[job.state.value] += 1
        if job.state == "succeeded":
            report.stock = job.result(timeout=0)
        elif job.state == "failed":
            report.failed["(the scheduled job)"] = _why(job)
    for job in workload.jobs(watch.name):
        report.fired += 1
        report.watched += job.state == "succeeded"
        if job.state == "failed":
            report.failed["(the cron job)"] = _why(job)
    return report


def _note(report: Report, job: Job[Any]) -> None:
    path: str = job.args["path"]
    if job.state == "succeeded":
        report.archived[path] = job.result(timeout=0)
        if job.attempt > 1:
            _kind_of_retry(report, job).append(path)
    elif job.state == "cancelled":
        report.gone.append(path)
    else:
        (report.unreadable if job.reason == "error" else report.failed)[path] = _why(job)


def _kind_of_retry(report: Report, job: Job[Any]) -> list[str]:
    if job.args.get("stumbles"):
        return report.stumbled
    return report.cut_off if job.crashes else report.retried


def _why(job: Job[Any]) -> str:
    error = job.last_error
    return f"{job.reason or job.state.value}" + (f": {error.message}" if error else "")


def copies_to_check(report: Report, workshop: Workshop) -> list[tuple[Path, str, int]]:
    """Path, fingerprint and size of each copy."""
    return [(workshop.copy_of(mark), mark, found.size) for mark, found in report.copies.items()]


def write_sums(report: Report, path: Path) -> None:
    """Write the fingerprints in the form that `sha256sum --check` reads, to be checked by anyone."""
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.writelines(_sum_lines(report))
    draft.replace(path)


def _sum_lines(report: Report) -> Iterator[bytes]:
    for name, found in sorted(report.archived.items()):
        raw = to_bytes(name)
        escaped = raw.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        mark = b"\\" if escaped != raw else b""
        yield mark + found.sha256.encode() + b"  " + escaped + b"\n"
