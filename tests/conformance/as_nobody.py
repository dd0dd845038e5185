"""Opens the SQLite file of a URL as a user without rights of its own, and tells what came of it.

Run as a program: the tests themselves may be root, whom no file refuses.
"""

from __future__ import annotations

import importlib.readers  # noqa: F401  # imported when first needed, which is too late for nobody
import os
import sys

from holdfast.core.errors import HoldfastError
from holdfast.core.job import NewJob
from holdfast.store.open import open_store
from holdfast.store.sqlite import store as _sqlite_store  # noqa: F401
from holdfast.store.text import load, migrations, names
from holdfast.store.verbs.insert import insert
from tests.conformance.scene import new_ids

NOBODY = 65534


def main(url: str) -> None:
    # The project may be below a folder that is closed to nobody.
    migrations("sqlite")
    for name in names("sqlite"):
        load("sqlite", name)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    step = "open"
    try:
        store = open_store(url)
        step = "write"
        store.write(insert, [NewJob(job_id=new_ids().next(), task="t", queue="q", args="{}")])
    except HoldfastError as error:
        print(f"{step}: {type(error).__name__}: {error}")
    else:
        print("written")
        store.close()


if __name__ == "__main__":
    main(sys.argv[1])
