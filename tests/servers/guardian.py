"""Removes a server when the process it was made for has ended, however that came about.

Run as `python -m tests.servers.guardian OWNER FOLDER`. Nothing less outlives a killed test run: fixtures
don't get their turn then, and the server isn't our child.
"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

from tests.servers.local import LocalServer


def wait_for_end(process: int) -> None:
    """Return when `process` has ended."""
    try:
        if hasattr(os, "pidfd_open"):
            # Becomes readable at the end of a process that nobody has reaped yet, too.
            select.select([os.pidfd_open(process)], [], [])
        else:
            while True:
                os.kill(process, 0)
                time.sleep(0.5)
    except ProcessLookupError:
        return


def main() -> None:
    owner, folder = int(sys.argv[1]), Path(sys.argv[2])
    server = LocalServer.load(folder)
    wait_for_end(owner)
    server.remove()


if __name__ == "__main__":
    main()
