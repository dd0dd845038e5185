"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import importlib
import platform
import sqlite3
from pathlib import Path

from benchmarks.places import STORES, servers
from benchmarks.report import show, to_json

NAMES = ("drain", "enqueue", "latency", "order", "limits", "fair", "clean")


def main() -> None:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", default="all", choices=("all", *NAMES))
    parser.add_argument("--store", choices=STORES, help="only this one")
    parser.add_argument("--postgres", metavar="URL", help="a server to use; otherwise one is started")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows here as well")
    parser.add_argument("--quick", action="store_true", help="smaller and fewer rounds")
    options = parser.parse_args()
    names = NAMES if options.name == "all" else (options.name,)
    wanted = [options.store] if options.store else list(STORES)
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; durability settings as by default"
    )
    rows = []
    with servers(wanted, options.postgres) as stores:
        for name in names:
            found = importlib.import_module(f"benchmarks.{name}").run(stores, quick=options.quick)
            print(show(found), flush=True)
            rows += found
    if options.json:
        options.json.write_text(to_json(rows) + "\n")


if __name__ == "__main__":
    main()
