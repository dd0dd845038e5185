"""How the application is found, and what is said when it isn't."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from holdfast.cli.locate import find_app
from holdfast.core.errors import AppNotFound
from tests.faces.conftest import Run


def test_app_from_the_current_folder(holdfast: Run) -> None:
    assert holdfast("enqueue", "app.greet", '{"name": "Ada"}').code == 0


def test_app_from_the_environment(bare: Run) -> None:
    assert bare("enqueue", "app.greet", '{"name": "Ada"}', HOLDFAST_APP="app:app").code == 0


def test_app_behind_the_command(bare: Run) -> None:
    assert bare("enqueue", "app.greet", '{"name": "Ada"}', "--app", "app:app").code == 0


def test_the_only_app_of_a_module_needs_no_name(bare: Run) -> None:
    assert bare("--app", "app", "enqueue", "app.greet", '{"name": "Ada"}').code == 0


def test_app_made_by_a_function(bare: Run, project: Path) -> None:
    (project / "factory.py").write_text(
        "from holdfast import Holdfast\ndef make():\n    app = Holdfast('sqlite:///made.db')\n"
        "    app.task(name='t')(hello)\n    return app\ndef hello() -> None: ...\n"
    )
    assert bare("--app", "factory:make()", "enqueue", "t").code == 0
    refused = bare("--app", "factory:make", "enqueue", "t")
    assert refused.code == 1
    assert "'factory:make()'" in refused.err


def test_none_named(bare: Run) -> None:
    answer = bare("worker")
    assert answer.code == 2
    assert "--app" in answer.err
    assert "HOLDFAST_APP" in answer.err


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("nothere:app", ["no module named 'nothere'", "looked in:", "modules in the current folder: app"]),
        ("app.sub:app", ["no module named 'app.sub'; 'app' is not a package"]),
        ("app:nothing", ["has no attribute 'nothing'", "app:app"]),
        ("app:greet", ["not a Holdfast object", "app:app"]),
        ("app.py:app", ["--app app:app"]),
        ("./app.py", ["--app app:app"]),
        ("app:", ["--app module:attribute"]),
        ("broken:app", ["importing it failed: ModuleNotFoundError: No module named 'requestz'", "line 2"]),
        ("syntax:app", ["SyntaxError", "syntax.py", "line 1"]),
        ("exits:app", ["SystemExit", "__main__"]),
        ("empty", ["holds no Holdfast object"]),
        ("two", ["--app two:a or --app two:b"]),
        ("late:app", ["importing it failed: no task is called 'a' here", "line 3"]),
    ],
)  # fmt: skip
def test_what_is_said(project: Path, monkeypatch: pytest.MonkeyPatch, spec: str, said: list[str]) -> None:
    (project / "broken.py").write_text("import os\nimport requestz\n")
    (project / "syntax.py").write_text("app = = 1\n")
    (project / "exits.py").write_text("import sys\nsys.exit(3)\n")
    (project / "empty.py").write_text("")
    two = "from holdfast import Holdfast\na = Holdfast('sqlite:///a.db')\nb = Holdfast('sqlite:///b.db')\n"
    (project / "two.py").write_text(two)
    bad = "from holdfast import Holdfast\napp = Holdfast('sqlite:///x.db')\napp.enqueue('a', {})\n"
    (project / "late.py").write_text(bad)
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    with pytest.raises(AppNotFound) as raised:
        find_app(spec)
    for path in project.glob("*.py"):
        sys.modules.pop(path.stem, None)
    for words in said:
        assert words in str(raised.value)


def test_an_error_is_said_without_traceback(bare: Run, project: Path) -> None:
    (project / "broken.py").write_text("import requestz\n")
    answer = bare("--app", "broken:app", "stats")
    assert answer.code == 1
    assert answer.err.startswith("Error: 'broken' was found, but importing it failed: ModuleNotFoundError")
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_debug_shows_the_traceback(bare: Run, project: Path) -> None:
    (project / "broken.py").write_text("import requestz\n")
    answer = bare("--debug", "--app", "broken:app", "stats")
    assert answer.code == 1
    assert "Traceback" in answer.err
    assert "requestz" in answer.err
