"""The page `docs/cli.md`, made of the commands' own help: `python -m holdfast.cli.manual > docs/cli.md`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import click

from holdfast.cli.command import Command, Group
from holdfast.cli.root import root

WIDTH = 110

INTRODUCTION = """\
# The command line

`holdfast` is installed with the library; `python -m holdfast` is the same. Each command has `--help` with examples.
This page holds the same texts; it is made by `python -m holdfast.cli.manual > docs/cli.md`.

## What a command is about

- `--app module:attribute` names the application, whose module is imported from the current folder or from where
  Python finds modules. `--app module` is enough if the module holds one `Holdfast` object, and
  `--app 'module:factory()'` calls a function that makes one. Without `--app` the variable `HOLDFAST_APP` counts.
- `--url sqlite:///jobs.db` names a database alone, for the commands that need no tasks. Without it, and without an
  application, the variables `HOLDFAST_URL` and `DATABASE_URL` count.

Both may stand before the command's name or behind it.

## What comes out

- In a terminal: tables that fit its width, in colours unless `NO_COLOR` is set. In a pipe: plain columns, all of
  them, nothing cut off. With `--json`: one JSON document with fixed keys, times in ISO 8601 (UTC).
- What programs read goes to the standard output; remarks, questions, errors and logs to the standard error.
- Arguments that a task declares as sensitive are masked. Where the task isn't known, because only `--url` is given,
  all arguments are; `--reveal` shows them.

## Exit codes

| code | meaning |
| --- | --- |
| 0 | done |
| 1 | failed; one line on the standard error says why and what to do. `--debug` adds the traceback |
| 2 | used wrongly: an unknown option, a missing argument |
| 3, 4, 5 | of `worker`, see there |
| 130 | interrupted by Ctrl-C |
| 141 | whoever read the output went away, as in <code>holdfast jobs list &#124; head -1</code> |

Completion for your shell: `eval "$(_HOLDFAST_COMPLETE=bash_source holdfast)"`, or `zsh_source`, `fish_source`.
"""


def pages() -> Iterator[tuple[str, str]]:
    """Each command by its full name, with its help."""
    yield from _below(
        root, click.Context(root, info_name="holdfast", terminal_width=WIDTH, **root.context_settings)
    )


def _below(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, str]]:
    yield ctx.command_path, re.sub(r"[ \t]+$", "", command.get_help(ctx), flags=re.MULTILINE)
    if isinstance(command, Group):
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert isinstance(found, Command | Group)
            yield from _below(found, click.Context(found, parent=ctx, info_name=name))


def text() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    parts += [f"## {name}\n\n```text\n{page}\n```\n" for name, page in pages()]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(text())
