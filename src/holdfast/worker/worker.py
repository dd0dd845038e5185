"""A worker: started, stopped, waited for."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from threading import Event, Lock, Thread, current_thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import msgspec

from holdfast.core.errors import ConfigurationError, StoreUnavailable
from holdfast.core.times import SECOND
from holdfast.store.verbs.limits import declare_limits
from holdfast.store.verbs.queues import declare_queues
from holdfast.store.verbs.schedules import declare_schedules
from holdfast.store.verbs.strays import put_in_order
from holdfast.worker.announcer import Announcer
from holdfast.worker.backoff import Reach
from holdfast.worker.counting import Counting
from holdfast.worker.crew import Crew
from holdfast.worker.lifespan import Lifespan, entered
from holdfast.worker.loop_thread import LoopThread
from holdfast.worker.observers import Observer, Observers
from holdfast.worker.options import WorkerOptions
from holdfast.worker.shutdown import Ending, shut_down
from holdfast.worker.status import ExitStatus
from holdfast.worker.stop import Stop

if TYPE_CHECKING:
    import asyncio
    import contextvars
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from holdfast.client.client import Client
    from holdfast.client.task import Task
    from holdfast.store.base import Store
    from holdfast.worker.health import Health
    from holdfast.worker.here import Here

logger = logging.getLogger("holdfast.worker")


class Worker:
    """Runs jobs in threads of its own until it is stopped. `with Worker(…):` starts and stops it.

    Args:
        client: of the app.
        options: its settings.
        lifespan: makes a context manager, async or not, that is entered around its life; what that yields is
            `ctx.state`.
        observers: told what happens.
        loop: the event loop to run async handlers on, which somebody else runs; None makes one.
        context: what async handlers find in context variables, on a loop of somebody else's.
        here: the thread that plain functions run in; None takes threads of its own.
    """

    def __init__(
        self,
        client: Client,
        options: WorkerOptions | None = None,
        *,
        lifespan: Lifespan | None = None,
        observers: Sequence[Observer] = (),
        loop: asyncio.AbstractEventLoop | None = None,
        context: contextvars.Context | None = None,
        here: Here | None = None,
    ) -> None:
        self._client = client
        self._options = options or WorkerOptions()
        self._lifespan = lifespan
        self._observers = Observers(
            (
                *observers,
                Counting(client.registry),
                Announcer(client.events, self._options.queues, lambda: self.id, client.now),
            )
        )
        self._loop = loop
        self._context = context
        self._here = here
        self._stop = Stop()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._begun = Event()
        self._ended = Event()
        self._on_end: Callable[[], None] | None = None
        self._crew: Crew | None = None
        self._away: StoreUnavailable | None = None
        """Why it hasn't begun."""
        self._ending = Ending(finished=True, settled=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def id(self) -> str | None:
        """The worker's id now; None while it doesn't work. One that was declared dead goes on under another."""
        return None if self._crew is None else self._crew.life.id

    def observe(self, observer: Observer, **options: Any) -> None:
        """Tell one more of what happens, and change these options for it. Before it begins."""
        self._observers = self._observers.and_one(observer)
        self._options = msgspec.structs.replace(self._options, **options)

    @property
    def options(self) -> WorkerOptions:
        return self._options

    def start(self) -> None:
        """Begin to work; returns once it does.

        Raises:
            ConfigurationError: it was started before, or has nothing to do.
            StoreError: the database can't be used.
        """
        with self._lock:
            if self._thread is not None:
                raise ConfigurationError("a worker starts once: make another one")
            self._thread = Thread(target=self._carry, name="holdfast-worker", daemon=True)
        self._thread.start()
        self._begun.wait()
        if self._ended.is_set() and self._stop.error is not None:
            raise self._stop.error

    def stop(self, timeout: float | None = None) -> bool:
        """Stop claiming, let running jobs finish, give back the rest; returns once all of that is done.

        Args:
            timeout: seconds that running jobs have; None takes `shutdown_timeout`, 0 cancels them now. Stopping
                again, from another thread, can only shorten the time.

        Returns:
            True if every job that had been begun has finished and was settled.
        """
        self.request_stop(timeout)
        if self._thread is None:
            return True
        if current_thread() is self._thread:
            raise RuntimeError("a worker can't wait for its own end in the thread that brings it about")
        self._ended.wait()
        return self._ending.finished and self._ending.settled

    def request_stop(self, timeout: float | None = None) -> None:
        """The same without waiting."""
        seconds = self._options.shutdown_timeout / SECOND if timeout is None else max(0.0, timeout)
        self._stop.ask(monotonic() + seconds)

    def wait(self, timeout: float | None = None) -> ExitStatus | None:
        """Wait for the worker's end, which somebody else or a `burst` brings about; None if it goes on.

        Raises:
            StoreError: what made it end, if it could not go on.
        """
        if self._thread is not None and not self._ended.wait(timeout):
            return None
        if self._stop.error is not None:
            raise self._stop.error
        return self.status

    def call_at_end(self, callback: Callable[[], None]) -> None:
        """Call this, in the worker's thread, when it has ended. Before it begins."""
        self._on_end = callback

    def run(self) -> bool:
        """Start, and block until the worker ends: by SIGINT or SIGTERM in the main thread, or as a burst.

        Returns:
            True if everything that was begun has finished.
        """
        from holdfast.worker.run import run_worker

        return run_worker(self) in (ExitStatus.FINISHED, ExitStatus.RENEW)

    @property
    def status(self) -> ExitStatus:
        """How it ended."""
        if self._stop.error is not None:
            return ExitStatus.FAILED
        if not self._ending.settled:
            return ExitStatus.UNSETTLED
        if not self._ending.finished:
            return ExitStatus.UNFINISHED
        return ExitStatus.RENEW if self._stop.renew else ExitStatus.FINISHED

    def health(self) -> Health:
        """How it is now: `live`, `ready`, and the findings that say why. Asks nothing of the database."""
        from holdfast.worker.health import Finding, examine, health_of

        error, crew = self._stop.error, self._crew
        if error is not None:
            return health_of([Finding("worker", ok=False, says=f"can't go on: {error}", live=True)])
        if self._ended.is_set():
            return health_of([Finding("worker", ok=False, says="has ended")])
        if self._stop.asked:
            return health_of([Finding("worker", ok=False, says="is ending, and claims no more jobs")])
        if crew is None:
            waits = "" if self._away is None else f": it waits for the database: {self._away}"
            return health_of([Finding("worker", ok=False, says=f"has not begun{waits}")])
        return examine(crew, self._options)

    # --- the thread that starts and ends the others ---

    def _carry(self) -> None:
        try:
            with ExitStack() as stack:
                crew = self._open(stack)
                logger.info("worker %s has begun", crew.life.id)
                self._begun.set()
                while not self._stop.asked:
                    self._stop.wait()
                logger.info("worker %s is ending", crew.life.id)
                self._ending = shut_down(crew, self._stop, self._options)
                logger.info("worker %s has ended; it settled %d runs", crew.life.id, crew.settler.received)
        except BaseException as error:
            if self._begun.is_set():
                logger.exception("the worker ended badly")
            self._stop.fail(error)
        finally:
            self._client.events.flush()
            self._ended.set()
            self._begun.set()
            if self._on_end is not None:
                self._on_end()

    def _open(self, stack: ExitStack) -> Crew:
        """Build everything up; the stack takes it down again, last things first."""
        self.prepare()
        tasks = self.served()
        store = self._reached()
        loop = self._loop
        if loop is None:
            thread = LoopThread()
            thread.start()
            stack.callback(thread.stop, 2.0)
            loop = thread.loop
        state = stack.enter_context(entered(self._lifespan, loop))
        crew = Crew(self._client, self._options, tasks, self._stop, self._observers, self._here)
        stack.callback(crew.close)
        crew.use_loop(loop, self._context)
        stack.callback(store.subscribe(crew.hear))
        stack.enter_context(store.watching())
        stack.callback(crew.leave)
        crew.begin(state)
        self._crew = crew
        return crew

    def _reached(self) -> Store:
        """The store, ready for work. One that is away may be starting as well, and is waited for; a burst isn't kept
        waiting."""
        reach = Reach(logger, "reach the database")
        while True:
            try:
                store = self._client.store
                store.check_schema()
                store.write(declare_queues, self._client.registry.queue_rows())
                store.write(declare_schedules, self._client.registry.schedule_rows())
                registry = self._client.registry
                store.write(declare_limits, registry.limit_rows(), registry.limit_owners())
                for queue in sorted(self._client.registry.fifo):
                    while store.write(put_in_order, queue):
                        pass
            except StoreUnavailable as error:
                if self._options.burst or self._stop.asked:
                    raise
                self._away = error
                self._stop.wait(reach.failed(error))
            else:
                reach.worked()
                return store

    def prepare(self) -> None:
        """Before anything is claimed."""
        self._client.registry.freeze()

    def served(self) -> list[Task[Any, Any]]:
        """The tasks to serve."""
        registry, names = self._client.registry, self._options.tasks
        if names is None:
            tasks = list(registry)
        else:
            tasks = [registry[name] for name in names]
        if not tasks:
            raise ConfigurationError(
                "this app has no tasks, so a worker has nothing to do; declare one with @app.task, or app.include the "
                "routers that have them"
            )
        return tasks
