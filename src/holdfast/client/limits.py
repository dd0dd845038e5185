"""`app.limits`: limits, rates and fair shares as they stand in the database, and changing them at run time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from holdfast.client.flow import Flow, Read, Write
from holdfast.client.names import check_name, task_name
from holdfast.core.errors import InvalidOption
from holdfast.core.limits import (
    FAIR,
    Limit,
    Rate,
    Shares,
    as_limits,
    as_rates,
    check_weights,
    declared_form,
    read_what,
    what_of,
)
from holdfast.core.slots import Rule, parts_of, rule_name
from holdfast.store.records import LimitRecord, LimitRow
from holdfast.store.verbs import limits as verbs

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.registry import Registry
    from holdfast.client.task import Task

Said: TypeAlias = Limit | Rate | Mapping[str, int]
"""A limit, a rate, or what the shares of a queue weigh."""


class StoredLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit, a rate or the fair shares of a queue, as they stand in the database."""

    rule: str
    """Its name, by which it may be changed."""
    queue: str | None
    """Whose it is: that of a queue …"""
    task: str | None
    """… or of a task."""
    by_key: bool
    """It counts each key by itself. The function that gives the key is the code's, and not kept."""
    declared: Said | None
    """As code declares it; None where none does."""
    changed: Said | None
    """As it was set at run time."""

    @property
    def now(self) -> Said | None:
        """What holds: what was set at run time, else what code says."""
        return self.declared if self.changed is None else self.changed

    @property
    def name(self) -> str | None:
        """What tells it from others of its kind, if it was given a name."""
        what = read_what(parts_of(self.rule)[2])
        return None if what is None else what.name


# Within the class below, `list` and `set` are its methods.
StoredLimits: TypeAlias = list[StoredLimit]
Names: TypeAlias = list[str]


class LimitsApi:
    """The limits and rates of an app.

    What is set here is kept beside what code says and wins over it, also when workers start again, until `reset`. It
    holds from the next claim on, in every worker; jobs that run go on.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self) -> StoredLimits:
        """All that are stored, by rule. Those of code are, once a worker has started."""
        return self._client.run(_list())

    async def alist(self) -> StoredLimits:
        """The same for async code, as with every `a…` below."""
        return await self._client.arun(_list())

    def set(
        self,
        rule: str | None = None,
        /,
        *,
        queue: str | None = None,
        task: str | Task[Any, Any] | None = None,
        limit: int | Limit | None = None,
        rate: Rate | None = None,
        weights: Mapping[Any, int] | None = None,
    ) -> Names:
        """Set a limit, a rate or the weights of shares.

        A queue or task need not have had a limit or rate before, and no code need know of it.

        Args:
            rule: the name of what to change, as `list` shows it; needed for those that count by key.
            queue: in place of that, the limit and the rate of this queue.
            task: or of this task.
            limit: jobs at a time; a number or `Limit(…)`, perhaps with a name.
            rate: jobs in a time; `Rate(…)`, perhaps with a name.
            weights: what the shares of a queue that is served fairly weigh; the others weigh 1.

        Returns:
            The names of the rules.

        Raises:
            InvalidOption: a value makes no sense, or what counts by key isn't known: its key is the code's.
        """
        return self._client.run(self._set(rule, queue, task, limit, rate, weights))

    async def aset(
        self,
        rule: str | None = None,
        /,
        *,
        queue: str | None = None,
        task: str | Task[Any, Any] | None = None,
        limit: int | Limit | None = None,
        rate: Rate | None = None,
        weights: Mapping[Any, int] | None = None,
    ) -> Names:
        return await self._client.arun(self._set(rule, queue, task, limit, rate, weights))

    def reset(
        self,
        rule: str | None = None,
        /,
        *,
        queue: str | None = None,
        task: str | Task[Any, Any] | None = None,
    ) -> Names:
        """Take back what was set at run time: what code says holds again, or nothing.

        Args:
            rule: the name of one, as `list` shows it.
            queue: in place of that, all of this queue.
            task: or of this task.

        Returns:
            The names of the rules that were reset; empty if nothing was set.
        """
        return self._client.run(_reset(_target(rule, queue, task)))

    async def areset(
        self,
        rule: str | None = None,
        /,
        *,
        queue: str | None = None,
        task: str | Task[Any, Any] | None = None,
    ) -> Names:
        return await self._client.arun(_reset(_target(rule, queue, task)))

    def _set(
        self,
        rule: str | None,
        queue: str | None,
        task: str | Task[Any, Any] | None,
        limit: int | Limit | None,
        rate: Rate | None,
        weights: Mapping[Any, int] | None,
    ) -> Flow[Names]:
        scope, owner, what = _target(rule, queue, task)
        said: list[Limit | Rate] = [*as_limits(limit), *as_rates(rate)]
        if not said and weights is None:
            raise InvalidOption("say what to set: limit=, rate= or weights=")
        rows = [_row(scope, owner, what, one) for one in said]
        if weights is not None:
            rows.append(_shares(scope, owner, what, weights))
        if len({row.name for row in rows}) < len(rows):
            raise InvalidOption(
                "two of these are the same rule; set one after the other, or give each a name"
            )
        return _store(self._client.registry, rows)


def _target(
    rule: str | None, queue: str | None, task: str | Task[Any, Any] | None
) -> tuple[str, str, str | None]:
    """Scope, owner and what; no what for all that a queue or task has."""
    if [rule, queue, task].count(None) != 2:
        raise InvalidOption("say which: a rule by its name, or queue=, or task=")
    if queue is not None:
        return "queue", check_name(queue, what="queue"), None
    if task is not None:
        return "task", task_name(task), None
    if isinstance(rule, str):
        scope, owner, what = parts_of(rule)
        if scope in ("queue", "task") and owner and (what == FAIR or read_what(what)):
            return scope, check_name(owner, what=scope), what
    raise InvalidOption(
        f"{rule!r:.80} is no name of a limit or rate; `holdfast limits list` shows those that there are, such as "
        "queue:mail or task:mail.send/rate"
    )


def _row(scope: str, owner: str, what: str | None, said: Limit | Rate) -> LimitRow:
    if said.key is not None:
        raise InvalidOption(
            "what a limit or rate counts by is for code to say; to change one that counts by key, give the name of its "
            f"rule, such as {rule_name(scope, owner, what_of(said, by_key=True))!r}"
        )
    if what is None:
        what = what_of(said, by_key=False)
    else:
        known = read_what(what)
        if known is None or known.rate != isinstance(said, Rate) or said.name not in (None, known.name):
            kind = "the shares of a queue" if known is None else "a rate" if known.rate else "a limit"
            raise InvalidOption(
                f"{rule_name(scope, owner, what)} is the name of {kind}, and can't be set to {said!r}"
            )
    return LimitRow(rule_name(scope, owner, what), msgspec.json.encode(said.rule).decode())


def _shares(scope: str, owner: str, what: str | None, weights: Mapping[Any, int]) -> LimitRow:
    if scope != "queue" or what not in (None, FAIR):
        raise InvalidOption("weights= is for the shares of a queue; give queue= for it")
    shares = msgspec.json.encode(Shares(check_weights(weights)), order="sorted").decode()
    return LimitRow(rule_name(scope, owner, FAIR), shares)


def _store(registry: Registry, rows: list[LimitRow]) -> Flow[Names]:
    registry.load()
    stored: list[LimitRecord] = yield Read(verbs.list_limits, ())
    known = {one.name for one in stored} | {one.name for one in registry.limit_rows()}
    for row in rows:
        what = parts_of(row.name)[2]
        read = read_what(what)
        if (read is None or read.by_key) and row.name not in known:
            option = "fair_by=" if read is None else "it with a key"
            raise InvalidOption(
                f"there is no {row.name}: the function that gives the key is for code to say. Declare {option}, and "
                "start a worker; then it can be changed here"
            )
    yield Write(verbs.set_limits, (rows,))
    return sorted(row.name for row in rows)


def _reset(target: tuple[str, str, str | None]) -> Flow[Names]:
    scope, owner, what = target
    if what is None:
        stored: list[LimitRecord] = yield Read(verbs.list_limits, ())
        names = [one.name for one in stored if parts_of(one.name)[:2] == (scope, owner)]
    else:
        names = [rule_name(scope, owner, what)]
    reset: Names = yield Write(verbs.reset_limits, (names,))
    return reset


def _list() -> Flow[StoredLimits]:
    stored: list[LimitRecord] = yield Read(verbs.list_limits, ())
    return [_as_stored(one) for one in stored]


def _as_stored(record: LimitRecord) -> StoredLimit:
    scope, owner, what = parts_of(record.name)
    read = read_what(what)
    name = None if read is None else read.name

    def said(text: str | None) -> Said | None:
        if text is None:
            return None
        if what == FAIR:
            return msgspec.json.decode(text, type=Shares).weights
        return declared_form(msgspec.json.decode(text, type=Rule), name)

    return StoredLimit(
        rule=record.name,
        queue=owner if scope == "queue" else None,
        task=owner if scope == "task" else None,
        by_key=read is not None and read.by_key,
        declared=said(record.settings),
        changed=said(record.override),
    )
