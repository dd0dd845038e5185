"""How supervised workers are: each tells its supervisor over a pipe, and that answers for all."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from holdfast.worker.health import BLOCKED, Finding, Health, health_of

if TYPE_CHECKING:
    from holdfast.worker.worker import Worker

REPORTS = "HOLDFAST_REPORTS"
"""The environment variable by which a supervisor names the pipe that it reads."""
EVERY = 0.5
"""Seconds between two reports."""
STARTING = 60.0
"""Seconds that a process may take until its first report."""

_decode = msgspec.json.Decoder(Health).decode


# --- in the worker -------------------------------------------------------------------------------------------


@contextmanager
def reporting(worker: Worker) -> Generator[None]:
    """Tell the supervisor how this worker is, if it wants to know."""
    number = os.environ.pop(REPORTS, None)
    if number is None or not number.isdecimal():
        yield
        return
    ended = Event()
    thread = Thread(
        target=_report, args=(int(number), worker.health, ended), name="holdfast-reports", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _report(line: int, look: Callable[[], Health], ended: Event) -> None:
    try:
        os.set_inheritable(line, False)  # noqa: FBT003 - takes no keyword
        while not ended.is_set():
            os.write(line, msgspec.json.encode(look()) + b"\n")
            ended.wait(EVERY)
    except OSError:
        return  # the supervisor is gone, which the lifeline tells


# --- in the supervisor ---------------------------------------------------------------------------------------


class Reports:
    """What one process after the other says in one place of a supervisor."""

    def __init__(self) -> None:
        self._health: Health | None = None
        self._at = monotonic()
        self._away = True
        """There is no process now."""

    def begin(self) -> None:
        """A process was started."""
        self._health, self._at, self._away = None, monotonic(), False

    def end(self) -> None:
        """It has ended."""
        self._away = True

    def read(self, line: int) -> None:
        """Take in what a process says, until its end."""
        with os.fdopen(line, "rb") as lines:
            for text in lines:
                try:
                    self._health = _decode(text)
                except msgspec.DecodeError:
                    continue
                self._at = monotonic()

    def findings(self, name: str) -> list[Finding]:
        """How the process is."""
        health, silent = self._health, monotonic() - self._at
        if self._away:
            return [Finding(name, ok=False, says="is not running; it is started again")]
        if health is None:
            late = silent > STARTING
            return [
                Finding(name, ok=not late, says=f"is starting since {silent:.0f} s", live=True),
                _unready(name),
            ]
        if silent > BLOCKED:
            said = f"has said nothing for {silent:.0f} s"
            return [Finding(name, ok=False, says=said, live=True)]
        return [msgspec.structs.replace(one, name=f"{name} {one.name}") for one in health.findings]


def _unready(name: str) -> Finding:
    return Finding(name, ok=False, says="has not begun")


def health_of_all(members: Mapping[str, Reports], *, ending: bool) -> Health:
    """All together: live and ready if each of them is."""
    findings = [finding for name, reports in members.items() for finding in reports.findings(name)]
    if ending:
        findings.append(Finding("supervisor", ok=False, says="is ending"))
    return health_of(findings)
