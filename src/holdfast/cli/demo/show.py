"""The demo's screen: what it says, a bar while it works, the table at the end."""

from __future__ import annotations

import contextlib
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from holdfast.cli.screen import STATE_STYLES, make_console
from holdfast.cli.text import bytes_text, clean, count_text, seconds_text

if TYPE_CHECKING:
    from holdfast.cli.demo.report import Report
    from holdfast.cli.demo.tree import Tree
    from holdfast.cli.demo.workload import Intake

WIDTH = 78
"""Of the table, if the terminal is wider."""
LABEL = 10
MANY = 100
CLIPPED = 28
"""Characters of a name in a list of some."""
NAMED = 3
"""How many files a line names before it says "and N more"."""
LINE_EVERY = 2.0
"""Seconds between two lines of progress where there is no terminal to draw a bar in."""


class Move(Protocol):
    """Moves a bar: how many are done, and a note beside it."""

    def __call__(self, done: int, note: str = "", /) -> object: ...


class _Speed(ProgressColumn):
    """Jobs per second, as of the last moments."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="cyan")


class Show:
    """What the person in front of the demo sees."""

    def __init__(self) -> None:
        self._console = make_console()
        self._unicode = self._console.encoding.lower().startswith("utf")

    # --- what is about to happen ---------------------------------------------------------------------------

    def title(self, version: str) -> None:
        self._print()
        self._line(f"Holdfast {version}: a real workload on an embedded SQLite queue", style="bold")
        self._print()

    def folder(self, tree: Tree, what: str) -> None:
        self._row("Folder", f"{tree.root}" + (f" ({what})" if what else ""))
        self._row("", f"{count_text(len(tree.files), 'file')}, {bytes_text(tree.size)}")
        if tree.left_out:
            self._row("", f"left out: {_kinds(tree.left_out)}", style="bright_black")
        if tree.closed:
            folders = count_text(len(tree.closed), "folder")
            self._row("", f"{folders} may not be opened: {self._some(tree.closed)}", style="yellow")

    def output(self, folder: Path) -> None:
        self._row("Output", str(folder))
        self._print()

    def intake(self, intake: Intake) -> None:
        # A rate of a few says nothing.
        rate = f" ({intake.new / intake.seconds:,.0f}/s)" if intake.new >= MANY and intake.seconds else ""
        took = f" in {seconds_text(intake.seconds)}{rate}" if intake.new else ""
        self._row(
            "Queued",
            f"{count_text(intake.new, 'job')}{took}, one for a second later, one each second by cron",
        )
        if intake.done or intake.waiting or intake.again:
            self._row("", f"an earlier demo was cut short: {_left_by(intake)}", style="bright_black")
        if intake.stumbling:
            count = count_text(len(intake.stumbling), "of them", "of them")
            self._row("", f"{count} will fail at the first attempt, on purpose", style="bright_black")

    # --- while it happens ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def looking(self) -> Generator[Callable[[int], object]]:
        """While the files are looked for; yields what tells how many there are."""
        if not self._console.is_terminal:
            yield lambda _: None
            return
        with self._console.status("  Looking for files") as status:
            yield lambda n: status.update(f"  Looking for files: {n:,}")

    @contextlib.contextmanager
    def bar(self, what: str, total: int) -> Generator[Move]:
        """A progress bar; yields what moves it: how many are done, and a note. It leaves nothing behind."""
        if not self._console.is_terminal:
            yield self._lines(what, total)
            return
        columns = (
            TextColumn(f"  {what:<{LABEL}}", style="bold", markup=False),
            BarColumn(bar_width=24, complete_style="green", finished_style="green"),
            MofNCompleteColumn(),
            _Speed(),
            TextColumn("{task.fields[note]}", style="bright_black", markup=False),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(what, total=max(total, 1), note="")

            def move(done: int, note: str = "") -> None:
                progress.update(task, completed=done, note=note)

            yield move

    def _lines(self, what: str, total: int) -> Move:
        told, last = time.monotonic(), -1

        def tell(done: int, note: str = "") -> None:
            nonlocal told, last
            if time.monotonic() - told >= LINE_EVERY and done != last:
                told, last = time.monotonic(), done
                self._row(what, f"{done:,} of {total:,}" + (f" ({note})" if note else ""))

        return tell

    # --- what happened -------------------------------------------------------------------------------------

    def worked(self, report: Report, threads: int) -> None:
        count = count_text(sum(report.states.values()), "job")
        self._row("Worked", f"{count} ended; one worker with {threads} threads, in this process")

    def checked(self, copies: int, seconds: float) -> None:
        text = f"{count_text(copies, 'copy', 'copies')} unpacked, SHA-256 right, in {seconds_text(seconds)}"
        self._row("Checked", text)

    def table(self, report: Report, *, resumed: bool) -> None:
        table = Table(box=box.ROUNDED, show_header=False, border_style="bright_black", width=self._width())
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in self._figures(report, resumed=resumed):
            table.add_row(name, value)
        self._print()
        self._print(table)

    def _figures(self, report: Report, *, resumed: bool) -> Iterator[tuple[str, Text]]:
        yield "Jobs by state", _states(report.states)
        if report.worked and report.seconds:
            rate = f"{report.worked / report.seconds:,.0f} jobs per second"
            yield "Speed", Text(f"{rate} ({report.worked:,} in {seconds_text(report.seconds)})")
        yield "Bytes", Text(_bytes(report, self._arrow()))
        twins = len(report.archived) - len(report.copies)
        if twins:
            yield (
                "Equal files",
                Text(f"{count_text(twins, 'file shares', 'files share')} a copy with another"),
            )
        for kind, retried in (
            ("that failed once on purpose", report.stumbled),
            ("that a killed worker had begun", report.cut_off),
            ("that failed at first", report.retried),
        ):
            if retried:
                names = self._some(_short_names(sorted(retried)))
                yield "Retried", Text(f"{count_text(len(retried), 'job')} {kind}: {names}")
        if report.stock:
            late = report.stock.late_seconds
            why = " (the demo was cut short meanwhile)" if resumed and late > 1 else ""
            yield "Scheduled job", Text(f"ran {seconds_text(max(0.0, late))} after its time{why}")
        if report.fired:
            runs = f", ran {report.watched:,}" if report.watched != report.fired else ""
            yield (
                "Cron job",
                Text(f"schedule {report.schedule} fired {count_text(report.fired, 'time')}{runs}"),
            )
        if report.slowest:
            name, found = report.slowest
            took = f"{seconds_text(found.seconds)} for {bytes_text(found.size)}"
            yield "Slowest job", Text(f"{clean(name)}: {took}")
        if report.gone:
            yield "Gone meanwhile", Text(self._some(report.gone), style="yellow")

    def failures(self, title: str, failures: dict[str, str]) -> None:
        """Files and what went wrong with each, the first few."""
        if not failures:
            return
        self._print()
        self._line(title, style="yellow")
        for name, why in list(failures.items())[:5]:
            self._line(f"{name}: {why}", indent=4)
        if len(failures) > 5:
            self._line(f"and {len(failures) - 5:,} more", indent=4)

    def verdict(self, text: str, *, good: bool) -> None:
        self._print()
        self._line(text, style="bold green" if good else "bold red")

    def commands(self, title: str, commands: Sequence[str]) -> None:
        self._print()
        self._line(title, style="bold")
        for command in commands:
            # Whole, however narrow the terminal: it is there to be copied.
            self._print(Text(f"    {command}"))
        self._print()

    # --- how ------------------------------------------------------------------------------------------------

    def _print(self, what: Text | Table | str = "") -> None:
        self._console.print(what, soft_wrap=not isinstance(what, Table))

    def _line(self, text: str, *, style: str = "", indent: int = 2) -> None:
        for line in self._wrapped(text, indent):
            self._print(Text(f"{'':{indent}}{line}", style=style))

    def _row(self, label: str, text: str, *, style: str = "") -> None:
        for number, line in enumerate(self._wrapped(text, LABEL + 2)):
            shown = "" if number else label
            self._print(Text.assemble((f"  {shown:<{LABEL}}", "bold"), (line, style)))

    def _wrapped(self, text: str, indent: int) -> list[str]:
        """The lines of a text: what doesn't fit goes on below itself, in a terminal."""
        if not self._console.is_terminal:
            return [clean(text)]
        room = max(20, self._console.width - indent - 1)
        return textwrap.wrap(clean(text), room, break_on_hyphens=False) or [""]

    def _width(self) -> int:
        return min(WIDTH, self._console.width)

    def _some(self, names: Sequence[str]) -> str:
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        return ", ".join(clean(name) for name in names[:NAMED]) + more

    def _arrow(self) -> str:
        return "→" if self._unicode else "->"


def _short_names(names: Sequence[str]) -> list[str]:
    """The last part of each, two parts where that alone would name two alike; the middle of long ones left out."""
    parts = 1 if len({name.rpartition("/")[2] for name in names}) == len(names) else 2
    short = ["/".join(name.split("/")[-parts:]) for name in names]
    return [
        name if len(name) <= CLIPPED else f"{name[: CLIPPED // 2]}...{name[-CLIPPED // 2 :]}"
        for name in short
    ]


def _states(states: Counter[str]) -> Text:
    text = Text()
    for state in STATE_STYLES:
        if states[state]:
            text.append(", " if text else "").append(f"{states[state]:,} {state}", style=STATE_STYLES[state])
    return text


def _bytes(report: Report, arrow: str) -> str:
    size, stored = report.size, report.stored
    text = f"{bytes_text(size)} {arrow} {bytes_text(stored)}"
    if size > stored:
        text += f", {bytes_text(size - stored)} saved ({(size - stored) / size:.0%})"
    return text


def _kinds(left_out: Counter[str]) -> str:
    def kind(name: str, n: int) -> str:
        if name.startswith((".", "_")) or name == "node_modules":
            return name if n == 1 else f"{n:,} {name}"
        return count_text(n, name)

    return ", ".join(kind(name, n) for name, n in sorted(left_out.items()))


def _left_by(intake: Intake) -> str:
    parts = [
        f"{count_text(intake.done, 'file')} done" if intake.done else "",
        f"{count_text(intake.waiting, 'job')} still to do" if intake.waiting else "",
        f"{intake.again:,} tried again" if intake.again else "",
    ]
    return ", ".join(part for part in parts if part)
