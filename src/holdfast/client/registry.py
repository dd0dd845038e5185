"""Everything an app has declared, and what follows from it for each pair of task and queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import RLock
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from holdfast.client.placing import Placement
from holdfast.client.queues import QueueSettings, capped
from holdfast.core.errors import ConfigurationError, DuplicateTask, UnknownTask
from holdfast.core.job import DeadLetter
from holdfast.core.limits import FAIR, Shares
from holdfast.core.policy import Policy, PolicyLevel, resolve_policy
from holdfast.core.slots import rule_name
from holdfast.middleware.base import Middleware, around_enqueue, around_process
from holdfast.middleware.chain import compose_enqueue
from holdfast.store.records import LimitRow

if TYPE_CHECKING:
    from holdfast.client.task import Task
    from holdfast.client.timetables import Declared
    from holdfast.middleware.base import EnqueueNext
    from holdfast.store.records import QueueRow, ScheduleRow


class Route:
    """What holds for the jobs of one task in one queue.

    Attributes:
        priority: where the enqueue says nothing.
        enqueue: the chain around an enqueue; None where there is none.
    """

    __slots__ = ("enqueue", "priority")

    def __init__(self, priority: int, enqueue: EnqueueNext | None) -> None:
        self.priority = priority
        self.enqueue = enqueue


class Registry:
    """The tasks and queues of one app. Any thread may read it; declaring is done by one.

    Args:
        level: what the app says of every job's policy.
        middleware: the app's, around everything.
    """

    def __init__(self, level: PolicyLevel = PolicyLevel(), middleware: tuple[Middleware, ...] = ()) -> None:  # noqa: B008
        self._level = level
        self._middleware = middleware
        self._tasks: dict[str, Task[Any, Any]] = {}
        self._queues: dict[str, QueueSettings] = {}
        self._fifo: frozenset[str] = frozenset()
        self._schedules: dict[str, Declared] = {}
        self._pending: list[Callable[[], object]] = []
        self._frozen = False
        self._lock = RLock()
        self._routes: dict[tuple[str, str], Route] = {}
        self._policies: dict[tuple[str | None, str], Policy] = {}
        self._placements: dict[tuple[str, str], Placement | None] = {}

    # --- declaring -----------------------------------------------------------------------------------------

    def add(self, task: Task[Any, Any]) -> None:
        """Declare a task.

        Raises:
            DuplicateTask: its name is taken.
            ConfigurationError: a worker has begun.
        """
        self.refuse_late(f"task {task.name} was declared")
        other = self._tasks.get(task.name)
        if other is not None:
            raise DuplicateTask(
                f"two tasks are called {task.name!r}: {_place(other)} and {_place(task)}; give one another name="
            )
        self._tasks[task.name] = task
        self._forget()

    def add_queue(self, settings: QueueSettings) -> None:
        """Declare a queue.

        Raises:
            DuplicateTask: it was declared before.
            ConfigurationError: a worker has begun, or its dead letters would go round in a circle.
        """
        self.refuse_late(f"queue {settings.name} was declared")
        if settings.name in self._queues:
            raise DuplicateTask(f"queue {settings.name!r} is declared twice; say all of it in one place")
        self._refuse_circle(settings)
        self._queues[settings.name] = settings
        if settings.fifo:
            self._fifo |= {settings.name}
        self._forget()

    def add_schedule(self, declared: Declared) -> None:
        """Declare a schedule.

        Raises:
            DuplicateTask: its name is taken.
            ConfigurationError: a worker has begun.
        """
        self.refuse_late(f"schedule {declared.name} was declared")
        if declared.name in self._schedules:
            raise DuplicateTask(
                f"two schedules are called {declared.name!r}; give one another name= (the default is the task's)"
            )
        self._schedules[declared.name] = declared

    def _refuse_circle(self, settings: QueueSettings) -> None:
        way = [settings.name]
        following = settings.dead_letter
        while following is not None and following not in way:
            way.append(following)
            following = self.queue(following).dead_letter
        if following is not None:
            raise ConfigurationError(
                f"the dead letters of {' → '.join([*way, following])} would go round for ever; leave out dead_letter= "
                "of the last queue, where somebody is to look at them"
            )

    def add_later(self, declare: Callable[[], object]) -> None:
        """Keep a function that declares more, to be called once, before the first claim."""
        self.refuse_late("something was included")
        self._pending.append(declare)

    def load(self) -> None:
        """Call the functions that declare more and haven't been called yet."""
        with self._lock:
            # One by one: a function may include others.
            while self._pending:
                self._pending.pop(0)()

    def freeze(self) -> None:
        """From now on nothing can be declared. A worker calls this before its first claim."""
        with self._lock:
            self.load()
            self._frozen = True

    @property
    def frozen(self) -> bool:
        """A worker has begun."""
        return self._frozen

    def thaw(self) -> None:
        """Let more be declared: the workers of tests come and go between the modules that declare tasks."""
        self._frozen = False

    def refuse_late(self, what: str) -> None:
        """Raises ConfigurationError once a worker has begun."""
        if self._frozen:
            raise ConfigurationError(
                f"{what} after a worker of this app had begun, which would never see it; declare everything before "
                "run_worker, or in a function given to app.include"
            )

    def _forget(self) -> None:
        self._routes.clear()
        self._policies.clear()
        self._placements.clear()

    # --- looking up ----------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Task[Any, Any]:
        """A task by name.

        Raises:
            UnknownTask: none is declared here.
        """
        task = self.find(name)
        if task is None:
            known = ", ".join(sorted(self._tasks)) or "none at all"
            near = [one for one in self._tasks if one.endswith(f".{name}")]
            meant = (
                f"did you mean {near[0]!r}? Names are module.function unless name= says otherwise; "
                if near
                else ""
            )
            raise UnknownTask(f"no task is called {name!r} here; {meant}known are: {known}")
        return task

    def get(self, name: str) -> Task[Any, Any] | None:
        """A task by name, or None."""
        return self._tasks.get(name)

    def find(self, name: str) -> Task[Any, Any] | None:
        """The same; if need be, after calling what was included and not called yet."""
        task = self._tasks.get(name)
        if task is None and self._pending:
            self.load()
            task = self._tasks.get(name)
        return task

    def __contains__(self, name: object) -> bool:
        return name in self._tasks

    def __iter__(self) -> Iterator[Task[Any, Any]]:
        return iter(list(self._tasks.values()))

    def names(self) -> list[str]:
        """Of all tasks."""
        return list(self._tasks)

    def queue(self, name: str) -> QueueSettings:
        """The settings of a queue; the defaults if it isn't declared."""
        return self._queues.get(name) or QueueSettings(name=name)

    def queues(self) -> list[QueueSettings]:
        """All that are declared."""
        return list(self._queues.values())

    @property
    def fifo(self) -> frozenset[str]:
        """The names of the queues that are declared as FIFO queues."""
        return self._fifo

    def queue_rows(self) -> list[QueueRow]:
        """What a worker stores of the declared queues when it starts."""
        rows: list[QueueRow] = []
        for settings in self._queues.values():
            keep = self._level.retention if settings.level.retention is UNSET else settings.level.retention
            rows.append(settings.row(keep, self._letter(settings)))
        return rows

    def limit_rows(self) -> list[LimitRow]:
        """What a worker stores of the declared limits, rates and fair shares when it starts."""
        counted = [one.counted for one in self._queues.values()]
        counted += [one.counted for one in self._tasks.values()]
        declared = [one for several in counted for one in several]
        rows = [LimitRow(one.name, msgspec.json.encode(one.rule).decode()) for one in declared]
        for queue in self._queues.values():
            if queue.fair_by is not None:
                shares = msgspec.json.encode(Shares(queue.weights), order="sorted").decode()
                rows.append(LimitRow(rule_name("queue", queue.name, FAIR), shares))
        return rows

    def limit_owners(self) -> list[tuple[str, str]]:
        """The queues and tasks of which those are all."""
        return [*(("queue", name) for name in self._queues), *(("task", name) for name in self._tasks)]

    def schedule_names(self) -> list[str]:
        """Of all schedules that are declared."""
        return list(self._schedules)

    def schedule_rows(self) -> list[ScheduleRow]:
        """What a worker stores of the declared schedules when it starts."""
        return [declared.row() for declared in self._schedules.values()]

    # --- what follows --------------------------------------------------------------------------------------

    def policy_for(self, task: str | None, queue: str) -> Policy:
        """The policy of a task's jobs in a queue: the nearest of task, queue and app wins, field by field.

        Args:
            task: None, or the name of a task that isn't known here, leaves out that level.
            queue: need not be declared.
        """
        policy = self._policies.get((task, queue))
        if policy is None:
            known = self._tasks.get(task) if task is not None else None
            settings = self.queue(queue)
            own = msgspec.structs.replace(settings.level, dead_letter=self._letter(settings))
            levels = [capped(own, settings.max_retry_delay, outer=(self._level,)), self._level]
            policy = resolve_policy(levels if known is None else [known.level, *levels])
            self._policies[task, queue] = policy
        return policy

    def _letter(self, settings: QueueSettings) -> DeadLetter | None:
        return None if settings.dead_letter is None else self.queue(settings.dead_letter).letter()

    def route(self, task: Task[Any, Any] | None, queue: str) -> Route:
        """What holds for an enqueue of a task's job in a queue; None is a task that isn't known here."""
        key = ("" if task is None else task.name, queue)
        route = self._routes.get(key)
        if route is None:
            own = None if task is None else task.priority
            priority = self.queue(queue).priority if own is None else own
            chain = compose_enqueue(around_enqueue(self.middleware(task, queue)))
            route = self._routes[key] = Route(priority, chain)
        return route

    def placement(self, task: str, queue: str) -> Placement | None:
        """Where the jobs of a task stand in a queue; None where they simply run, and for a task that isn't known."""
        try:
            return self._placements[task, queue]
        except KeyError:
            known = self._tasks.get(task)
            found = None if known is None else Placement.of(known, self.queue(queue))
            if known is not None:
                self._placements[task, queue] = found
            return found

    @property
    def places_any(self) -> bool:
        """Any queue or task has a limit, a rate, shares or an order."""
        queues = any(
            queue.counted or queue.fair_by is not None or queue.fifo for queue in self._queues.values()
        )
        return queues or any(task.counted or task.ordering_key is not None for task in self._tasks.values())

    def process_middleware(self, task: Task[Any, Any] | None, queue: str) -> tuple[Middleware, ...]:
        """What stands around a run, the outermost first; only those that have a `process` of their own."""
        return around_process(self.middleware(task, queue))

    def all_middleware(self) -> list[Middleware]:
        """What is declared anywhere; one that stands in several places is there several times."""
        places = [queue.middleware for queue in self._queues.values()]
        places += [task.middleware for task in self._tasks.values()]
        return [*self._middleware, *(one for place in places for one in place)]

    def middleware(self, task: Task[Any, Any] | None, queue: str) -> Iterable[Middleware]:
        """All that stands around the jobs of a task in a queue, the outermost first."""
        return (*self._middleware, *self.queue(queue).middleware, *(() if task is None else task.middleware))


def _place(task: Task[Any, Any]) -> str:
    function = task.function
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(function))}"
