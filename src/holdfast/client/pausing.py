"""Pausing everything or a task: the half of it that an app has. Queues have theirs (`holdfast.client.queue_api`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.client import pauses

if TYPE_CHECKING:
    from holdfast.client.client import Client
    from holdfast.client.pauses import Pause
    from holdfast.client.task import Task


class PausesWork:
    """`app.pause()`, `app.resume()` and `app.paused()`."""

    client: Client

    def pause(
        self,
        *,
        task: str | Task[Any, Any] | None = None,
        by: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Have no worker claim a job any more, or none of one task, until it is resumed. See `Queue.pause`.

        In a FIFO queue, and behind an ordering key, a job of a paused task holds up those behind it, once it has the
        turn.

        Args:
            task: that task alone, in all queues; None is everything.
            by: who does it, for others to read.
            reason: why.

        Returns:
            False if it was paused, which then stays as it was.
        """
        return self.client.run(pauses.pause(pauses.of_task(task), by, reason))

    async def apause(
        self,
        *,
        task: str | Task[Any, Any] | None = None,
        by: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """The same for async code."""
        return await self.client.arun(pauses.pause(pauses.of_task(task), by, reason))

    def resume(self, *, task: str | Task[Any, Any] | None = None) -> bool:
        """End the pause of everything, or of one task. Queues and tasks paused by themselves stay so.

        Returns:
            False if it wasn't paused.
        """
        return self.client.run(pauses.resume(pauses.of_task(task)))

    async def aresume(self, *, task: str | Task[Any, Any] | None = None) -> bool:
        """The same for async code."""
        return await self.client.arun(pauses.resume(pauses.of_task(task)))

    def paused(self) -> list[Pause]:
        """All that is paused: everything first, then queues, then tasks."""
        return self.client.run(pauses.paused())

    async def apaused(self) -> list[Pause]:
        """The same for async code."""
        return await self.client.arun(pauses.paused())
