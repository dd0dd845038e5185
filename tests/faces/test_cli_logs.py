"""What `holdfast worker` writes of runs, whichever logger it comes from and whichever process it runs in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faces.conftest import Run

LOGGING = """
import logging
from holdfast import Holdfast, RequestId, current_job

app = Holdfast("sqlite:///jobs.db", middleware=[RequestId(generate=lambda: "abc")])
library = logging.getLogger("some.library")


@app.task(queue="q")
def plain() -> None:
    current_job().log.info("by the context", extra={"seconds": 1.5})
    library.warning("by a library")


@app.task(queue="q")
async def coroutine() -> None:
    library.info("on the loop")


@app.task(queue="q", executor="process")
def child() -> None:
    library.info("in a child")
"""


@pytest.fixture
def logging_project(project: Path) -> Path:
    (project / "app.py").write_text(LOGGING)
    return project


@pytest.mark.parity("S0.6")
@pytest.mark.parity("S4.9")
def test_json_lines_of_a_run_carry_its_fields(logging_project: Path, holdfast: Run) -> None:
    for task in ("plain", "coroutine", "child"):
        assert holdfast("enqueue", f"app.{task}").code == 0
    answer = holdfast("worker", "--burst", "--log-format", "json")
    assert answer.code == 0
    lines: dict[str, Any] = {line["message"]: line for line in map(json.loads, answer.err.splitlines())}
    expected = {
        "by the context": ("holdfast.q", "info", "app.plain"),
        "by a library": ("some.library", "warning", "app.plain"),
        "on the loop": ("some.library", "info", "app.coroutine"),
        "in a child": ("some.library", "info", "app.child"),
    }
    for message, (logger, level, task) in expected.items():
        line = lines[message]
        assert (line["logger"], line["level"], line["task"]) == (logger, level, task)
        assert (line["queue"], line["run"], line["attempt"], line["request_id"]) == ("q", 1, 1, "abc")
        assert line["job_id"]
        assert line["worker"]
    assert lines["by the context"]["seconds"] == 1.5
    assert len({lines[message]["worker"] for message in expected}) == 1
    # What the worker says for itself is of no run.
    assert not any("job_id" in line for message, line in lines.items() if "has begun" in message)


@pytest.mark.parity("S0.6")
def test_text_lines_say_of_which_job_and_request(logging_project: Path, holdfast: Run) -> None:
    holdfast("enqueue", "app.plain")
    answer = holdfast("worker", "--burst", "--log-level", "debug")
    (line,) = (line for line in answer.err.splitlines() if "by a library" in line)
    assert "WARNING some.library: by a library [app.plain " in line
    assert line.endswith(" run 1, request abc]")
    (settled,) = (line for line in answer.err.splitlines() if " succeeded" in line)
    assert settled.endswith(" succeeded [request abc]")


def test_an_application_that_has_configured_logging_keeps_its_way(
    logging_project: Path, holdfast: Run
) -> None:
    text = LOGGING + '\nlogging.basicConfig(format="mine: %(message)s", level="INFO")\n'
    (logging_project / "app.py").write_text(text)
    holdfast("enqueue", "app.plain")
    answer = holdfast("worker", "--burst", "--log-format", "json")
    assert "mine: by a library" in answer.err.splitlines()


FORGING = """
import logging
from holdfast import Holdfast

app = Holdfast("sqlite:///jobs.db", max_attempts=1)
FAKE = "b\\n2026-01-01 00:00:00.000 ERROR holdfast.worker: FAKE\\x1b[2J\\r\\u2028"


@app.task
def forge() -> None:
    try:
        raise ValueError(FAKE)
    except ValueError:
        logging.getLogger("holdfast.mine").exception("said %s", FAKE, stack_info=True)
    raise ValueError(FAKE)
"""


def test_what_handlers_say_forges_no_line_of_the_text_log(project: Path, holdfast: Run) -> None:
    (project / "app.py").write_text(FORGING)
    assert holdfast("enqueue", "app.forge").code == 0
    answer = holdfast("worker", "--burst")
    assert "FAKE" in answer.err
    assert not any(line.startswith("2026-01-01") for line in answer.err.splitlines())
    assert not set("\x1b\r\u2028") & set(answer.err)
    assert r"said b\n2026-01-01" in answer.err
    assert r"ValueError: b\n2026-01-01" in answer.err
    assert "\n  Traceback (most recent call last)" in answer.err
