"""Unique jobs: what makes two jobs the same, and for how long the first keeps the second out.

A key is one text. It is readable where it is short, `["mail.send","default","order-17"]`, and a hash where it isn't.
A job that holds its key by its state keeps it in a form that says in which states: `pbr:["mail.send", …]`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Literal, TypeAlias

import msgspec

from holdfast.core.errors import InvalidOption
from holdfast.core.states import TERMINAL, JobState
from holdfast.core.times import duration

By: TypeAlias = Literal["task", "queue", "args"]
OnConflict: TypeAlias = Literal["existing", "raise", "replace", "debounce"]
While: TypeAlias = Literal["waiting", "alive", "kept"]

WAITING = frozenset({JobState.PENDING, JobState.BLOCKED})
ALIVE = WAITING | {JobState.RUNNING}
PRESETS: dict[str, frozenset[JobState]] = {"waiting": WAITING, "alive": ALIVE, "kept": ALIVE | TERMINAL}
CONFLICTS: tuple[OnConflict, ...] = ("existing", "raise", "replace", "debounce")
AMENDING = frozenset({"replace", "debounce"})
"""What changes the job that is there."""
PARTS: tuple[By, ...] = ("task", "queue", "args")
LONGEST_KEY = 255
"""Characters of a caller's own key."""
LONGEST_WINDOW = 366 * 24 * 3600 * 1_000_000
"""Microseconds."""
READABLE = 200
"""Longer keys are hashed."""
_LETTERS = {
    JobState.PENDING: "p",
    JobState.BLOCKED: "b",
    JobState.RUNNING: "r",
    JobState.SUCCEEDED: "s",
    JobState.FAILED: "f",
    JobState.CANCELLED: "c",
}


class Unique(msgspec.Struct, frozen=True, kw_only=True):
    """What makes jobs the same, of which one at a time is to be.

    Args:
        by: what is compared: "task", "queue" and "args" unless said otherwise; with `key` the task alone.
        args: the names of the parameters that count; None is all, defaults included.
        key: a text of your own in place of the arguments, up to 255 characters.
        while_: the states in which a job keeps others out: "waiting" (until a worker takes it), "alive" (until it has
            ended), "kept" (until it is cleaned away or deleted), or states by name. Pending and blocked always count.
        within: a window from the enqueue instead, whatever becomes of the job; a timedelta, or seconds.

    Raises:
        InvalidOption: a value makes no sense.
    """

    by: Collection[By] | None = None
    args: Collection[str] | None = None
    key: str | None = None
    while_: While | Collection[JobState | str] | None = None
    within: timedelta | float | None = None

    def __post_init__(self) -> None:
        _check_parts(self)
        if self.key is not None:
            check_key(self.key)
        if self.within is not None:
            if self.while_ is not None:
                raise InvalidOption(
                    "within= holds the key for a window whatever becomes of the job, while_= by the job's state; "
                    "give one of them"
                )
            if (self.window or 0) > LONGEST_WINDOW:
                raise InvalidOption("within= may be 366 days at most")
        _states(self.while_)

    @property
    def parts(self) -> tuple[By, ...]:
        """What is compared, in a fixed order."""
        if self.by is None:
            return PARTS if self.key is None else ("task",)
        return tuple(part for part in PARTS if part in self.by)

    @property
    def states(self) -> frozenset[JobState]:
        """Those in which a job keeps others out. Of no meaning with a window."""
        return _states(self.while_)

    @property
    def window(self) -> int | None:
        """Microseconds from the enqueue; None where the job's state decides."""
        return None if self.within is None else duration(self.within, what="within", minimum=1)

    def check_conflict(self, on_conflict: OnConflict) -> None:
        """Refuse an amendment of jobs that nobody can amend.

        Raises:
            InvalidOption: the job that is there may have ended.
        """
        if on_conflict in AMENDING and (self.window is not None or self.states & TERMINAL):
            raise InvalidOption(
                f'on_conflict="{on_conflict}" changes the job that is there, and with '
                f"{'within=' if self.window is not None else 'while_='} that may have ended; leave it out, or use "
                '"existing" or "raise"'
            )


class UniqueKey(msgspec.Struct, frozen=True, gc=False):
    """The key of one job to be."""

    text: str
    held: str | None
    """As it is kept with the job; None where a window holds the key."""
    window: int | None = None
    """Microseconds."""


def key_for(unique: Unique, task: str, queue: str, args: str) -> UniqueKey:
    """The key of a job.

    Args:
        unique: what is to be unique.
        task: its name.
        queue: where it goes.
        args: the arguments that count, in a form that is equal where they are.
    """
    parts: list[str] = []
    for part in unique.parts:
        match part:
            case "task":
                parts.append(f"task={task}")
            case "queue":
                parts.append(f"queue={queue}")
            case _:
                parts.append(f"args={_hash(args)}")
    if unique.key is not None:
        parts.append(unique.key)
    text = msgspec.json.encode(parts).decode()
    if len(text) > READABLE:
        text = _hash(text)
    window = unique.window
    return UniqueKey(text, None if window is not None else _held(unique.states, text), window)


def as_unique(unique: Unique | str) -> Unique:
    """The short form: a text is a key of the caller's own.

    Raises:
        InvalidOption: it is neither.
    """
    if isinstance(unique, str):
        return Unique(key=unique)
    if not isinstance(unique, Unique):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(
            f'unique must be Unique(…) or a text of your own, such as "order-17", not {unique!r}'
        )
    return unique


def check_on_conflict(value: object) -> OnConflict:
    """One of the four words."""
    if value not in CONFLICTS:
        raise InvalidOption(f"on_conflict must be one of {', '.join(CONFLICTS)}, not {value!r}")
    return value


def check_key(key: object) -> str:
    """A text of 1 to 255 characters that both stores can keep."""
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise InvalidOption(
            f"a unique key must be a text of 1 to {LONGEST_KEY} printable characters, not {key!r:.80}"
        )
    return key


def comparable(args: str, names: Collection[str] | None, task: str) -> str:
    """The arguments of a task that isn't known here, in a form that is equal where they are: as given, sorted.

    Raises:
        InvalidOption: one that is to count wasn't given; its default isn't known either.
    """
    values: dict[str, object] = msgspec.json.decode(args, type=dict[str, object])
    for name in names or ():
        if name not in values:
            raise InvalidOption(
                f"unique names the argument {name!r}, which wasn't given, and the task {task} isn't known here, nor "
                "its default; give it"
            )
    chosen = values if names is None else {name: values[name] for name in names}
    return msgspec.json.encode(chosen, order="sorted").decode()


# --- as it is kept with a job ------------------------------------------------------------------------------------


def key_of(held: str) -> str:
    """The key that a job holds."""
    return held.partition(":")[2]


def holds_in(held: str, state: JobState) -> bool:
    """Whether a job holds its key in a state."""
    return _LETTERS[state] in held.partition(":")[0]


def _held(states: frozenset[JobState], text: str) -> str:
    return f"{''.join(letter for state, letter in _LETTERS.items() if state in states)}:{text}"


# --- how ---------------------------------------------------------------------------------------------------------


def _check_parts(unique: Unique) -> None:
    by, args = unique.by, unique.args
    if by is not None:
        if isinstance(by, str) or not set(by) <= set(PARTS):
            raise InvalidOption(f'by must hold of "task", "queue" and "args", not {by!r}')
        if not by and unique.key is None:
            raise InvalidOption(
                "by is empty, which would make all jobs the same; name what is compared, or give key="
            )
        if "args" in by and unique.key is not None:
            raise InvalidOption('key= stands in place of the arguments; leave "args" out of by=')
    if args is None:
        return
    if "args" not in unique.parts:
        raise InvalidOption('args= names the arguments that count, and they don\'t; add "args" to by=')
    if isinstance(args, str) or not args or not all(isinstance(name, str) for name in args):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"args must hold names of parameters, at least one, not {args!r}")


def _states(while_: While | Collection[JobState | str] | None) -> frozenset[JobState]:
    if while_ is None:
        return ALIVE
    if isinstance(while_, str):
        if while_ not in PRESETS:
            raise InvalidOption(
                f"while_ must be one of {', '.join(PRESETS)}, or hold states of jobs, not {while_!r}"
            )
        return PRESETS[while_]
    if not set(while_) <= set(_LETTERS):
        raise InvalidOption(f"while_ must hold states of jobs ({', '.join(_LETTERS)}), not {while_!r}")
    states = frozenset(JobState(str(state)) for state in while_)
    if not states >= WAITING:
        raise InvalidOption(
            "while_ must hold pending and blocked: a job that waits keeps others out, or nothing does"
        )
    if states & TERMINAL and JobState.RUNNING not in states:
        raise InvalidOption(
            "while_ holds states of ended jobs and not running, through which a job comes to them"
        )
    return states


def _hash(text: str) -> str:
    from hashlib import blake2b

    return blake2b(text.encode(), digest_size=16).hexdigest()
