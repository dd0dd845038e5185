"""Why a job is not running: one kind of cause each, with what programs want to know of it and a sentence for people.

A sentence speaks of the job as "it". docs/explain.md says of each what to do about it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from holdfast.core.facts import MOST
from holdfast.core.phrases import count_text, moment_text, seconds_text
from holdfast.core.states import JobState, Reason

PATIENCE = timedelta(seconds=10)
"""A job that has been due for longer, and that nothing keeps, makes one wonder."""


class Cause(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """The base of all."""

    sentence: str = ""

    @property
    def kind(self) -> str:
        """Which one it is, in one word."""
        return str(self.__struct_config__.tag)

    def words(self, now: datetime) -> str:
        """The sentence, without a full stop.

        Args:
            now: the moment of which it speaks.
        """
        raise NotImplementedError  # each says it in its own words


# --- it has been begun --------------------------------------------------------------------------------------------


class Running(Cause, frozen=True, kw_only=True, tag="running"):
    """It is in the hands of a worker."""

    worker: str | None
    alive: bool
    """The worker has been heard of lately."""
    since: datetime
    """When it was claimed."""
    cancel_requested: bool

    def words(self, now: datetime) -> str:
        text = f"it has been running on worker {self.worker} since {moment_text(self.since, now)}"
        if not self.alive:
            text += ", which seems to be dead: living workers will take the job back"
        return text + (", and was asked to cancel" if self.cancel_requested else "")


class Ended(Cause, frozen=True, kw_only=True, tag="ended"):
    """It has ended."""

    state: JobState
    reason: Reason | None
    """Why it failed."""
    error: str | None
    """The last error of one that failed."""
    at: datetime
    kept_until: datetime | None
    """None is for ever."""

    def words(self, now: datetime) -> str:
        verb = "was cancelled" if self.state is JobState.CANCELLED else self.state.value
        why = "" if self.reason is None else f" with reason {self.reason.value}"
        error = "" if self.error is None else f": {self.error}"
        kept = "for ever" if self.kept_until is None else f"until {moment_text(self.kept_until, now)}"
        return f"it {verb}{why} at {moment_text(self.at, now)} and is kept {kept}{error}"


# --- people have stopped it, or its time has not come ---------------------------------------------------------------


class Paused(Cause, frozen=True, kw_only=True, tag="paused"):
    """Its queue, its task or everything is paused."""

    what: str
    """"all", "queue" or "task"."""
    name: str
    """Of the queue or task; empty for everything."""
    by: str | None
    reason: str | None
    since: datetime

    def words(self, now: datetime) -> str:
        what = "everything" if self.what == "all" else f"{self.what} {self.name}"
        by = f" by {self.by}" if self.by else ""
        why = f": {self.reason}" if self.reason else ""
        return f"{what} has been paused{by} since {moment_text(self.since, now)}{why}"


class NotDue(Cause, frozen=True, kw_only=True, tag="not_due"):
    """It is to run later."""

    until: datetime

    def words(self, now: datetime) -> str:
        return f"it is not due until {moment_text(self.until, now)}"


class Retrying(Cause, frozen=True, kw_only=True, tag="retrying"):
    """Its last run failed, and the next comes later."""

    until: datetime
    attempt: int
    """That has failed."""
    max_attempts: int | None
    """None is without limit, or not known here."""
    error: str

    def words(self, now: datetime) -> str:
        of = "" if self.max_attempts is None else f" of {self.max_attempts}"
        return (
            f"it waits until {moment_text(self.until, now)} for its retry: attempt {self.attempt}{of} failed with "
            f"{self.error}"
        )


class Expired(Cause, frozen=True, kw_only=True, tag="expired"):
    """It should have begun by now, and will not any more."""

    at: datetime

    def words(self, now: datetime) -> str:
        return f"it expired at {moment_text(self.at, now)}: the next worker that sees it fails it"


class Expires(Cause, frozen=True, kw_only=True, tag="expires"):
    """It must begin by a certain time."""

    at: datetime

    def words(self, now: datetime) -> str:
        return f"it expires at {moment_text(self.at, now)}, unless it has begun by then"


# --- it stands in a line --------------------------------------------------------------------------------------------


class Behind(Cause, frozen=True, kw_only=True, tag="behind"):
    """In a FIFO queue, or among the jobs of its ordering key, others come first."""

    queue: str
    ordering_key: str | None
    """None in a FIFO queue."""
    job: UUID
    """Who has the turn, or else the first of those before it."""
    has_turn: bool
    ahead: int
    """How many stand before it besides who has the turn; `MOST` + 1 says more than that."""
    causes: tuple[Cause, ...]
    """Why that job has not ended yet."""

    def words(self, now: datetime) -> str:
        line = (
            f"FIFO queue {self.queue}" if self.ordering_key is None else f"ordering key {self.ordering_key}"
        )
        # What holds for the whole queue is said of this job, too.
        own = next((one for one in self.causes if not _is_common(one)), None)
        doing = "" if own is None else f": {own.sentence}"
        if not self.has_turn:
            stand = f"{_many(self.ahead, 'job')} of {line} {_verb(self.ahead, 'stand')} before it"
            return f"{stand}, the first being {self.job}{doing}"
        more = (
            f"; {_many(self.ahead, 'more job')} {_verb(self.ahead, 'stand')} in between" if self.ahead else ""
        )
        return f"job {self.job} of {line} has the turn{doing}{more}"


class LimitReached(Cause, frozen=True, kw_only=True, tag="limit"):
    """As many jobs run as a limit lets."""

    scope: str
    """"queue" or "task"."""
    name: str
    """Of it."""
    key: str | None
    """Where the limit counts by a key."""
    most: int
    running: int
    holders: tuple[UUID, ...]
    """Some of those that run."""

    def words(self, now: datetime) -> str:
        such = f" ({', '.join(map(str, self.holders))})" if self.holders else ""
        return (
            f"{_whose(self.scope, self.name)} runs at most {count_text(self.most, 'job')} at a time"
            f"{_for_key(self.key)}: {self.running} {'runs' if self.running == 1 else 'run'}{such}"
        )


class RateReached(Cause, frozen=True, kw_only=True, tag="rate"):
    """As many jobs have begun lately as a rate lets."""

    scope: str
    """"queue" or "task"."""
    name: str
    key: str | None
    """Where the rate counts by a key."""
    count: int
    per: timedelta
    turn_at: datetime
    """When its turn comes, by an estimate."""

    def words(self, now: datetime) -> str:
        return (
            f"{_whose(self.scope, self.name)} begins at most {count_text(self.count, 'job')} in "
            f"{seconds_text(self.per.total_seconds())}{_for_key(self.key)}: by an estimate its turn comes at "
            f"{moment_text(self.turn_at, now)}"
        )


class LineAhead(Cause, frozen=True, kw_only=True, tag="line"):
    """Jobs with the same limits, or of the same share, come first."""

    share: str | None
    """Whose share of the queue it uses up, where that is served fairly."""
    ahead: int
    """Jobs that stand before it; `MOST` + 1 says more than that."""
    others: int
    """Other lines, such as those of other shares, with which its own takes turns; counted so."""

    def words(self, now: datetime) -> str:
        of = "with the same limits" if self.share is None else f"of the same share ({self.share})"
        turns = (
            ""
            if not self.others
            else f"{_many(self.others, 'other line')} {_verb(self.others, 'take')} turns with it"
        )
        if not self.ahead:
            return turns.replace("with it", "with its own")
        stand = f"{_many(self.ahead, 'job')} {of} {_verb(self.ahead, 'stand')} before it"
        return f"{stand}, and {turns.replace('with it', 'with them')}" if turns else stand


# --- nobody is there to run it --------------------------------------------------------------------------------------


class NoWorker(Cause, frozen=True, kw_only=True, tag="no_worker"):
    """No living worker serves its queue."""

    queue: str

    def words(self, now: datetime) -> str:
        return f"no living worker serves queue {self.queue}"


class UnknownTask(Cause, frozen=True, kw_only=True, tag="unknown_task"):
    """Workers serve its queue, and none of them knows its task."""

    queue: str
    task: str
    workers: int
    since: datetime | None
    """Since when; None where none has noted it yet, or where all serve some of their tasks only."""
    given_up_at: datetime | None
    """When it will fail as `unknown_task`, with the workers' usual patience."""

    def words(self, now: datetime) -> str:
        serve = (
            f"{count_text(self.workers, 'living worker')} {_verb(self.workers, 'serve')} queue {self.queue}"
        )
        knows = "knows" if self.since is None else "has known"
        text = f"{serve}, and none {knows} task {self.task}"
        if self.since is None or self.given_up_at is None:
            return text
        return (
            f"{text} since {moment_text(self.since, now)}: if that stays so, it fails as unknown_task at "
            f"{moment_text(self.given_up_at, now)}"
        )


class Restricted(Cause, frozen=True, kw_only=True, tag="restricted"):
    """The workers that know its task serve only some of their tasks, and perhaps not this one."""

    task: str
    workers: int

    def words(self, now: datetime) -> str:
        one = self.workers == 1
        return (
            f"{'the one living worker' if one else f'all {self.workers} living workers'} that "
            f"{'knows' if one else 'know'} task {self.task} {'serves' if one else 'serve'} only some of their tasks, "
            "and perhaps not this one"
        )


class Suspect(Cause, frozen=True, kw_only=True, tag="suspect"):
    """One more crash would quarantine it, so it runs as its worker's only job."""

    crashes: int

    def words(self, now: datetime) -> str:
        return (
            f"its worker died while it ran, {count_text(self.crashes, 'time')}: it is suspected of that, comes after "
            "all others, and waits for a worker that has nothing else in hand"
        )


class Busy(Cause, frozen=True, kw_only=True, tag="busy"):
    """All slots of the workers that may run it are in use."""

    workers: int
    in_hand: int
    """Jobs that they have in hand."""
    slots: int
    """How many they run at a time."""
    queue: str | None
    """The queue, if its own concurrency is what is reached."""

    def words(self, now: datetime) -> str:
        of = f" of queue {self.queue}" if self.queue else ""
        who = (
            "the worker that serves it has"
            if self.workers == 1
            else f"the {self.workers} workers that serve it have"
        )
        return f"{who} {count_text(self.in_hand, 'job')}{of} in hand, and {count_text(self.slots, 'slot')} for them"


class Before(Cause, frozen=True, kw_only=True, tag="before"):
    """Other due jobs of its queue come first."""

    higher: int
    """At higher priorities; `MOST` + 1 says more than that."""
    same: int
    """At its own; counted so."""

    def words(self, now: datetime) -> str:
        parts = [f"{_many(self.higher, 'due job')} at higher priority"] if self.higher else []
        parts += [f"{_many(self.same, 'due job')} at the same priority"] if self.same else []
        return f"{' and '.join(parts)} {_verb(self.higher + self.same, 'come')} before it"


class Claimable(Cause, frozen=True, kw_only=True, tag="claimable"):
    """Nothing keeps it."""

    due_since: datetime

    def words(self, now: datetime) -> str:
        if now - self.due_since <= PATIENCE:
            return "nothing speaks against it: it is about to be claimed"
        return (
            f"nothing that the database knows of speaks against it, although it has been due since "
            f"{moment_text(self.due_since, now)}: see the logs and the health of the workers that serve it, whose "
            "threads or processes may all be in use"
        )


def _is_common(cause: Cause) -> bool:
    return isinstance(cause, NoWorker) or (isinstance(cause, Paused) and cause.what != "task")


def _many(n: int, noun: str) -> str:
    return f"more than {count_text(MOST, noun)}" if n > MOST else count_text(n, noun)


def _verb(n: int, plural: str) -> str:
    return f"{plural}s" if n == 1 else plural


def _whose(scope: str, name: str) -> str:
    return f"{scope} {name}"


def _for_key(key: str | None) -> str:
    return "" if key is None else f" for key {key}"
