"""Testing applications: `app.testing()`, apps for tests, and fixtures for pytest.

The names below are imported when they are first used: pytest loads the plugin beside them in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.rehearsal.rehearsal import Rehearsal as Rehearsal
    from holdfast.rehearsal.witness import Drained as Drained
    from holdfast.testing.app import TestApp as TestApp

_MODULE_OF = {
    "Drained": "holdfast.rehearsal.witness",
    "Rehearsal": "holdfast.rehearsal.rehearsal",
    "TestApp": "holdfast.testing.app",
}

__all__ = ["Drained", "Rehearsal", "TestApp"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
