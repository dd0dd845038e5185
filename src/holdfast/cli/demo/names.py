"""File names as text that JSON can hold.

A file's name on POSIX is any bytes without NUL and slash; a job's arguments are JSON, thus Unicode. Bytes that
aren't UTF-8 become `\\xNN` and a backslash becomes two, so that each name has one text and each text one name.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})")


def to_text(name: bytes) -> str:
    """The text of a name."""
    return name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def to_bytes(text: str) -> bytes:
    """The name that `to_text` gave this text."""

    def unescape(match: re.Match[bytes]) -> bytes:
        kind = match[1]
        return kind if kind == b"\\" else bytes([int(kind[1:], 16)])

    return _ESCAPE.sub(unescape, text.encode("utf-8"))
