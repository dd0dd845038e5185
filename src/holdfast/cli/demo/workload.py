"""The demo's jobs: put into the queue, worked off, followed and read back, with nothing but the public API."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from holdfast import Holdfast, Job
from holdfast.cli.databases import queue_records
from holdfast.cli.demo.place import DemoError, Place
from holdfast.cli.demo.stopping import Stopped
from holdfast.cli.demo.tasks import CRON_QUEUE, QUEUE, Workshop, archive, router, take_stock, watch

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.cli.demo.stopping import Stopping
    from holdfast.cli.demo.tree import Tree
    from holdfast.worker.worker import Worker

CHUNK = 1_000
SCHEDULED_AFTER = timedelta(seconds=1)
POLL = 0.1
"""Seconds between two looks at the counters; longer if looking itself takes long."""
STALLED = 5.0
"""Seconds without any change after which it is time to look for a reason."""
LEAST_ROOM = 1_000_000
"""Bytes below which a disk is called full."""
GRACE = 10.0
"""Seconds that running jobs get to finish after Ctrl-C."""
CRON_WAIT = 5.0
"""Seconds to wait at most, when all else is done, for the cron job to have run."""


@dataclass(frozen=True)
class Counts:
    """The demo's queue at one moment, in jobs."""

    waiting: int
    running: int
    succeeded: int
    failed: int
    cancelled: int

    @property
    def alive(self) -> int:
        return self.waiting + self.running

    @property
    def ended(self) -> int:
        return self.succeeded + self.failed + self.cancelled

    @property
    def total(self) -> int:
        return self.alive + self.ended


@dataclass
class Intake:
    """What was put into the queue, and what an earlier demo had left there."""

    new: int = 0
    done: int = 0
    """Files that an earlier demo finished."""
    waiting: int = 0
    """Jobs that it left waiting, or running when it was killed."""
    again: int = 0
    """Jobs of it that had failed, or whose copy is gone."""
    seconds: float = 0.0
    """What putting the new ones in took."""
    stumbling: list[str] = field(default_factory=list[str])
    """The new ones that will fail at their first attempt."""


class Workload:
    """The app of one demo and, while `working`, its worker."""

    def __init__(self, place: Place, url: str) -> None:
        self._place = place
        _log_to(place.log)
        self.app = Holdfast(url, lifespan=self._lifespan)
        self.app.include(router)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.app.close()

    @contextlib.contextmanager
    def _lifespan(self, _: Holdfast) -> Generator[Workshop]:
        yield Workshop(self._place.source, self._place.folder)

    def put(self, tree: Tree, *, resumed: bool, tick: Callable[[int], object]) -> Intake:
        """Put a job into the queue for each file that has none, and the scheduled one."""
        intake = Intake()
        known = self._take_up(intake, tick) if resumed else set[str]()
        todo = [path for path in tree.files if path not in known]
        intake.stumbling = stumbling_files(todo)
        began = time.perf_counter()
        for start in range(0, len(todo), CHUNK):
            chunk = todo[start : start + CHUNK]
            # One transaction for each chunk: killed between two, the next demo puts in the rest.
            self.app.enqueue_many([archive.new(path, path in intake.stumbling) for path in chunk])
            intake.new += len(chunk)
            tick(intake.new)
        intake.seconds = time.perf_counter() - began
        if not any(True for _ in self.jobs(take_stock.name)):
            take_stock.using(delay=SCHEDULED_AFTER).enqueue()
        return intake

    def _take_up(self, intake: Intake, tick: Callable[[int], object]) -> set[str]:
        """Look at the jobs of an earlier demo; returns their files. What failed is tried again."""
        workshop = Workshop(self._place.source, self._place.folder)
        known = set[str]()
        for job in self.jobs(archive.name):
            known.add(job.args["path"])
            tick(len(known))
            if not job.state.terminal:
                intake.waiting += 1
            elif job.state == "succeeded" and workshop.copy_of(job.result(timeout=0).sha256).exists():
                intake.done += 1
            else:
                job.retry()
                intake.again += 1
        return known

    def jobs(self, task: str) -> Iterator[Job[Any]]:
        """All jobs of a task, newest first."""
        after = None
        while page := self.app.jobs.list(task=task, limit=CHUNK, after=after):
            yield from page
            after = page[-1].id

    def counts(self) -> Counts:
        found = next((queue for queue in queue_records(self.app) if queue.name == QUEUE), None)
        if found is None:
            return Counts(0, 0, 0, 0, 0)
        return Counts(found.pending, found.running, found.succeeded, found.failed, found.cancelled)

    def work(self, threads: int, *, look: Callable[[Counts], object], stopping: Stopping) -> None:
        """Run a worker until nothing is left, showing the counters now and then.

        Raises:
            Stopped: someone asked; the worker has ended gently.
            DemoError: the worker has ended by itself.
        """
        worker = self.app.worker(queues=[QUEUE, CRON_QUEUE], threads=threads)
        worker.start()
        wait = True
        try:
            self._follow(worker, look, stopping)
        except DemoError:
            # The worker would go on trying; leaving it behind loses nothing.
            wait = False
            raise
        finally:
            worker.request_stop(GRACE if wait else 0)
            if wait:
                self._wait_for_end(worker, stopping)

    def _follow(self, worker: Worker, look: Callable[[Counts], object], stopping: Stopping) -> None:
        last, moved = None, time.monotonic()
        done_at: float | None = None
        while worker.wait(0) is None:
            began = time.monotonic()
            counts = self.counts()
            look(counts)
            if not counts.alive:
                # It fires every second: the wait is for a demo that took no longer.
                done_at = began if done_at is None else done_at
                if self._cron_has_run() or began - done_at > CRON_WAIT:
                    return
            elif counts != last:
                last, moved = counts, began
            elif began - moved > STALLED:
                self._refuse_full_disk()
            stopping.pause(max(POLL, 10 * (time.monotonic() - began)))
        raise DemoError(f"the worker has ended before its time; its log: {self._place.log}")

    def _cron_has_run(self) -> bool:
        return bool(self.app.jobs.list(task=watch.name, state="succeeded", limit=1))

    def _refuse_full_disk(self) -> None:
        """Nothing moves: a worker waits patiently for room on the disk, a person need not."""
        if shutil.disk_usage(self._place.folder).free < LEAST_ROOM:
            raise DemoError(
                f"the disk of {self._place.folder} is full; make room and run the same command again, "
                "or name another place with --into"
            )

    def _wait_for_end(self, worker: Worker, stopping: Stopping) -> None:
        """Until the worker has ended. A second Ctrl-C shortens it, a third leaves at once, which harms nothing."""
        told = 0
        while worker.wait(POLL) is None:
            try:
                stopping.check()
            except Stopped as stop:
                told += 1
                worker.request_stop(0)
                if told > 1:
                    os._exit(128 + stop.number)


def stumbling_files(files: Sequence[str]) -> list[str]:
    """The few files whose first attempt fails on purpose: the same for the same folder."""
    n = len(files)
    if n < 4:
        return list(files[:1])
    return [files[n // 4], files[n // 2], files[3 * n // 4]]


def thread_count() -> int:
    """Enough that compressing keeps every processor busy while others read and write."""
    return min(32, 2 * (os.cpu_count() or 1))


def _log_to(path: Path) -> None:
    """Have all that Holdfast logs written to a file: what a worker reports must not run through the picture."""
    logger = logging.getLogger("holdfast")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
