"""A store whose line can be cut: before a verb is run, before it is committed, or after that and before its answer."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from holdfast import Holdfast
from holdfast.core.errors import StoreUnavailable


class Line:
    """Passes everything on to the store of an app, as long as it isn't cut."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._lock = Lock()
        self.cut = False
        self._lose: dict[str, int] = {}
        """How many answers of a verb are lost, by its name."""
        self._undo: dict[str, int] = {}
        """How often a verb isn't committed."""
        self.lost: list[str] = []

    def lose_answers(self, verb: str, count: int = 1) -> None:
        self._lose[verb] = count

    def lose_commits(self, verb: str, count: int = 1) -> None:
        self._undo[verb] = count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def channel(self, name: str) -> Any:
        return _Channel(self, self._store.channel(name))

    def write(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        return self.send(self._store.write, verb, *args, **kwargs)

    def read(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        return self.send(self._store.read, verb, *args, **kwargs)

    def send(self, way: Callable[..., Any], verb: Any, *args: Any, **kwargs: Any) -> Any:
        if self.cut:
            raise StoreUnavailable("the line is cut")
        if self._undo.get(verb.__name__, 0):
            self._undo[verb.__name__] -= 1
            self.lost.append(verb.__name__)
            return way(_undone(verb), *args, **kwargs)
        answer = way(verb, *args, **kwargs)
        with self._lock:
            left = self._lose.get(verb.__name__, 0)
            if left and answer:
                self._lose[verb.__name__] = left - 1
                self.lost.append(verb.__name__)
                raise StoreUnavailable("the answer was lost")
        return answer


def _undone(verb: Any) -> Any:
    """A verb that does its work and then loses the connection."""

    def undone(*args: Any, **kwargs: Any) -> Any:
        yield from verb(*args, **kwargs)
        raise StoreUnavailable("the line was cut before the commit")

    return undone


class _Channel:
    def __init__(self, line: Line, channel: Any) -> None:
        self._line = line
        self._channel = channel

    def write(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        return self._line.send(self._channel.write, verb, *args, **kwargs)

    def read(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        return self._line.send(self._channel.read, verb, *args, **kwargs)

    def close(self) -> None:
        self._channel.close()


def cuttable(app: Holdfast) -> Line:
    """Put a line between an app and its store."""
    line = Line(app.client.store)
    app.client._store = line  # type: ignore[assignment]
    return line
