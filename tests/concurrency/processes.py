"""Processes of a test: spawned, watched, and gone when the test is over."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

SPAWN = multiprocessing.get_context("spawn")


class Processes:
    def __init__(self) -> None:
        self.all: list[BaseProcess] = []

    def start(self, target: Callable[..., None], *args: Any) -> BaseProcess:
        process = SPAWN.Process(target=target, args=args, daemon=True)
        process.start()
        self.all.append(process)
        return process

    def join(self, seconds: float = 60.0) -> None:
        """Wait for all to end by themselves, in good order."""
        for process in self.all:
            process.join(seconds)
        assert [process.exitcode for process in self.all] == [0] * len(self.all)


@contextmanager
def processes() -> Iterator[Processes]:
    started = Processes()
    try:
        yield started
    finally:
        for process in started.all:
            if process.is_alive():
                process.kill()
            process.join()
            process.close()
