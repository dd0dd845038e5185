"""The judge of the store's tests: every job is in exactly one place, and nothing is kept of what is no job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from holdfast.core.lines import is_ordered
from holdfast.core.slots import rule_of
from tests.conformance.backends import Backend, LineSeen, SlotSeen, Tables


def misplaced(tables: Tables, *, quiet: bool = False) -> list[str]:
    """What is out of place, in words; nothing where all is well.

    Args:
        tables: what the database holds.
        quiet: no worker is at work: every lease must own something, since its last settlement deletes it.
    """
    jobs = set(tables.jobs)
    finished = set(tables.finished)
    owners: Counter[str] = Counter()
    wrong: list[str] = []
    for lease, (named, released) in tables.leases.items():
        owned = (set(named) - set(released) - finished) & jobs
        owners.update(owned)
        if len(set(named)) != len(named):
            wrong.append(f"lease {lease} names a job twice")
        if not set(released) <= set(named):
            wrong.append(f"lease {lease} has released what it never named")
        if quiet and not owned:
            wrong.append(f"lease {lease} owns nothing and is still there")
    places = {place: Counter(getattr(tables, place)) for place in ("pending", "blocked", "finished")}
    places["a lease"] = owners
    for job in jobs:
        found = [f"{place} ×{counted[job]}" for place, counted in places.items() if counted[job]]
        if sum(counted[job] for counted in places.values()) != 1:
            wrong.append(f"job {job} is in {', '.join(found) or 'none of its places'}")
    for place, ids in {**places, **tables.kept}.items():
        wrong += [f"{place} has {job}, which is no job" for job in set(ids) - jobs]
    return wrong + _out_of_line(tables, owners) + _not_unique(tables, owners)


def _out_of_line(tables: Tables, owners: Counter[str]) -> list[str]:
    """Whose turn it is, what uses slots, and that somebody will look at every line that could go on."""
    wrong = [f"line {key} is there {len(seen)} times" for key, seen in tables.lines.items() if len(seen) > 1]
    lines = {key: seen[0] for key, seen in tables.lines.items()}
    gone = {job for job, run, *_ in tables.notes if run}
    told = {(queue, key) for _, _, queue, key, _ in tables.notes}
    running: dict[tuple[str, str], set[str]] = {}
    for job in owners:
        if job in tables.stood and is_ordered(tables.stood[job][1]):
            running.setdefault(tables.stood[job], set()).add(job)
    for key, jobs in running.items():
        turn = lines[key].turn if key in lines else None
        if jobs != {turn}:
            wrong.append(f"of line {key} {sorted(jobs)} run, and {turn} has the turn")
    for key, line in lines.items():
        turn = line.turn
        if (
            turn is not None
            and turn not in owners
            and turn not in gone
            and not (turn in tables.waiting and (line.due or line.slot))
        ):
            wrong.append(f"of line {key} {turn} has the turn, and neither runs nor waits for its retry")
    for job, (queue, key, due) in tables.waiting.items():
        seen = lines.get((queue, key))
        held = seen is not None and (seen.turn is not None or seen.due or seen.slot is not None)
        if due and not held and (queue, key) not in told:
            wrong.append(f"job {job} waits in line {key!r} of {queue}, and nobody will look at that")
    return wrong + _misused(tables, owners, lines)


def _misused(tables: Tables, owners: Counter[str], lines: Mapping[tuple[str, str], LineSeen]) -> list[str]:
    """A slot counts the jobs that run and need it, never more than its limit; who waits for it will be called."""
    wrong = [
        f"slot {name} is there {len(seen)} times" for name, seen in tables.slots.items() if len(seen) > 1
    ]
    used = Counter(name for job in owners for name in tables.needed.get(job, ()))
    used.update(name for *_, left in tables.notes for name in left)
    for name in used.keys() | tables.slots.keys():
        counted = tables.slots[name][0].used if name in tables.slots else 0
        if counted != used[name]:
            wrong.append(f"slot {name} says that {counted} use it, and {used[name]} do")
        most = tables.most.get(rule_of(name))
        if most is not None and used[name] > most:
            wrong.append(f"slot {name} is used by {used[name]}, and {most} may")
    for key, line in lines.items():
        if line.slot is None:
            continue
        slot = tables.slots.get(line.slot, [SlotSeen(0, False, False)])[0]
        most = tables.most.get(rule_of(line.slot))
        full = most is not None and slot.used >= most
        if not slot.waiting or not (full or slot.wakes):
            wrong.append(f"line {key} waits for slot {line.slot}, and nobody will call it: {slot}")
    return wrong


def _not_unique(tables: Tables, owners: Counter[str]) -> list[str]:
    """A unique key is the one job's that holds it, or a window's; one that is alive and to hold it does."""
    wrong: list[str] = []
    waiting, finished = {*tables.pending, *tables.blocked}, set(tables.finished)
    jobs = set(tables.jobs)
    for key, (job, window) in tables.unique.items():
        if window:
            continue
        if job not in jobs:
            wrong.append(f"unique key {key} is held by {job}, which is no job")
            continue
        letters, _, text = tables.held.get(job, "").partition(":")
        if text != key:
            wrong.append(f"unique key {key} is held by {job}, which has another: {text!r}")
        if job in finished and not set(letters) & set("sfc"):
            wrong.append(f"unique key {key} is held by {job}, which has ended")
        if job in owners and "r" not in letters:
            wrong.append(f"unique key {key} is held by {job}, which is running")
    alive: dict[str, set[str]] = {}
    for job, held in tables.held.items():
        letters, _, key = held.partition(":")
        # One whose key goes when it is started may wait again without it.
        if "r" in letters and (job in waiting or job in owners):
            alive.setdefault(key, set()).add(job)
    for key, sharing in alive.items():
        if len(sharing) > 1:
            wrong.append(f"unique key {key} is shared by {sorted(sharing)}")
        elif key not in tables.unique or tables.unique[key][0] not in sharing:
            wrong.append(f"unique key {key} should be held by {sorted(sharing)[0]}")
    return wrong


def check(backend: Backend, *, quiet: bool = False) -> None:
    """Fail the test if anything is out of place."""
    wrong = misplaced(backend.tables(), quiet=quiet)
    assert not wrong, "\n".join(wrong[:20])
