"""What a worker and its child processes say to each other, over a pair of sockets. No pickle: only plain data."""

from __future__ import annotations

import socket
import struct

import msgspec

from holdfast.core.job import Failure

_LENGTH = struct.Struct(">I")


class Load(msgspec.Struct, tag=True):
    """To the child: import a task, `module:qualname`."""

    target: str


class Work(msgspec.Struct, tag=True):
    """To the child: run a task that it has loaded, with arguments as JSON text."""

    target: str
    args: str
    fields: dict[str, str | int] = {}
    """What lines that are logged meanwhile carry."""


class Ready(msgspec.Struct, tag=True):
    """From the child: it is up, or has loaded what it was told to."""


class Returned(msgspec.Struct, tag=True):
    """From the child: the result as JSON text."""

    result: str
    captured: str | None = None
    """A result that code below the handler has captured, as JSON text. So in the others."""


class Raised(msgspec.Struct, tag=True):
    """From the child: an exception."""

    failure: Failure
    classes: list[str]
    """`module:qualname` of its class and of those that this derives from, nearest first."""
    how: str = "raised"
    """raised, panicked, invalid args, bad result."""
    captured: str | None = None


class Decided(msgspec.Struct, tag=True):
    """From the child: an outcome that the handler returned or raised."""

    name: str
    reason: str = ""
    delay: int | None = None
    """Microseconds, of a retry or a snooze."""
    at: int | None = None
    """When a reschedule is due."""
    args: str | None = None
    cause: Raised | None = None
    captured: str | None = None


ToChild = Load | Work
FromChild = Ready | Returned | Raised | Decided

_encode = msgspec.msgpack.Encoder().encode
_to_child: msgspec.msgpack.Decoder[ToChild] = msgspec.msgpack.Decoder(ToChild)
_from_child: msgspec.msgpack.Decoder[FromChild] = msgspec.msgpack.Decoder(FromChild)


class Line:
    """One end of the pair."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, message: ToChild | FromChild) -> None:
        """Raises OSError when the other end is gone."""
        data = _encode(message)
        self._end.sendall(_LENGTH.pack(len(data)) + data)

    def hear_parent(self) -> ToChild:
        """Wait for a message. Raises EOFError when the parent is gone."""
        return _to_child.decode(self._receive())

    def hear_child(self) -> FromChild:
        """Wait for a message. Raises EOFError when the child is gone."""
        return _from_child.decode(self._receive())

    def close(self) -> None:
        self._end.close()

    def _receive(self) -> bytearray:
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        return self._exactly(length)

    def _exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            try:
                received = self._end.recv_into(view)
            except ConnectionError as error:
                raise EOFError from error
            if not received:
                raise EOFError
            view = view[received:]
        return data
