"""Lines and slots: those that are stuck, so that the jobs behind them never run, and those that count wrong."""

from __future__ import annotations

from holdfast.core.lines import SIDE_BY_SIDE, is_ordered
from holdfast.core.slots import Rule, Slot, parts_of, room, rule_of
from holdfast.core.times import SECOND
from holdfast.store.doctor.finding import Finding, error, fine, several, span, warning
from holdfast.store.doctor.queue import Facts
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs.limits import list_limits, look

LATE = 10 * SECOND
"""Living workers look at a line, and call those that wait for a slot, within a second of their time."""
KEYS = 5000
"""So many lines with waiting jobs are looked at, and so many slots that lines wait for."""
SHOWN = 20
"""So many of each kind are told of."""
PLACES = {
    "finished": "which has ended",
    "blocked": "which itself waits for its turn",
    "running": "which is said to wait and runs",
    "nowhere": "which neither waits nor runs",
    "gone": "which doesn't exist",
}
A_BUG = "This is a bug that we want to know of, or something else has changed the tables."


def check_lines(facts: Facts) -> Verb[list[Finding]]:
    """Look for lines that don't go on; nothing that workers are about to do counts.

    Args:
        facts: the queue.
    """
    rows = yield Statement("doctor/stuck_lines", {"late": facts.now - LATE, "keys": KEYS, "limit": SHOWN})
    found = [
        _held(queue, key, job_id, place) if what == "held" else _lost(queue, key)
        for what, queue, key, job_id, place in rows
    ]
    return found or [fine("lines", "every FIFO queue, ordering key and line goes on")]


def check_slots(facts: Facts) -> Verb[list[Finding]]:
    """Compare what slots count with what runs, and look for lines that nobody calls.

    Args:
        facts: the queue.
    """
    found = [_miscounted(*row) for row in (yield Statement("doctor/miscounted_slots", {"limit": SHOWN}))]
    rules = (yield from look()).rules
    rows = yield Statement("doctor/uncalled_slots", {"late": facts.now - LATE, "keys": KEYS})
    uncalled: list[Finding] = []
    for name, queue, key, waiting, used, next_free, wake_at in rows:
        slot = Slot(name, 0, used, next_free, wake_at, bool(waiting), 0, 0)
        if _forgotten(rules.get(rule_of(name)), slot, facts.now):
            uncalled.append(_uncalled(name, queue, key))
        elif wake_at is not None and facts.alive:  # without a worker nobody is to call them
            uncalled.append(_late(name, (facts.now - wake_at) / SECOND))
    found += uncalled[:SHOWN]
    return found or [fine("slots", "limits count what runs, and whoever waits for one will be called")]


def check_limits(facts: Facts) -> Verb[list[Finding]]:
    """Say how many limits, rates and shares there are, and which belong to nothing that is declared.

    Args:
        facts: the queue.
    """
    names = [one.name for one in (yield from list_limits())]
    known = {("queue", row[0]) for row in (yield Statement("list_queues"))}
    known |= {("task", task) for worker in facts.alive for task in worker.tasks}
    known |= {("queue", queue) for worker in facts.alive for queue in worker.queues or ()}
    strange = [name for name in names if parts_of(name)[:2] not in known] if facts.alive else []
    said = f"{len(names)} limits, rates and shares are set" if names else "no limits are set"
    if strange:
        said += (
            f"; {several(strange)} of queues and tasks that no living worker declares. They hold for jobs enqueued "
            "by name; `holdfast limits reset` takes back those that were set at run time"
        )
    return [fine("limits", said, names=names, undeclared=strange)]


def _held(queue: str, key: str, job_id: str, place: str) -> Finding:
    return error(
        "lines",
        f"the turn of {_name(queue, key)} is held by job {job_id}, {PLACES[place]}: the jobs behind it never run",
        f"{A_BUG} To mend it, set id to NULL and due to the time now in its row of the table of lines: workers then go "
        "on with the next",
        queue=queue, key=key, job=job_id, place=place,
    )  # fmt: skip


def _lost(queue: str, key: str) -> Finding:
    return error(
        "lines",
        f"due jobs of {_name(queue, key)} wait, and nothing will make a worker look at them",
        f"{A_BUG} The next job that is enqueued there makes workers look at all of them; or set due to the time now in "
        "the row of the table of lines",
        queue=queue, key=key,
    )  # fmt: skip


def _miscounted(name: str, used: int, jobs: int) -> Finding:
    apart = abs(used - jobs)
    what = f"slot {name!r} counts {used} jobs that run, and {jobs} do: "
    remedy = (
        f"{A_BUG} In its row of the table of slots, {'subtract' if used > jobs else 'add'} {apart} "
        f"{'from' if used > jobs else 'to'} used, and set wake_at to the time now if waiting is true; workers need not "
        "be stopped for it"
    )
    data = {"slot": name, "used": used, "running": jobs}
    if used > jobs:
        return error("slots", f"{what}{apart} fewer may run at a time than its limit says", remedy, **data)
    return warning("slots", f"{what}{apart} more may run at a time than its limit says", remedy, **data)


def _forgotten(rule: Rule | None, slot: Slot, now: int) -> bool:
    """Nobody will ever call the lines that wait for a slot: a full limit is called by whoever leaves it."""
    if not slot.waiting:
        return True
    full = rule is not None and rule.most is not None and not room(rule, slot, now)
    return slot.wake_at is None and not full


def _uncalled(name: str, queue: str, key: str) -> Finding:
    return error(
        "slots",
        f"lines wait for slot {name!r}, such as {_name(queue, key)}, and nobody will call them",
        f"{A_BUG} Set waiting to true and wake_at to the time now in its row of the table of slots; where that is "
        "missing, add one with that name",
        slot=name, queue=queue, key=key,
    )  # fmt: skip


def _late(name: str, seconds: float) -> Finding:
    return warning(
        "slots",
        f"slot {name!r} should have been looked at {span(seconds)} ago although workers live: jobs that wait for it "
        "don't go on",
        "See what locks its row, and the workers' logs; workers that are too busy to take more jobs look later",
        slot=name, seconds=seconds,
    )  # fmt: skip


def _name(queue: str, key: str) -> str:
    if not key:
        return f"FIFO queue {queue!r}"
    if is_ordered(key):
        return f"ordering key {key!r} in queue {queue!r}"
    _, priority, share, slots = key.split(SIDE_BY_SIDE, 3)
    parts = [f"priority {priority}"]
    if share:
        parts.append(f"share {share!r}")
    if slots:
        parts.append(f"slots {slots}")
    return f"the line of {', '.join(parts)} in queue {queue!r}"
