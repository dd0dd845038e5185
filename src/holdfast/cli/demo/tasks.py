"""The demo's tasks: what an application would write."""

from __future__ import annotations

import os
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from holdfast import Cancel, Constant, Fail, JobContext, TaskRouter
from holdfast.cli.demo.names import to_bytes

QUEUE = "demo"
CRON_QUEUE = "demo-cron"
"""Of the cron job: what comes by the clock doesn't count among what there is to do."""
CRON = "demo.watch"
"""The name of its schedule."""
CHUNK = 256 * 1024
GZIP = 31
"""zlib's number for "with a gzip header"."""
LONG = 32 * 1024 * 1024
"""Files of more bytes than this report their progress."""

router = TaskRouter()


@dataclass(frozen=True)
class Workshop:
    """Where the files are and where their copies go: the worker's state, the same for every job."""

    source: Path
    output: Path

    def file(self, name: str) -> Path:
        """The file of a name that `names` made."""
        return self.source / os.fsdecode(to_bytes(name))

    def copy_of(self, fingerprint: str) -> Path:
        """A copy is named by its content: writing it twice is harmless, and equal files share one."""
        return self.output / "files" / fingerprint[:2] / f"{fingerprint[2:]}.gz"


@dataclass(frozen=True)
class Archived:
    """The result of one file's job."""

    sha256: str
    size: int
    stored: int
    """Bytes of the compressed copy."""
    seconds: float


@dataclass(frozen=True)
class Stock:
    """The result of the scheduled job."""

    copies: int
    late_seconds: float
    """How long after its time it began."""


class Stumbled(Exception):
    """The error that the demo raises on purpose."""


@router.task(
    name="demo.archive",
    queue=QUEUE,
    takes_context=True,
    max_attempts=5,
    retry=Constant(timedelta(milliseconds=500)),
)
def archive(ctx: JobContext, path: str, stumbles: bool = False) -> Archived:
    """Fingerprint one file and write its compressed copy.

    Args:
        ctx: the run; its state is a Workshop.
        path: the file, relative to the source folder, as `names` writes it.
        stumbles: fail at the first attempt, on purpose.
    """
    if stumbles and ctx.attempt == 1:
        raise Stumbled("the first attempt at this file fails on purpose; the second will succeed")
    workshop: Workshop = ctx.state
    began = time.perf_counter()
    draft = workshop.output / "drafts" / f"{ctx.job.id}-{ctx.run}"
    try:
        fingerprint, size, stored = _compress(ctx, workshop.file(path), draft)
        _put(draft, workshop.copy_of(fingerprint))
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return Archived(fingerprint, size, stored, time.perf_counter() - began)


@router.task(name="demo.take_stock", queue=QUEUE, priority=10, takes_context=True)
def take_stock(ctx: JobContext) -> Stock:
    """Count the copies: the scheduled job, which overtakes whatever waits when its time has come."""
    late = datetime.now(UTC) - ctx.job.run_at
    return Stock(_copies(ctx), late.total_seconds())


@router.cron("* * * * * *", name=CRON, overlap="skip")
@router.task(name=CRON, queue=CRON_QUEUE, takes_context=True)
def watch(ctx: JobContext) -> int:
    """Count the copies once a second: the cron job."""
    return _copies(ctx)


def _copies(ctx: JobContext) -> int:
    workshop: Workshop = ctx.state
    return sum(1 for _ in (workshop.output / "files").glob("*/*.gz"))


def _compress(ctx: JobContext, source: Path, draft: Path) -> tuple[str, int, int]:
    """Read a file once, into its fingerprint and into the draft of its copy."""
    fingerprint, packer = sha256(), zlib.compressobj(wbits=GZIP)
    size = stored = 0
    with draft.open("wb") as out:
        for chunk in _read(ctx, source):
            size += len(chunk)
            fingerprint.update(chunk)
            stored += out.write(packer.compress(chunk))
        stored += out.write(packer.flush())
    return fingerprint.hexdigest(), size, stored


def _put(draft: Path, copy: Path) -> None:
    """Move a draft to its place, at once and whole."""
    try:
        draft.replace(copy)
    except FileNotFoundError:
        copy.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(copy)


def _read(ctx: JobContext, source: Path) -> Iterator[bytes]:
    """A file's bytes, at most as many as it had when it was opened: one that keeps growing comes to an end."""
    try:
        # Neither a link nor a pipe that has taken the file's place meanwhile is followed or waited for.
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Cancel("the file is gone") from None
    except PermissionError as error:
        raise Fail("the file may not be read", cause=error) from None
    with os.fdopen(handle, "rb", buffering=0) as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Cancel("the file has become something else")
        left, tell = found.st_size, _teller(ctx, found.st_size)
        while left and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
            tell(left)


def _teller(ctx: JobContext, size: int) -> Callable[[int], None]:
    """What is called after each chunk: it looks whether to go on, and reports the progress of long files."""
    told = 0

    def tell(left: int) -> None:
        nonlocal told
        if ctx.cancelled:
            raise Cancel("asked to stop")
        percent = 100 - left * 100 // size
        if size > LONG and percent >= told + 5:
            told = percent
            ctx.progress(percent, "compressing")

    return tell
