"""The fixtures for pytest, in projects of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

APP = """
import holdfast
app = holdfast.Holdfast("postgresql://nobody@host.invalid/nothing")

@app.task(name="mail")
def mail(to: str) -> str:
    return f"sent to {to}"
"""
TEST = """
from project import mail

def test_it_collects(holdfast_app, holdfast_jobs):
    mail.using(delay=60).enqueue("ada@x.y")
    holdfast_jobs.assert_enqueued(mail, to="ada@x.y")
    holdfast_jobs.travel(minutes=1)
    assert holdfast_jobs.drain().succeeded == 1
    assert len(holdfast_app.jobs.list()) == 1

def test_each_begins_anew(holdfast_jobs):
    assert holdfast_jobs.jobs == []

def test_the_app_alone_is_safe_too(holdfast_app):
    mail.enqueue("ada@x.y")

def test_a_worker(holdfast_worker):
    assert mail.enqueue("ada@x.y").result(timeout=10) == "sent to ada@x.y"

def test_a_worker_and_its_jobs(holdfast_worker, holdfast_jobs):
    job = mail.using(delay=3600).enqueue("ada@x.y")
    holdfast_jobs.travel(hours=1)
    assert job.result(timeout=10) == "sent to ada@x.y"
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(project=APP, test_project=TEST)
    return pytester


def run(pytester: pytest.Pytester, *args: str) -> pytest.RunResult:
    """With warnings as errors, and without what pytest finds in our own settings."""
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", *args)


def test_the_app_is_named_in_the_settings(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nholdfast_app = project:app\npythonpath = .\n")
    run(project, "--strict-config", "--strict-markers", "--import-mode=importlib").assert_outcomes(passed=5)


def test_or_in_the_environment(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_APP", "project")
    run(project).assert_outcomes(passed=5)


def test_or_on_the_command_line_which_wins(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_APP", "nowhere:app")
    project.makeini("[pytest]\nholdfast_app = nowhere:app\n")
    run(project, "--holdfast-app", "project:app").assert_outcomes(passed=5)


def test_or_by_a_fixture_of_the_projects(project: pytest.Pytester) -> None:
    project.makeconftest(
        "import pytest, project\n@pytest.fixture\ndef holdfast_app():\n    return project.app\n"
    )
    run(project, "--deselect", "test_project.py::test_the_app_alone_is_safe_too").assert_outcomes(
        passed=4, deselected=1
    )


def test_without_an_app_the_error_says_what_to_do(project: pytest.Pytester) -> None:
    result = run(project)
    result.assert_outcomes(errors=5)
    result.stdout.fnmatch_lines(["*holdfast_app = module:app*"])


def test_an_app_that_is_not_there_is_explained(project: pytest.Pytester) -> None:
    result = run(project, "--holdfast-app", "projekt:app")
    result.assert_outcomes(errors=5)
    result.stdout.fnmatch_lines(["*AppNotFound*no module named 'projekt'*"])


def test_a_failed_expectation_points_at_the_test(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_project="from project import mail\ndef test_it(holdfast_jobs):\n    holdfast_jobs.assert_enqueued(mail)\n"
    )
    result = run(project, "--holdfast-app", "project:app")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["test_project.py:3: AssertionError*"])
    result.stdout.no_fnmatch_line("*rehearsal.py*")


def test_a_project_that_only_has_it_installed_notices_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\n\ndef test_it():\n"
        "    loaded = {name for name in sys.modules if name.split('.')[0] == 'holdfast'}\n"
        "    assert loaded == {'holdfast', 'holdfast.testing', 'holdfast.testing.plugin'}\n"
    )
    run(pytester).assert_outcomes(passed=1)


def test_the_plugin_can_be_turned_off(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it():\n    pass\n")
    run(pytester, "-p", "no:holdfast").assert_outcomes(passed=1)


def test_the_names_of_the_package_are_imported_when_they_are_used() -> None:
    code = (
        "import sys, holdfast.testing as t\n"
        "assert 'holdfast.app' not in sys.modules\n"
        "assert t.TestApp.__name__ in t.__all__ and set(t.__all__) <= set(dir(t))\n"
        "assert 'pytest' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
