"""How a worker is: whether its threads go on, and whether it can take jobs."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.core.times import SECOND
from holdfast.worker.pulse import Pulse

if TYPE_CHECKING:
    from holdfast.worker.crew import Crew
    from holdfast.worker.options import WorkerOptions

BLOCKED = 15.0
"""Seconds without a sign after which a thread is taken for blocked, where the lease doesn't say more."""

SLOW = 5.0
"""Seconds that the database may take for an answer until the worker isn't ready."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        name: what.
        ok: whether it is as it should be.
        says: how it is, for people.
        live: it counts for `live`: only a new start of the process would mend it.
        ready: it counts for `ready`: without it no job would be taken.
    """

    name: str
    ok: bool
    says: str
    live: bool = False
    ready: bool = True


class Health(msgspec.Struct, frozen=True):
    """How a worker is at one moment.

    Attributes:
        live: its threads go on. An outage of the database leaves it so: a new start would not help.
        ready: it takes jobs: it has begun, isn't ending, knows itself alive, and its claims succeed.
        findings: what was looked at.
    """

    live: bool
    ready: bool
    findings: tuple[Finding, ...]

    @property
    def troubles(self) -> tuple[Finding, ...]:
        """Those findings that are not as they should be."""
        return tuple(finding for finding in self.findings if not finding.ok)

    def to_dict(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "live": self.live,
            "ready": self.ready,
            "findings": [
                {"name": finding.name, "ok": finding.ok, "says": finding.says} for finding in self.findings
            ],
        }


def health_of(findings: Sequence[Finding]) -> Health:
    """What follows from some findings."""
    return Health(
        live=all(finding.ok for finding in findings if finding.live),
        ready=all(finding.ok for finding in findings if finding.ready),
        findings=tuple(findings),
    )


def examine(crew: Crew, options: WorkerOptions) -> Health:
    """How the parts of a worker are that is at work."""
    now = monotonic()
    limit = max(BLOCKED, options.lease / SECOND)
    claimer, heartbeat, settler = crew.claimer, crew.heartbeat, crew.settler
    findings = [
        _thread("claimer", claimer.pulse, limit, alive=claimer.working),
        _thread("heartbeat", heartbeat.pulse, limit, alive=heartbeat.alive),
        _thread("settler", settler.pulse, limit, alive=settler.alive),
        _thread("maintenance", Pulse(), limit, alive=crew.maintenance.alive),
        _success("claims", claimer.pulse, now),
        _success("settlements", settler.pulse, now),
        _success("beats", heartbeat.pulse, now),
    ]
    if not crew.may_claim(now):
        silent = now - heartbeat.confirmed_at
        said = f"the last one that the database confirmed is {silent:.1f} s old: nothing is claimed until the next"
        findings[-1] = Finding("beats", ok=False, says=said)
    return health_of(findings)


def _success(name: str, pulse: Pulse, now: float) -> Finding:
    """Whether what a thread is for succeeds."""
    if pulse.trouble is not None:
        return Finding(name, ok=False, says=f"fail: {pulse.trouble}")
    waiting = pulse.waiting(now)
    if waiting > SLOW:
        return Finding(name, ok=False, says=f"the database has not answered for {waiting:.0f} s")
    at = pulse.worked_at
    return Finding(
        name, ok=True, says="none yet" if at is None else f"succeeded {max(0.0, now - at):.1f} s ago"
    )


def _thread(name: str, pulse: Pulse, limit: float, *, alive: bool) -> Finding:
    """Whether a thread of the control plane goes on."""
    silent = pulse.silent(monotonic())
    if not alive:
        return Finding(name, ok=False, says="its thread has ended", live=True)
    if silent > limit:
        return Finding(name, ok=False, says=f"its thread has been blocked for {silent:.0f} s", live=True)
    return Finding(name, ok=True, says="goes on", live=True)
