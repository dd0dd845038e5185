"""The half of an app that code needs which only enqueues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, Unpack, runtime_checkable

if TYPE_CHECKING:
    from holdfast.client.draft import Draft
    from holdfast.client.job import Job
    from holdfast.client.options import Options

R = TypeVar("R")


@runtime_checkable
class Enqueuer(Protocol):
    """What `Holdfast` offers to code that registers no tasks. Annotate with it what needs no more."""

    def enqueue(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        declare: bool = False,
        **options: Unpack[Options],
    ) -> Job[Any]: ...

    async def aenqueue(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        declare: bool = False,
        **options: Unpack[Options],
    ) -> Job[Any]: ...

    def new(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        /,
        *,
        declare: bool = False,
        **options: Unpack[Options],
    ) -> Draft[Any]: ...

    def enqueue_many(self, drafts: Iterable[Draft[R]], *, tx: Any = None) -> list[Job[R]]: ...

    async def aenqueue_many(self, drafts: Iterable[Draft[R]], *, tx: Any = None) -> list[Job[R]]: ...
