"""An app for tests that need one of their own."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

from holdfast.app import Holdfast


class TestApp(Holdfast):
    """A `Holdfast` on a temporary SQLite file, which goes away with `close`, at the end of its `with`, or with it.

    Args:
        options: those of `Holdfast`, without an address.
    """

    __test__ = False
    """It is no class of tests, whatever its name makes of it."""

    def __init__(self, **options: Any) -> None:
        folder = mkdtemp(prefix="holdfast-test-")
        # Not a TemporaryDirectory, which complains when nobody has closed it.
        self._remove = finalize(self, shutil.rmtree, folder, ignore_errors=True)
        super().__init__(f"sqlite:///{Path(folder, 'jobs.db')}?synchronous=normal", **options)

    def close(self) -> None:
        super().close()
        self._remove()
