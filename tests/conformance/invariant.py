"""The judge of the store's tests: every job is in exactly one place, and nothing is kept of what is no job."""

from __future__ import annotations

from collections import Counter

from tests.conformance.backends import Backend, Tables


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
    return wrong + _out_of_turn(tables, owners) + _not_unique(tables, owners)


def _out_of_turn(tables: Tables, owners: Counter[str]) -> list[str]:
    """Of each ordering key one job at most is pending or running: the one that has the turn."""
    started: dict[tuple[str, str], set[str]] = {}
    for job, key in tables.keys.items():
        if job in owners or job in tables.pending:
            started.setdefault(key, set()).add(job)
    held = {key: {job} for key, job in tables.turns.items() if job is not None}
    return [
        f"of key {key} {sorted(started.get(key, ()))} are under way, and {sorted(held.get(key, ()))} has the turn"
        for key in started.keys() | held.keys()
        if started.get(key) != held.get(key)
    ]


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
