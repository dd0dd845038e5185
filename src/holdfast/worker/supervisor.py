"""Several whole workers, each a process: what dies is started again."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from holdfast.worker.health import Health
from holdfast.worker.reports import REPORTS, Reports, health_of_all
from holdfast.worker.run import LIFELINE, LOOK_UP, answering, signals
from holdfast.worker.status import ExitStatus

logger = logging.getLogger("holdfast.supervisor")

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""Seconds after which a worker that dies is not taken for one that can't live."""

_WORST = (ExitStatus.FAILED, ExitStatus.UNSETTLED, ExitStatus.UNFINISHED, ExitStatus.FINISHED)


class Member:
    """One worker process, and those that came before in its place."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.status = ExitStatus.FINISHED
        self.start_at: float | None = 0.0
        """When to start it; None while it runs, or has ended for good."""
        self.started_at = 0.0
        self.reports = Reports()
        self._pause = FIRST_PAUSE

    def pause(self) -> float:
        """Seconds until it is started again, having died: doubling while it doesn't live for long."""
        if monotonic() - self.started_at > STEADY:
            self._pause = FIRST_PAUSE
        wait = self._pause * random.uniform(0.8, 1.2)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
        return wait


class Supervisor:
    """See `supervise`."""

    def __init__(self, command: Sequence[str], processes: int, *, burst: bool) -> None:
        self._command = list(command)
        self._members = [Member(number) for number in range(1, processes + 1)]
        self._burst = burst
        self._signals: SimpleQueue[int] = SimpleQueue()
        self._ended: SimpleQueue[tuple[Member, int]] = SimpleQueue()
        self._told = 0
        self._lifeline = (-1, -1)

    def health(self) -> Health:
        """How all the workers are. From any thread."""
        members = {f"worker {member.number}": member.reports for member in self._members}
        return health_of_all(members, ending=bool(self._told))

    def run(self) -> ExitStatus:
        """Run until all have ended for good."""
        self._lifeline = os.pipe()
        try:
            with signals(self._signals):
                while self._alive():
                    self._start_due()
                    self._wait()
        finally:
            for end in self._lifeline:
                os.close(end)
        statuses = {member.status for member in self._members}
        return next(status for status in _WORST if status in statuses)

    def _alive(self) -> bool:
        return any(member.process is not None or member.start_at is not None for member in self._members)

    def _start_due(self) -> None:
        now = monotonic()
        for member in self._members:
            if member.start_at is not None and member.start_at <= now:
                self._start(member)

    def _start(self, member: Member) -> None:
        member.start_at = None
        member.started_at = monotonic()
        theirs = self._lifeline[0]
        heard, said = os.pipe()
        environment = {**os.environ, LIFELINE: str(theirs), REPORTS: str(said)}
        try:
            # A group of its own: Ctrl-C goes to the supervisor alone, which passes it on once.
            process = subprocess.Popen(  # noqa: S603 - our own command line
                self._command, pass_fds=[theirs, said], env=environment, process_group=0
            )
        finally:
            os.close(said)
        member.process = process
        member.reports.begin()
        Thread(target=self._attend, args=(member, process), name="holdfast-attendant", daemon=True).start()
        Thread(target=member.reports.read, args=(heard,), name="holdfast-reports", daemon=True).start()
        logger.info("worker %d: process %d has begun", member.number, process.pid)

    def _attend(self, member: Member, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        self._ended.put((member, code))
        self._signals.put(0)

    def _wait(self) -> None:
        """Wait for a signal, an end, or the time to start something."""
        starts = [member.start_at for member in self._members if member.start_at is not None]
        # Now and then it looks up, for signals that another thread was given (`holdfast.worker.run`).
        timeout = min(LOOK_UP, max(0.0, min(starts) - monotonic())) if starts else LOOK_UP
        try:
            number = self._signals.get(timeout=timeout)
        except Empty:
            return
        if number:
            self._pass_on(number)
        while not self._ended.empty():
            self._take_leave(*self._ended.get())

    def _pass_on(self, number: int) -> None:
        self._told += 1
        for member in self._members:
            member.start_at = None
            if member.process is None and self._told == 1:
                # It has died, and another was to take its place, which has nothing to finish.
                member.status = ExitStatus.FINISHED
            if member.process is not None:
                logger.info("worker %d: passing on %s", member.number, signal.Signals(number).name)
                # The first two mean "finish" and "at once"; who signals a third time wants it over.
                member.process.send_signal(number if self._told < 3 else signal.SIGKILL)

    def _take_leave(self, member: Member, code: int) -> None:
        member.process = None
        member.reports.end()
        # One that was told to end before it could listen has nothing to answer for.
        told = 0 < self._told < 3 and -code in (signal.SIGINT, signal.SIGTERM)
        member.status = ExitStatus.FINISHED if told else _status(code)
        if self._told or (self._burst and member.status is not ExitStatus.RENEW and code >= 0):
            logger.info("worker %d has ended (%s)", member.number, _told(code))
            return
        if member.status is ExitStatus.RENEW:
            member.start_at = monotonic()
            return
        pause = member.pause()
        member.start_at = monotonic() + pause
        logger.error("worker %d died (%s); it is started again in %.1f s", member.number, _told(code), pause)


def supervise(
    command: Sequence[str], processes: int, *, burst: bool = False, probe: str | int | None = None
) -> ExitStatus:
    """Run so many worker processes until they are told to end; blocks, and takes SIGINT and SIGTERM.

    A process that dies is started again, after a pause that grows while it doesn't live for long; one that ended
    with `RENEW` at once. Signals are passed on. Should the supervisor itself be killed, its workers end in order.

    Args:
        command: the command line of one worker.
        processes: how many.
        burst: they end by themselves, which is not to die.
        probe: where to answer for all of them, as in `run_worker`.

    Returns:
        The worst of their exit statuses.
    """
    supervisor = Supervisor(command, processes, burst=burst)
    with answering(probe, supervisor.health):
        return supervisor.run()


def _status(code: int) -> ExitStatus:
    try:
        return ExitStatus(code)
    except ValueError:
        return ExitStatus.FAILED


def _told(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
