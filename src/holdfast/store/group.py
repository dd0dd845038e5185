"""Group commit: every write of a process's applications goes through one connection, and what gathers shares a commit.

A lone call runs at once in its caller's thread and waits for nobody. Calls that find the connection busy queue up;
a thread of the writer's own then runs all that has gathered in one transaction. A call that fails is taken out and
the others run again without it, so that they share the commit and fail apart.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, Protocol, TypeVar

from holdfast.core.errors import StoreClosed, StoreError
from holdfast.store.driver import Adapter, drive
from holdfast.store.statement import Verb, Wake
from holdfast.store.verbs.insert import joined

T = TypeVar("T")
Call = Callable[[], Verb[T]]

GROUP = 500
"""At most so many calls share a commit."""


class Gathering(Adapter, Protocol):
    """An adapter that keeps the news of the verbs that it runs."""

    news: list[Wake]


class Session(Protocol):
    """A connection that one thread uses at a time."""

    patience: float
    """Seconds that a write waits for others before it is an error."""

    def take_turn(self, *, wait: bool) -> bool:
        """Line up among the writers of other processes; False if that would mean waiting and `wait` is False."""
        ...

    def end_turn(self) -> None: ...

    def transaction(self) -> AbstractContextManager[Gathering]:
        """Committed at the end, rolled back on any error, which leaves as one of Holdfast's."""
        ...

    def kept_waiting(self) -> StoreError:
        """The error of a write that has waited for too long."""
        ...

    def close(self) -> None: ...


class Request(Generic[T]):
    """One write on its way: the call that makes its verb, and then its value or error."""

    __slots__ = ("call", "error", "finish", "value")

    def __init__(self, call: Call[T], finish: Callable[[Request[T]], None]) -> None:
        self.call = call
        self.finish = finish
        self.value: Any = None
        self.error: BaseException | None = None

    def answer(self) -> T:
        if self.error is not None:
            raise self.error
        value: T = self.value
        return value


class Writer:
    """See the module.

    Args:
        session: the connection; closed with the writer.
        announce: told the news of each commit.
    """

    def __init__(self, session: Session, announce: Callable[[Iterable[Wake]], None]) -> None:
        self._session = session
        self._announce = announce
        self._owner = threading.Lock()
        """Held by whoever uses the session."""
        self._changed = threading.Condition(threading.Lock())
        """Guards what follows."""
        self._urgent: deque[Request[Any]] = deque()
        self._waiting: deque[Request[Any]] = deque()
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, call: Call[T], *, urgent: bool = False) -> T:
        """Run a verb in a transaction and return its value once that has committed.

        Raises:
            StoreError: and its kinds; nothing of this verb was written.
        """
        committed: tuple[T, list[Wake]] | None = None
        if not self._waiting and not self._urgent and self._owner.acquire(blocking=False):
            try:
                if self._closed:
                    raise closed()
                if self._session.take_turn(wait=False):
                    try:
                        committed = self._alone(call)
                    finally:
                        self._session.end_turn()
            finally:
                self._owner.release()
        if committed is not None:
            value, news = committed
            self._announce(news)
            return value
        done = threading.Lock()
        done.acquire()
        request = Request(call, lambda _: done.release())
        self._queue(request, urgent)
        if not done.acquire(timeout=self._session.patience) and not self._withdraw(request):
            done.acquire()
        return request.answer()

    def submit(self, call: Call[T], finish: Callable[[Request[T]], None]) -> None:
        """Run a verb soon; `finish` is called in the writer's thread when it has committed or failed."""
        self._queue(Request(call, finish), urgent=False)

    def if_free(self, use: Callable[[], T]) -> T | None:
        """Call something if nobody uses the session now, not even the caller; None otherwise."""
        if not self._owner.acquire(blocking=False):
            return None
        try:
            return None if self._closed else use()
        finally:
            self._owner.release()

    def exclusive(self, use: Callable[[], T]) -> T:
        """Call something while nothing else uses the session."""
        with self._owner:
            if self._closed:
                raise closed()
            return use()

    def close(self) -> None:
        """Finish what is queued and close the session."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        with self._owner:
            self._session.close()

    def _alone(self, call: Call[T]) -> tuple[T, list[Wake]]:
        with self._session.transaction() as adapter:
            value = drive(call(), adapter)
        return value, adapter.news

    def _queue(self, request: Request[Any], urgent: bool) -> None:
        with self._changed:
            if self._closed:
                raise closed()
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="holdfast-writer", daemon=True)
                self._thread.start()
            (self._urgent if urgent else self._waiting).append(request)
            self._changed.notify()

    def _withdraw(self, request: Request[Any]) -> bool:
        """Take back a request that has waited for too long; False if it has been begun."""
        with self._changed:
            for queue in (self._urgent, self._waiting):
                if request in queue:
                    queue.remove(request)
                    request.error = self._session.kept_waiting()
                    return True
        return False

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not (self._urgent or self._waiting):
                    if self._closed:
                        return
                    self._changed.wait()
            with self._owner:
                self._session.take_turn(wait=True)
                try:
                    group = self._gathered()
                    news = self._commit(group)
                finally:
                    self._session.end_turn()
            self._announce(news)
            for request in group:
                request.finish(request)

    def _gathered(self) -> list[Request[Any]]:
        """All that has come while the turn was waited for, the control plane's first."""
        with self._changed:
            group: list[Request[Any]] = []
            for queue in (self._urgent, self._waiting):
                while queue and len(group) < GROUP:
                    group.append(queue.popleft())
            return group

    def _commit(self, group: Sequence[Request[Any]]) -> list[Wake]:
        """Run them; returns the news of those that were committed."""
        left = _bundled(group)
        while left:
            running: Bundle | None = None
            try:
                with self._session.transaction() as adapter:
                    for running in left:
                        running.run(adapter)
                    running = None
            except BaseException as error:
                left = _without(left, running, error)
            else:
                return adapter.news
        return []


class Bundle:
    """Requests that run as one call."""

    __slots__ = ("_call", "requests")

    def __init__(self, requests: list[Request[Any]]) -> None:
        self.requests = requests
        self._call = (joined([one.call for one in requests]) if len(requests) > 1 else None) or requests[
            0
        ].call

    def run(self, adapter: Gathering) -> None:
        value = drive(self._call(), adapter)
        for request in self.requests:
            request.value = value


def _bundled(group: Sequence[Request[Any]]) -> list[Bundle]:
    """Inserts next to each other become one; whatever else runs by itself."""
    bundles: list[Bundle] = []
    run: list[Request[Any]] = []
    for request in group:
        if joined([request.call]) is not None:
            run.append(request)
            continue
        if run:
            bundles.append(Bundle(run))
            run = []
        bundles.append(Bundle([request]))
    return [*bundles, Bundle(run)] if run else bundles


def _without(left: list[Bundle], failed: Bundle | None, error: BaseException) -> list[Bundle]:
    """What is to be tried again after `failed` has failed; None is the transaction itself, and takes all with it."""
    if failed is not None and len(failed.requests) > 1:
        # One of them is to blame: each has a try of its own.
        singles = [Bundle([request]) for request in failed.requests]
        at = left.index(failed)
        return [*left[:at], *singles, *left[at + 1 :]]
    for bundle in left if failed is None else [failed]:
        for request in bundle.requests:
            request.error = error
    return [] if failed is None else [bundle for bundle in left if bundle is not failed]


def closed() -> StoreClosed:
    """The error of a call that came after the end."""
    return StoreClosed("the application was closed; make a new Holdfast object to go on")
