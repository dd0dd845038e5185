"""What is known of a job and of all that may keep it from running, at one moment. Times are microseconds."""

from __future__ import annotations

import msgspec

from holdfast.core.slots import Rule
from holdfast.core.states import JobState, Reason

MOST = 1000
"""Nothing is counted further: more than so many are as good as many."""
HOLDERS = 5
"""So many of the jobs that use a slot are named."""


class LastError(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last failed run that is kept."""

    run: int
    attempt: int
    type: str
    message: str


class Halt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pause that holds for the job."""

    kind: str
    """"all", "queue" or "task"."""
    name: str
    who: str | None
    why: str | None
    since: int


class Server(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A living worker that serves the job's queue."""

    id: str
    host: str
    pid: int
    concurrency: int
    knows: bool
    """It has the code of the job's task."""
    restricted: bool
    """It serves only some of the tasks that it knows; which ones only it knows."""
    in_hand: int = 0
    """The jobs that it has claimed and not settled."""
    of_queue: int = 0
    """Those of them that are of the job's queue."""


class Seat(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How it stands with a slot that the job needs."""

    name: str
    rule: Rule | None
    """None where none is known: it keeps nobody."""
    used: int = 0
    next_free: int | None = None
    holders: tuple[str, ...] = ()
    """Some of the jobs that use it."""


class Stand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The line in which the job waits."""

    key: str
    """Its name."""
    ahead: int
    """Jobs that stand before it, counted to `MOST` + 1; whoever has the turn is none of them."""
    first: str | None = None
    """The first of those, in an ordered line of which nobody has the turn."""
    turn: str | None = None
    """Who has the turn, in an ordered line."""
    slot: str | None = None
    """What the line waits for."""
    lines_ahead: int = 0
    """Lines that wait for the same and are called before it, counted to `MOST` + 1."""
    lines_beside: int = 0
    """Other lines that wait for the same, counted so; or, where it waits for none, that may go on at its priority."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One job, and what matters for it."""

    now: int
    job_id: str
    task: str
    queue: str
    state: JobState
    run_at: int
    """When it is due, while it waits."""
    lane: int = 0
    run: int = 0
    attempt: int = 0
    crashes: int = 0
    overrides: str | None = None
    max_attempts: int | None = None
    """How often its runs may fail; None is without limit, or not known."""
    expires_at: int | None = None
    """It must have begun by then."""
    error: LastError | None = None
    # --- of one that has ended
    reason: Reason | None = None
    ended_at: int | None = None
    kept_until: int | None = None
    """None is for ever."""
    # --- of one that runs
    worker: str | None = None
    worker_alive: bool = True
    claimed_at: int | None = None
    cancel_requested: bool = False
    # --- of one that waits
    pauses: tuple[Halt, ...] = ()
    servers: tuple[Server, ...] = ()
    concurrency: int | None = None
    """How many jobs of its queue each worker runs at a time, if the queue says so."""
    unknown_since: int | None = None
    """Workers have noted then that none of them knows the task."""
    higher: int = 0
    """Due jobs at higher priorities of its queue, counted to `MOST` + 1."""
    before: int = 0
    """Due jobs at its own priority that come before it, counted so."""
    stand: Stand | None = None
    leader: Facts | None = None
    """The job that it waits for in an ordered line: whoever has the turn, or else is the first."""
    seats: tuple[Seat, ...] = ()
