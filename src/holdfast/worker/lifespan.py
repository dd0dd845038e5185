"""What an app wants around the whole life of a worker process: pools to open, models to load."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from typing import Any

from holdfast.core.errors import ConfigurationError

logger = logging.getLogger("holdfast.worker")

LEAVING = 30.0
"""Seconds for an async lifespan to end."""

Lifespan = Callable[[], AbstractAsyncContextManager[Any] | AbstractContextManager[Any]]


@contextmanager
def entered(lifespan: Lifespan | None, loop: asyncio.AbstractEventLoop) -> Generator[Any]:
    """Enter a lifespan and leave it again; gives what it yields.

    Args:
        lifespan: makes the context manager. An async one is entered and left on the loop, in one task.
        loop: where async handlers run.
    """
    if lifespan is None:
        yield None
        return
    manager = lifespan()
    if isinstance(manager, AbstractAsyncContextManager):
        with _on_loop(manager, loop) as state:
            yield state
    elif isinstance(manager, AbstractContextManager):  # pyright: ignore[reportUnnecessaryIsInstance]
        with manager as state:
            yield state
    else:
        raise ConfigurationError(
            f"lifespan gave {manager!r}, which is no context manager; decorate the function with "
            "@contextlib.contextmanager or @contextlib.asynccontextmanager"
        )


@contextmanager
def _on_loop(manager: AbstractAsyncContextManager[Any], loop: asyncio.AbstractEventLoop) -> Generator[Any]:
    from concurrent.futures import Future

    entered: Future[Any] = Future()
    ending = asyncio.Event()

    async def live() -> None:
        try:
            async with manager as state:
                entered.set_result(state)
                await ending.wait()
        except BaseException as error:
            if entered.done():
                raise
            entered.set_exception(error)

    life = asyncio.run_coroutine_threadsafe(live(), loop)
    state = entered.result()
    try:
        yield state
    finally:
        loop.call_soon_threadsafe(ending.set)
        try:
            life.result(LEAVING)
        except TimeoutError:
            logger.error("the lifespan has not ended within %.0f s and is left behind", LEAVING)
