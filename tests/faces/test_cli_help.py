"""Help and manual: each command explains itself, with examples, quickly; `docs/cli.md` says the same."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from holdfast.cli.command import Command, Group
from holdfast.cli.manual import INTRODUCTION
from holdfast.cli.root import root
from tests.faces.conftest import Run

MANUAL = Path(__file__).parents[2] / "docs" / "cli.md"


def all_commands() -> list[tuple[str, Command | Group]]:
    found: list[tuple[str, Command | Group]] = []

    def visit(command: click.Command, name: str, ctx: click.Context) -> None:
        assert isinstance(command, Command | Group), name
        found.append((name, command))
        if isinstance(command, Group):
            for below in command.list_commands(ctx):
                child = command.get_command(ctx, below)
                assert child is not None
                visit(child, f"{name} {below}", ctx)

    visit(root, "holdfast", click.Context(root))
    return found


COMMANDS = all_commands()
NAMED = pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


@NAMED
def test_has_help_with_examples(name: str, command: Command | Group) -> None:
    assert command.help
    assert command.examples
    for example in command.examples:
        assert example.startswith("holdfast ")
        assert len(example) <= 108
    own = name.removeprefix("holdfast").split()
    assert any(all(word in example.split() for word in own) for example in command.examples)
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden:
            assert param.help or param.name in ("log_level", "log_format"), param.name


@NAMED
def test_examples_are_right(name: str, command: Command | Group) -> None:
    """Their options exist: each is parsed by the command that it is an example of."""
    for example in command.examples:
        line = re.sub(r"\s+(#|[|<>]).*$", "", example)
        arguments = shlex.split(line)[1:]
        parse(root, arguments)


def parse(command: click.Command, arguments: list[str], parent: click.Context | None = None) -> None:
    arguments = [str(Path.home()) if word == "~/Pictures" else word for word in arguments]
    ctx = command.make_context("holdfast", arguments, parent=parent)
    if isinstance(command, Group):
        # Where click keeps the command's name has changed between its releases.
        kept = vars(ctx).get("_protected_args", vars(ctx).get("protected_args", []))
        _, child, rest = command.resolve_command(ctx, [*kept, *ctx.args])
        assert child is not None
        parse(child, rest, ctx)


@NAMED
def test_manual_says_it(name: str, command: Command | Group) -> None:
    manual = words(MANUAL.read_text())
    assert f"## {name} " in manual
    assert command.help is not None
    for paragraph in re.split(r"\n\s*\n", click.Context(command).command.help or ""):
        assert words(paragraph) in words(manual.replace("- ", "-")) or words(paragraph) in manual
    for example in command.examples:
        assert words(example) in manual
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden:
            assert param.opts[0] in manual


def test_manual_begins_with_the_introduction() -> None:
    assert MANUAL.read_text().startswith(INTRODUCTION)


def test_help_runs(bare: Run) -> None:
    answer = bare("--help")
    assert answer.code == 0
    assert "Examples:" in answer.out
    assert "worker" in answer.out


def test_version(bare: Run) -> None:
    answer = bare("--version")
    assert answer.code == 0
    assert re.fullmatch(r"holdfast \S+ \(Python 3.*SQLite 3.*\)\n", answer.out)


def test_command_of_the_environment(project: Path) -> None:
    """The script that is installed, not only the module."""
    script = Path(sys.executable).parent / "holdfast"
    done = subprocess.run(
        [script, "jobs", "list", "--help"], cwd=project, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: holdfast jobs list")


@pytest.mark.parametrize(
    "arguments",
    [["nope"], ["jobs", "nope"], ["stats", "--nope"], ["jobs", "show"], ["jobs", "list", "--limit", "0"]],
)
def test_wrong_use(bare: Run, arguments: list[str]) -> None:
    answer = bare(*arguments)
    assert answer.code == 2
    assert "Error: " in answer.err
    assert answer.out == ""


def test_help_takes_at_most_250_ms() -> None:
    """The best of several: a busy machine delays some of them, never all for the same reason."""
    pairs = [(cpu_time("-c", "pass"), cpu_time("-m", "holdfast", "--help")) for _ in range(5)]
    bare, ours = (min(times) for times in zip(*pairs, strict=True))
    assert ours - bare <= 0.250


def cpu_time(*arguments: str) -> float:
    """The processor seconds of an interpreter."""
    devnull = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawn(sys.executable, [sys.executable, *arguments], os.environ, file_actions=devnull)
    _, status, usage = os.wait4(process, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime


def test_help_imports_neither_rich_nor_the_library() -> None:
    program = (
        "import sys; from holdfast.cli import main; main(['--help']);"
        "heavy = {'rich', 'asyncio', 'sqlite3', 'holdfast.app'};"
        "print(*heavy.intersection(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stderr.split() == []
