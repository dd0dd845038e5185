"""Interrupting a thread, as far as Python can: an exception raised in it at its next step of Python code."""

from __future__ import annotations


class RunInterrupted(BaseException):
    """Raised inside a thread handler whose time is over, wherever it is.

    Not an `Exception`, so that a handler's own `except Exception` doesn't take it for an error of its work. A
    handler may catch it to clean up, for a moment: the run loses its lease soon.
    """


def interrupt(thread_id: int) -> None:
    """Raise `RunInterrupted` in a thread. One that waits in C code sees it when it returns from there."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(RunInterrupted))


def take_back(thread_id: int) -> None:
    """Undo `interrupt` if the thread hasn't seen it yet."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), None)
