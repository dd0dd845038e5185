"""`holdfast worker --reload`: the worker as a child, started anew when Python files change."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from holdfast.cli.screen import say
from holdfast.core.errors import MissingDependency
from holdfast.worker.run import LIFELINE

if TYPE_CHECKING:
    from types import FrameType

LOOK_EVERY_MS = 200
"""How often the watcher looks up from waiting, to see whether it is to end."""
NAMED = 3
WRONG_USE = 2


class Reloader:
    """Runs a command as a child, and again after each change.

    Args:
        command: the command line of one worker.
        folder: watched with all below it, except what tools and environments keep there.
    """

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._command = list(command)
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._ending = Event()
        self._lifeline = os.pipe()

    def run(self) -> int:
        """Until a signal ends it; returns the last child's exit code.

        Raises:
            MissingDependency: watchfiles isn't installed.
        """
        try:
            from watchfiles import PythonFilter, watch
        except ImportError as error:
            raise MissingDependency(
                "--reload needs watchfiles; install it with: pip install 'holdfast[reload]'"
            ) from error
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._pass_on)
        say(f"Watching *.py below {self._folder}")
        changes = watch(
            self._folder,
            watch_filter=PythonFilter(),
            stop_event=self._ending,
            rust_timeout=LOOK_EVERY_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        self._start()
        for changed in changes:
            if self._ending.is_set():
                break
            if changed:
                self._restart({Path(path).name for _, path in changed})
            else:
                self._notice_end()
        return self._last_code()

    def _restart(self, names: set[str]) -> None:
        more = " …" if len(names) > NAMED else ""
        say(f"Changed: {', '.join(sorted(names)[:NAMED])}{more}; the worker starts anew")
        self._stop()
        self._start()

    def _start(self) -> None:
        if not self._ending.is_set():
            theirs = self._lifeline[0]
            # A group of its own: Ctrl-C in the terminal reaches the child through us, once and not twice. Should
            # this process be killed, the pipe tells the child to end.
            self._child = subprocess.Popen(  # noqa: S603 - this very program
                self._command, pass_fds=[theirs], env={**os.environ, LIFELINE: str(theirs)}, process_group=0
            )

    def _stop(self) -> None:
        """Ask the child to end, and wait until it has: it finishes its jobs first."""
        if self._child is not None:
            if self._child.poll() is None:
                self._child.terminate()
            self._child.wait()
            self._child = None

    def _notice_end(self) -> None:
        """Say once that the child ended by itself."""
        child = self._child
        if child is None or child.poll() is None:
            return
        if child.returncode == WRONG_USE:
            # No change of a file will mend that.
            self._ending.set()
            return
        say(f"The worker ended with exit code {child.returncode}; it starts again at the next change")
        self._child = None

    def _last_code(self) -> int:
        code = 0 if self._child is None else self._child.wait()
        return code if code >= 0 else 128 - code

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._ending.set()
        child = self._child
        if child is not None and child.poll() is None:
            # A terminal that closed is no reason to drop what runs.
            child.send_signal(signal.SIGTERM if number == signal.SIGHUP else number)
