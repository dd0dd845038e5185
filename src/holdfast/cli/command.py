"""What all commands have in common: examples in their help, and the options that say which queue is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

APP_HELP = "The application, as module:attribute. The current folder is importable."
URL_HELP = "A database, where no application is needed: sqlite:///jobs.db, postgresql://…"
SCHEMA_HELP = "The schema of Holdfast's tables in that database (PostgreSQL)."
DEBUG_HELP = "Show the traceback of an error."


class Command(click.Command):
    """A command whose help ends with examples, and that takes the shared options behind its name as well."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.params.extend(shared_options(hidden=True))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_examples(formatter, self.examples)


class Group(click.Group):
    """A group of commands, each imported when it is wanted. `members` maps a name to `module:attribute`."""

    command_class = Command

    def __init__(
        self,
        *args: Any,
        examples: Sequence[str] = (),
        members: dict[str, str] | None = None,
        outermost: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.members = members or {}
        self.params.extend(shared_options(hidden=not outermost))

    def list_commands(self, ctx: click.Context) -> list[str]:
        # In the order in which they are declared: that of a day's work, not of the alphabet.
        return [*self.members, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self.members.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = place.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_examples(formatter, self.examples)


def _write_examples(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    if not examples:
        return
    with formatter.section("Examples"):
        for example in examples:
            # Not wrapped: a command that is cut in two can't be copied.
            formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


def shared_options(*, hidden: bool = False) -> list[click.Parameter]:
    """`--app`, `--url`, `--schema` and `--debug`. What stands behind the command's name wins."""

    def option(*names: str, **kwargs: Any) -> click.Option:
        return click.Option(names, hidden=hidden, expose_value=False, callback=_keep, **kwargs)

    return [
        option("--app", "app", metavar="MODULE:ATTRIBUTE", help=f"{APP_HELP} Default: $HOLDFAST_APP."),
        option("--url", "--database", "url", metavar="URL", help=URL_HELP),
        option("--schema", "schema", metavar="NAME", help=SCHEMA_HELP),
        option("--debug", "debug", is_flag=True, default=None, help=DEBUG_HELP),
    ]


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None and not ctx.resilient_parsing:
        ctx.find_root().meta[f"holdfast.{param.name}"] = value


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Don't ask before changing many jobs.")
