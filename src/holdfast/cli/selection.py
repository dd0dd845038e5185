"""Jobs to change, chosen by id or by filter; the second asks first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.screen import print_json, say
from holdfast.cli.text import count_text
from holdfast.core.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.app import Holdfast

COUNTED = 10_000
"""Counting stops there: "more than" tells enough."""
PAGE = 1_000


class Selection:
    """Which jobs, and what is done to them.

    Args:
        ids: of the jobs; without any the filters choose.
        filters: state, queue, task; None doesn't narrow.
        verb: for the question: cancel, retry, delete.
        done: what those are then that it worked for.
        refused: why it didn't for one.
        options: that choose, for whoever has given none.
        count: how many there are; None counts the jobs that the filters choose.
    """

    def __init__(
        self,
        ids: Sequence[str],
        filters: Mapping[str, Any],
        *,
        verb: str,
        done: str,
        refused: str,
        options: str = "--state, --queue or --task",
        count: Callable[[dict[str, Any]], int] | None = None,
    ) -> None:
        self._ids = ids
        self._filters = {name: value for name, value in filters.items() if value is not None}
        self._verb = verb
        self._done = done
        self._refused = refused
        self._count = count
        if ids and self._filters:
            raise click.UsageError("give ids or filters, not both")
        if "all" in self._filters and len(self._filters) > 1:
            others = " ".join(f"--{name}" for name in self._filters if name != "all")
            raise click.UsageError(f"--all is every job there is: leave it out to {verb} by {others}")
        if not ids and not self._filters:
            raise click.UsageError(f"which jobs? Give ids, or choose them by {options}, to {verb}")

    def change(
        self,
        *,
        each: Callable[[str], object],
        all_of: Callable[[dict[str, Any]], object],
        app: Holdfast,
        yes: bool,
        as_json: bool,
    ) -> None:
        """Do it, and say what became of them. Exit code 1 if it failed for any that was named by id."""
        if self._ids:
            self._change_each(each, as_json=as_json)
            return
        if not yes and not self._ask(app):
            if as_json:
                print_json({"count": 0})
            else:
                say(f"There are no such jobs, and nothing to {self._verb}.")
            return
        count = int(str(all_of(self._filters)))
        if as_json:
            print_json({"count": count})
        else:
            say(f"{count_text(count, 'job')} {self._done}.")

    def _change_each(self, each: Callable[[str], object], *, as_json: bool) -> None:
        changed: list[str] = []
        problems: list[dict[str, str]] = []
        for job_id in self._ids:
            try:
                why = None if each(job_id) else f"job {job_id} {self._refused}"
            except HoldfastError as error:
                why = str(error)
            if why is None:
                changed.append(job_id)
            else:
                problems.append({"id": job_id, "error": why})
        if as_json:
            print_json({"changed": changed, "problems": problems})
        for problem in problems:
            say(f"Error: {problem['error']}")
        if changed and not as_json:
            say(f"{count_text(len(changed), 'job')} {self._done}.")
        if problems:
            raise click.exceptions.Exit(1)

    def _ask(self, app: Holdfast) -> bool:
        """False if there are none."""
        count = count_jobs(app, self._filters) if self._count is None else self._count(self._filters)
        if not count:
            return False
        number = f"more than {COUNTED:,} jobs" if count > COUNTED else count_text(count, "job")
        if not sys.stdin.isatty():
            raise click.UsageError(
                f"this would {self._verb} {number}; to do so without being asked, give --yes"
            )
        chosen = ", ".join(
            name if value is True else f"{name} {value}" for name, value in self._filters.items()
        )
        click.confirm(f"{self._verb.capitalize()} {number} ({chosen})?", abort=True, err=True)
        return True


def count_jobs(app: Holdfast, filters: Mapping[str, Any]) -> int:
    """How many jobs there are; more than `COUNTED` means at least that many."""
    count, after = 0, None
    while count <= COUNTED and (page := app.jobs.list(limit=PAGE, after=after, **filters)):
        count += len(page)
        after = page[-1].id
    return count
