"""`Recovery`: exceptions after which a job is not to be tried again, like a panic."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from holdfast.core.errors import InvalidOption
from holdfast.core.outcomes import Outcome, Panicked, Raised
from holdfast.middleware.base import Middleware

if TYPE_CHECKING:
    from holdfast.client.context import JobContext
    from holdfast.middleware.base import ProcessNext


class Recovery(Middleware):
    """Sends jobs that raise certain exceptions to the dead letters at once, with their stack: `failed(panic)`.

    The worker survives whatever a handler raises, with this or without it.

    Args:
        panics: exception classes; of a run that raises one, or one derived from it, the job is not retried.

    Raises:
        InvalidOption: something among them is no exception class.
    """

    def __init__(self, panics: type[BaseException] | Iterable[type[BaseException]] = ()) -> None:
        if not isinstance(panics, (type, Iterable)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"panics= takes exception classes, not {panics!r}")
        given = (panics,) if isinstance(panics, type) else tuple(panics)
        for cls in given:
            if not (isinstance(cls, type) and issubclass(cls, BaseException)):  # type: ignore[redundant-expr]  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidOption(f"panics= takes exception classes, not {cls!r}")
            if issubclass(cls, Outcome):
                raise InvalidOption(f"panics= takes exceptions, and {cls.__name__} is what a run may decide")
        self.panics = given

    async def process(self, ctx: JobContext, call_next: ProcessNext) -> Outcome:
        try:
            outcome = await call_next(ctx)
        except Outcome:  # of a middleware within, which decided like that
            raise
        except self.panics as error:
            return Panicked(error)
        # Not a timeout, nor what a run was never begun for: these have reasons of their own.
        if type(outcome) is Raised and isinstance(outcome.error, self.panics):
            return Panicked(outcome.error)
        return outcome
