"""Runs a move and kills itself after so many commits: `python -m tests.store.killed_move COMMITS FROM TO`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from holdfast.store.move import pages
from holdfast.store.move.mover import move
from holdfast.store.move.place import Place, open_source, open_target


class Mortal:
    """A store in a process that has so many commits left."""

    left = 0

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, *args: Any) -> Any:
        answer = self._store.write(*args)
        Mortal.left -= 1
        if not Mortal.left:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


def main() -> None:
    Mortal.left = int(sys.argv[1])
    pages.sizes.__defaults__ = (45,)  # type: ignore[attr-defined]
    source, target = (
        Place(Mortal(place.store), place.name)
        for place in (open_source(sys.argv[2], "holdfast"), open_target(sys.argv[3], "holdfast"))
    )
    move(source, target, lease=0.3)


if __name__ == "__main__":
    main()
