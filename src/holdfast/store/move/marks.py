"""The marks that a move leaves on both databases, and the triggers that go with them."""

from __future__ import annotations

from collections.abc import Container
from typing import Literal

import msgspec

from holdfast.core.errors import MoveRefused
from holdfast.store.move.tables import CLOSED, HELD
from holdfast.store.statement import Statement, Verb, Wake
from holdfast.store.verbs.workers import beats

_JUST_STARTED = "a worker has started on the {} this moment; stop it, and run the same command again"

Role = Literal["from", "to"]
State = Literal["moving", "moved", "undone"]


class Mark(msgspec.Struct, frozen=True):
    """One move that this database has a part in."""

    id: str
    role: Role
    other: str
    """The other database, for people."""
    state: State
    started_at: int
    ended_at: int | None


def marks() -> Verb[list[Mark]]:
    """Every move that was not undone, the newest first."""
    rows = yield Statement("move/marks")
    return [Mark(*row) for row in rows if row[3] != "undone"]


def hold_target(move: str, other: str, dead: Container[str]) -> Verb[None]:
    """Let no worker start or claim on the target, and nobody take away what is already there.

    Args:
        move: the id of the move.
        other: the source, for people.
        dead: the workers that have a row and are known to be dead.

    Raises:
        MoveRefused: another worker has started there meanwhile.
    """
    yield Statement("move/patience")
    for table in HELD:
        yield Statement(f"move/close/{table}")
    known = yield from beats()
    if any(worker not in dead for worker, _ in known):
        raise MoveRefused(_JUST_STARTED.format("target"))
    yield Statement("move/begin", {"id": move, "role": "to", "other": other})


def close_source(move: str, other: str) -> Verb[None]:
    """Close the source for good.

    Raises:
        MoveRefused: a worker has started there meanwhile; nothing is closed then.
    """
    yield Statement("move/patience")
    # Each trigger waits for those who are writing to its table: after the last one nobody is.
    for table in CLOSED:
        yield Statement(f"move/close/{table}")
    workers, leases = (yield Statement("move/held"))[0]
    if workers or leases:
        raise MoveRefused(_JUST_STARTED.format("source"))
    yield Statement("move/begin", {"id": move, "role": "from", "other": other})


def end_source(move: str) -> Verb[None]:
    """All is in the target. The source stays closed."""
    yield Statement("move/end", {"id": move, "role": "from", "state": "moved"})


def free_target(move: str, state: State) -> Verb[None]:
    """The target is one like any other from now on. After the mark: whoever writes a page looks at it."""
    yield Statement("move/end", {"id": move, "role": "to", "state": state})
    yield Statement("move/patience")
    others = yield from marks()
    if not any(mark.role == "to" and mark.state == "moving" for mark in others):
        for table in HELD:
            yield Statement(f"move/open/{table}")
    yield Wake(anything=True)


def let_take_back(move: str) -> Verb[None]:
    """Jobs may be taken out of the target again; workers still can't start."""
    yield from fence(move)
    yield Statement("move/patience")
    for table in ("pending", "blocked", "finished"):
        yield Statement(f"move/open/{table}")


def open_source(move: str) -> Verb[None]:
    """Undo the closing."""
    yield Statement("move/end", {"id": move, "role": "from", "state": "undone"})
    yield Statement("move/patience")
    for table in CLOSED:
        yield Statement(f"move/open/{table}")
    yield Wake(anything=True)


def fence(move: str) -> Verb[None]:
    """Hold off the end of the move until this transaction is over.

    Raises:
        MoveRefused: it has ended: jobs that were copied now would run a second time.
    """
    rows = yield Statement("move/fence", {"id": move})
    if not rows or rows[0][0] != "moving":
        raise MoveRefused(
            "this move was ended or undone by another process; there is nothing left to do here"
        )
