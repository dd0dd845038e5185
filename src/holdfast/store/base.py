"""What the rest of Holdfast knows of a store: the same for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar

from holdfast.store.statement import Verb, Wake

if TYPE_CHECKING:
    from concurrent.futures import Future

P = ParamSpec("P")
T = TypeVar("T")

Listener = Callable[[Wake], None]
"""Called with each piece of news, in any thread; it must return at once and raise nothing."""

ANYTHING = Wake(anything=True)


class Channel(Protocol):
    """A way to the database for one thread of a worker.

    PostgreSQL gives each its own connection. On SQLite all end at the one writer, where channels go first.
    """

    def write(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb in a transaction and return its value once that has committed."""
        ...

    def read(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb that changes nothing."""
        ...

    def close(self) -> None: ...


class Store(Protocol):
    """One database. Safe to use from any thread."""

    @property
    def dialect(self) -> Literal["sqlite", "postgres"]: ...

    @property
    def wants_marks(self) -> bool:
        """True where claims must begin at low-water marks to stay fast (`holdfast.store.marks`)."""
        ...

    @property
    def wants_audience(self) -> bool:
        """True where idle workers must say so to be told of due jobs (`holdfast.store.verbs.audience`)."""
        ...

    @property
    def address(self) -> str:
        """Where it is, for people: without a password."""
        ...

    def now(self) -> int:
        """The store's time, in microseconds: the host's for SQLite, the server's for PostgreSQL."""
        ...

    def write(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb in a transaction; those of concurrent callers may share it, and fail apart.

        Raises:
            StoreError: and its kinds; nothing of this verb was written then, unless the answer to the commit was
                lost (`StoreUnavailable`).
        """
        ...

    def submit(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The same without waiting."""
        ...

    def read(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb that changes nothing, beside whatever is being written."""
        ...

    def submit_read(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The same without waiting."""
        ...

    def within(self, tx: Any, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb on the caller's own connection, inside its transaction if one is open.

        Raises:
            InvalidTransaction: `tx` is not a connection to this kind of database, is closed, aborted or async.
        """
        ...

    async def awithin(self, tx: Any, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same on the caller's own async connection."""
        ...

    def channel(self, name: str) -> Channel:
        """A way for one thread of a worker; `name` shows up where connections are listed."""
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of what this process commits, and of the others' while `watching`. Returns what ends it."""
        ...

    def watching(self, *, results: bool = False) -> AbstractContextManager[None]:
        """While entered, news of other processes reaches the listeners, within milliseconds.

        Args:
            results: also of jobs that end. Due jobs are told of to workers that say they are idle: `verbs.audience`.
        """
        ...

    def announce(self, wake: Wake) -> None:
        """Tell this process's listeners."""
        ...

    def proof_of_life(self, worker: str) -> AbstractContextManager[None]:
        """While entered, others can see at once that this worker lives (SQLite: a held file lock)."""
        ...

    def known_dead(self, worker: str) -> bool:
        """True if the worker has certainly died; False if only silence can tell."""
        ...

    def forget(self, worker: str) -> None:
        """Remove what proved the life of a worker that was rescued."""
        ...

    def migrate(self) -> list[str]:
        """Bring the schema to this version; returns the names of the migrations applied."""
        ...

    def check_schema(self) -> None:
        """Raises SchemaMismatch unless the schema is this version's."""
        ...

    def close(self) -> None:
        """End threads and connections. Calling it again does nothing."""
        ...
