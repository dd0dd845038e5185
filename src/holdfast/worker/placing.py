"""Where a claimed job should have stood: what its enqueue could not know, or nobody had said yet.

A job comes here plain if it was enqueued by name in a program without its task, by an older one, as a dead letter, or
before a limit was set at run time. The worker that claims it knows better, and has it stand in its line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from holdfast.client.placing import Needs
from holdfast.core.limits import read_what
from holdfast.core.lines import decode_limits, encode_limits, is_ordered, line_of, share_of
from holdfast.core.slots import parts_of, rule_of
from holdfast.store.verbs.strays import Place

if TYPE_CHECKING:
    from holdfast.client.placing import Placement
    from holdfast.client.registry import Registry
    from holdfast.core.errors import HoldfastError
    from holdfast.core.job import Claimed

logger = logging.getLogger("holdfast.worker")


class Placer:
    """Says where claimed jobs should stand. For one thread.

    Args:
        registry: what the worker's code declares.
        fifo: the names of the queues that are known to be FIFO queues.
    """

    def __init__(self, registry: Registry, fifo: Callable[[], Collection[str]]) -> None:
        self._registry = registry
        self._fifo = fifo
        self._stored: frozenset[str] = frozenset()
        self._besides: dict[tuple[str, str], tuple[str, ...]] = {}
        """Of queues and tasks, the stored rules that need no key. Those that code declares are among them."""

    def learn(self, rules: Collection[str]) -> None:
        """Take in the names of the rules that are stored: some may be known to no code, or not to this one."""
        stored = frozenset(rules)
        if stored == self._stored:
            return
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for rule in sorted(stored):
            scope, owner, what = parts_of(rule)
            read = read_what(what)
            if read is not None and not read.by_key:
                found[scope, owner] = (*found.get((scope, owner), ()), rule)
        self._stored, self._besides = stored, found

    def place(self) -> Placer | None:
        """Itself; None where every job simply runs, as far as is known."""
        return self if self._besides or self._registry.places_any or self._fifo() else None

    def __call__(self, job: Claimed) -> Place | None:
        """Where a job is to stand instead; None if it stands where it should.

        Usually asked of plain jobs. Of one that stands in a line it says whether it needs more slots than it has; it
        takes none from it, and leaves it the order and the share that it has.
        """
        placement = self._registry.placement(job.task, job.queue)
        known = self._besides
        besides = (*known.get(("queue", job.queue), ()), *known.get(("task", job.task), ())) if known else ()
        line = job.line
        if line is not None:
            return self._more(job, line, placement, besides)
        key = "" if job.queue in self._fifo() else None
        if placement is None and not besides:
            return None if key is None else Place(key, None)
        needs = Needs(key) if placement is None else placement.needs(job.args, key, self._failed(job))
        limits = tuple(sorted({*needs.limits, *besides}))
        place = line_of(needs.ordering_key, job.priority, needs.share, limits)
        return None if place is None else Place(place, encode_limits(limits))

    def _more(
        self, job: Claimed, line: str, placement: Placement | None, besides: Iterable[str]
    ) -> Place | None:
        has = decode_limits(job.limits)
        rules = {rule_of(slot) for slot in has}
        if rules.issuperset(besides) and (placement is None or rules >= placement.rules):
            return None
        key = line if is_ordered(line) else None
        # With a key, whatever it is, neither the order nor the share is asked for.
        needs = Needs() if placement is None else placement.needs(job.args, key or "", self._failed(job))
        lacking = {slot for slot in (*needs.limits, *besides) if rule_of(slot) not in rules}
        if not lacking:
            return None
        limits = tuple(sorted({*has, *lacking}))
        place = line_of(key, job.priority, share_of(line) or None, limits)
        return None if place is None else Place(place, encode_limits(limits))

    def _failed(self, job: Claimed) -> Callable[[HoldfastError], None]:
        def tell(error: HoldfastError) -> None:
            logger.warning("job %s goes on without a key that it should have: %s", job.job_id, error)

        return tell
