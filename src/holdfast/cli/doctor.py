"""The command `holdfast doctor`."""

from __future__ import annotations

import shutil
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.command import Command, json_option
from holdfast.cli.screen import for_people, make_console, print_json, say
from holdfast.cli.target import database_url, named_app
from holdfast.cli.text import clean, count_text

if TYPE_CHECKING:
    from holdfast.store.doctor.finding import Finding

STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}
LEVEL = 9
"""Columns of the level, with its space."""


@click.command(
    cls=Command,
    examples=[
        "holdfast --app app:app doctor",
        "holdfast --url postgresql://localhost/shop doctor",
        "holdfast --url sqlite:///jobs.db doctor --json | jq '.findings[] | select(.level != \"ok\")'",
    ],
)
@click.option("--all", "-a", "everything", is_flag=True, help="Show what is in order as well.")
@json_option
def doctor(everything: bool, as_json: bool) -> None:
    """Look for what keeps jobs from running, and say what helps.

    It looks at the database, the workers and the queue; it changes nothing, takes no locks that hurt, and looks at
    samples where tables are long. With --app it also compares the tasks that the application declares with those
    that living workers know. Exits with 1 if a finding is an error.
    """
    from holdfast.store.doctor.examine import examine
    from holdfast.store.doctor.finding import Level

    app = named_app()
    url, schema = database_url(app)
    registry = None if app is None else app.client.registry
    findings = examine(
        url,
        schema,
        None if registry is None else registry.names(),
        None if registry is None else registry.schedule_names(),
    )
    if as_json:
        print_json({"findings": [_document(finding) for finding in findings]})
    else:
        for finding in findings:
            if everything or finding.level is not Level.OK:
                _print(finding)
        _summarise(findings)
    if any(finding.level is Level.ERROR for finding in findings):
        raise click.exceptions.Exit(1)


def _print(finding: Finding) -> None:
    what = clean(f"{finding.check}: {finding.what}")
    remedy = _wrapped(clean(finding.remedy), 2)
    lines = _wrapped(what) + [f"{'  ' if n else '→ '}{line}" for n, line in enumerate(remedy)]
    console = make_console() if for_people() else None
    for n, line in enumerate(lines):
        level = finding.level.value if n == 0 else ""
        if console is None:
            click.echo(f"{level:<{LEVEL}}{line}")
        else:
            from rich.text import Text

            head = Text(f"{level:<{LEVEL}}", style=STYLES[finding.level.value])
            console.print(Text.assemble(head, line), soft_wrap=True)


def _wrapped(text: str, less: int = 0) -> list[str]:
    """Lines that fit the terminal; one uncut line for a pipe; none for no text."""
    if not text:
        return []
    if not for_people():
        return [text]
    width = max(40, shutil.get_terminal_size().columns - LEVEL - less)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _summarise(findings: list[Finding]) -> None:
    levels = Counter(finding.level.value for finding in findings)
    parts = [f"{count_text(levels[level], level)}" for level in ("error", "warning") if levels[level]]
    rest = f"{count_text(levels['ok'], 'check')} in order"
    say(f"{', '.join(parts)}; {rest}." if parts else f"All is well: {rest}.")


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "level": finding.level.value,
        "check": finding.check,
        "what": finding.what,
        "remedy": finding.remedy,
        "data": finding.data,
    }
