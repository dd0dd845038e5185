"""`holdfast limits`, run for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faces.conftest import Run, make_project, run_in

APPLICATION = """
from datetime import timedelta
from holdfast import Holdfast, Limit, Rate

app = Holdfast("sqlite:///jobs.db")
app.queue("mail", limit=[5, Limit(2, key="to")], fair_by="to")


@app.task(name="mail.send", queue="mail", rate=Rate(100, per=timedelta(minutes=1), burst=10))
def send(to: str) -> None:
    pass
"""
