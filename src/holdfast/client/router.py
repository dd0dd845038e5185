"""Tasks declared in modules that don't know the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.client.declare import DeclaresTasks
from holdfast.core.errors import DuplicateTask

if TYPE_CHECKING:
    from holdfast.client.task import Task


class TaskRouter(DeclaresTasks):
    """Collects tasks; `app.include(router)` makes them part of an app, which is when they can be enqueued.

    ```python
    router = TaskRouter()

    @router.task(queue="mail")
    async def send_mail(to: str) -> None: ...
    ```
    """

    def __init__(self) -> None:
        self._tasks: dict[str, Task[Any, Any]] = {}
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

    def hand_over(self) -> list[Task[Any, Any]]:
        """All its tasks, when an app includes it; from then on it takes no more."""
        self._included = True
        return list(self._tasks.values())
