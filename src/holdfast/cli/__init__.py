"""The command `holdfast`. Nothing is imported here until it is run."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: the arguments after the program's name; None takes them from the shell.
    """
    from holdfast.cli.root import run

    return run(argv)
