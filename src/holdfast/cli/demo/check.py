"""The proof: every copy is unpacked, and its fingerprint taken anew."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Event

from holdfast.cli.demo.tasks import GZIP

THREADS = 4
CHUNK = 32 * 1024
"""Small, since zlib may make a thousand bytes of one."""


def check_copies(copies: Iterable[tuple[Path, str, int]], *, tick: Callable[[int], object]) -> dict[str, str]:
    """Check copies against their fingerprints.

    Args:
        copies: the copy's path, the fingerprint of the file it was made of, and that file's size in bytes.
        tick: told after each how many were checked.

    Returns:
        What is wrong, by fingerprint; empty if all is well.
    """
    wrong: dict[str, str] = {}
    stop = Event()

    def check(copy: tuple[Path, str, int]) -> None:
        fault = None if stop.is_set() else _fault(*copy)
        if fault:
            wrong[copy[1]] = fault

    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for number, _ in enumerate(pool.map(check, copies), 1):
                tick(number)
        except BaseException:
            # Ctrl-C need not wait for thousands of files.
            stop.set()
            raise
    return wrong


def _fault(path: Path, fingerprint: str, size: int) -> str | None:
    try:
        found, length = _unpack(path)
    except FileNotFoundError:
        return "the copy is missing"
    except (OSError, zlib.error, EOFError) as error:
        return f"the copy can't be unpacked: {error}"
    if (found, length) != (fingerprint, size):
        return f"the copy unpacks to {length:,} bytes of {found[:12]}…, not {size:,} of {fingerprint[:12]}…"
    return None


def _unpack(path: Path) -> tuple[str, int]:
    fingerprint, length, unpacker = sha256(), 0, zlib.decompressobj(wbits=GZIP)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            data = unpacker.decompress(chunk)
            fingerprint.update(data)
            length += len(data)
    if not unpacker.eof or unpacker.unused_data:
        raise EOFError("it is cut off, or something follows it")
    return fingerprint.hexdigest(), length
