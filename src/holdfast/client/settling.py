"""Finishing a run in a transaction of its handler's own: effects and success commit together, or neither does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.core.errors import InvalidOption
from holdfast.store.verbs.settle_in import settle_in

if TYPE_CHECKING:
    from types import TracebackType

    from holdfast.client.context import JobContext
    from holdfast.core.job import Settlement


class SettleIn:
    """What `ctx.settle_in(tx)` returns: enter it with `with`, or with `async with` for an async connection.

    At the end of the block, if nothing was raised, the run's success is written in the caller's transaction, which is
    the caller's to commit. A run that has lost its lease gets `LeaseLost` there, and must roll back.
    """

    def __init__(self, ctx: JobContext, tx: Any, result: Any) -> None:
        if not ctx.task.transactional:
            raise InvalidOption(
                f"task {ctx.task.name} can't settle in a transaction of its own: declare it with transactional=True, "
                "so that its jobs are claimed one by one"
            )
        self._ctx = ctx
        self._tx = tx
        self._result = result

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            settlement = self._settlement()
            self._ctx.client.store.within(self._tx, settle_in, self._ctx.worker_id, settlement)

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            settlement = self._settlement()
            await self._ctx.client.store.awithin(self._tx, settle_in, self._ctx.worker_id, settlement)

    def _settlement(self) -> Settlement:
        # From here on only the database knows how the run ended.
        self._ctx.mark_settled()
        captured = self._ctx.root.captured
        if self._result is None and captured is not None:
            return self._ctx.success(captured)
        return self._ctx.success(self._ctx.task.signature.encode_result(self._result))
