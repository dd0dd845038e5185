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
    return wrong


def check(backend: Backend, *, quiet: bool = False) -> None:
    """Fail the test if anything is out of place."""
    wrong = misplaced(backend.tables(), quiet=quiet)
    assert not wrong, "\n".join(wrong[:20])
