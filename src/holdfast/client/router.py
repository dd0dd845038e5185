"""Tasks declared in modules that don't know the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.client.declare import DeclaresTasks
from holdfast.client.timetables import Declared, DeclaresSchedules
from holdfast.core.errors import DuplicateTask

if TYPE_CHECKING:
    from holdfast.client.task import Task


class TaskRouter(DeclaresTasks, DeclaresSchedules):
    """Collects tasks and their schedules; `app.include(router)` makes them part of an app: then they can be enqueued.

    ```python
    router = TaskRouter()

    @router.task(queue="mail")
    async def send_mail(to: str) -> None: ...
    ```
    """

    def __init__(self) -> None:
        self._tasks: dict[str, Task[Any, Any]] = {}
        self._schedules: list[Declared] = []
        self._included = False

    def _declare(self, task: Task[Any, Any]) -> None:
        if self._included:
            raise DuplicateTask(
                f"task {task.name} was declared after its router had been included, so the app would never see it; "
                "include the router once all its tasks are declared"
            )
        if task.name in self._tasks:
            raise DuplicateTask(f"two tasks of one router are called {task.name!r}; give one another name=")
        self._tasks[task.name] = task

    def _schedule(self, declared: Declared) -> None:
        if self._included:
            raise DuplicateTask(
                f"schedule {declared.name} was declared after its router had been included, so the app would never see "
                "it; include the router once all is declared"
            )
        self._schedules.append(declared)

    def schedules(self) -> list[Declared]:
        """All its schedules."""
        return list(self._schedules)

    def hand_over(self) -> list[Task[Any, Any]]:
        """All its tasks, when an app includes it; from then on it takes no more."""
        self._included = True
        return list(self._tasks.values())
