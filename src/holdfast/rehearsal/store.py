"""The store of a rehearsal: a temporary SQLite file that takes its time from the test and notes every enqueue."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from holdfast.core.job import NewJob
from holdfast.store.foreign.known import ASYNC, BLOCKING, belongs, refuse
from holdfast.store.sqlite.store import SqliteStore
from holdfast.store.statement import Verb
from holdfast.store.verbs.insert import insert
from holdfast.store.verbs.insert_unique import insert_unique

if TYPE_CHECKING:
    from concurrent.futures import Future

P = ParamSpec("P")
T = TypeVar("T")

INSERTS: frozenset[Any] = frozenset({insert, insert_unique})
FIRST_LANE = 1_000
"""Above every priority."""


class RehearsalStore(SqliteStore):
    """See the module.

    A `tx=` on the caller's own database can't reach the temporary file: it is accepted, and what goes with it happens
    here at once, whatever becomes of that transaction.

    Args:
        path: of the file.
        clock: microseconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        # Nothing of it has to outlive a power cut.
        super().__init__(f"sqlite:///{path}?synchronous=normal", clock=clock)
        self._path = path
        self.enqueued: dict[str, NewJob] = {}
        """All that was enqueued, by its id, in that order."""

    def write(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        value = super().write(verb, *args, **kwargs)
        self._note(verb, args, value)
        return value

    def submit(self, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future = super().submit(verb, *args, **kwargs)
        if verb in INSERTS:
            # Called before whoever awaits it goes on, since it is the first that asks for it.
            future.add_done_callback(
                lambda done: None if done.exception() else self._note(verb, args, done.result())
            )
        return future

    def within(self, tx: Any, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._is_here(tx):
            value = super().within(tx, verb, *args, **kwargs)
            self._note(verb, args, value)
            return value
        if not belongs(tx, *BLOCKING):
            raise refuse(tx, self.address, blocking=True)
        return self.write(verb, *args, **kwargs)

    async def awithin(self, tx: Any, verb: Callable[P, Verb[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        if not belongs(tx, *ASYNC):
            raise refuse(tx, self.address, blocking=False)
        from asyncio import wrap_future

        return await wrap_future(self.submit(verb, *args, **kwargs))

    def put_first(self, job_id: str) -> bool:
        """Make a waiting job due, and the first of its queue. False if it isn't waiting, or another has the turn."""
        with self._changing() as connection:
            moved = connection.execute(
                "UPDATE holdfast_pending SET lane = ?, run_at = min(run_at, ?) WHERE id = ?",
                (FIRST_LANE, self.now(), job_id),
            )
            return moved.rowcount == 1 or self._give_turn(connection, job_id)

    def before(self, job_id: str) -> str | None:
        """The id of the job whose turn comes before that of a blocked one."""
        with self._changing() as connection:
            return _first_of_key(connection, job_id)

    def _give_turn(self, connection: sqlite3.Connection, job_id: str) -> bool:
        if _first_of_key(connection, job_id) != job_id:
            return False
        connection.execute(
            "INSERT INTO holdfast_lines (queue, key, id, run) SELECT queue, key, id, run + 1 FROM holdfast_blocked "
            "WHERE id = ? AND substr(key, 1, 1) <> char(31) "
            "ON CONFLICT (queue, key) DO UPDATE SET id = excluded.id, run = excluded.run, due = NULL",
            (job_id,),
        )
        connection.execute(
            "INSERT INTO holdfast_pending (queue, lane, run_at, id, task, run, attempt, crashes) "
            "SELECT queue, ?, min(first_due, ?), id, task, run, attempt, crashes FROM holdfast_blocked WHERE id = ?",
            (FIRST_LANE, self.now(), job_id),
        )
        connection.execute("DELETE FROM holdfast_blocked WHERE id = ?", (job_id,))
        return True

    @contextmanager
    def _changing(self) -> Generator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _note(self, verb: Callable[..., Any], args: tuple[Any, ...], met: Any) -> None:
        """
        Args:
            verb: what was run, with `args`.
            met: what it returned: for each job the one that it met, if any was unique.
        """
        if verb not in INSERTS:
            return
        jobs = cast(Sequence[NewJob], args[0])
        for job, other in zip(jobs, met or [None] * len(jobs), strict=True):
            if other is None:
                self.enqueued[job.job_id] = job

    def _is_here(self, tx: Any) -> bool:
        """True for a connection to this very file."""
        if not belongs(tx, ("sqlite3", ("Connection", "Cursor"))):
            return False
        connection = tx.connection if isinstance(tx, sqlite3.Cursor) else tx
        cursor = connection.cursor()
        cursor.row_factory = None
        files = [row[2] for row in cursor.execute("PRAGMA database_list") if row[1] == "main"]
        return any(file and Path(file).resolve() == self._path.resolve() for file in files)


def _first_of_key(connection: sqlite3.Connection, job_id: str) -> str | None:
    """Who has the turn of a blocked job's key, else who gets it next; None if the job isn't blocked."""
    row = connection.execute(
        "SELECT CASE WHEN substr(b.key, 1, 1) = char(31) THEN b.id ELSE coalesce(t.id, "
        "(SELECT f.id FROM holdfast_blocked f WHERE f.queue = b.queue AND f.key = b.key "
        "ORDER BY f.first_due, f.id LIMIT 1)) END FROM holdfast_blocked b "
        "LEFT JOIN holdfast_lines t ON t.queue = b.queue AND t.key = b.key WHERE b.id = ?",
        (job_id,),
    ).fetchone()
    return None if row is None else str(row[0])
