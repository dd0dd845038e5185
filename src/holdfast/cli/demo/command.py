"""The command `holdfast demo`: the steps in their order, and what to say when they are cut short."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from holdfast.cli.command import Command

if TYPE_CHECKING:
    from holdfast.cli.demo.place import Place
    from holdfast.cli.demo.report import Report
    from holdfast.cli.demo.show import Show
    from holdfast.cli.demo.stopping import Stopping
    from holdfast.cli.demo.tree import Tree
    from holdfast.cli.demo.workload import Counts, Workload

REDRAW = 0.05
"""Seconds between two pictures."""
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(
    cls=Command,
    examples=[
        "holdfast demo                       # the project's own tree, or the current folder",
        "holdfast demo ~/Pictures            # any folder",
        "holdfast demo ~/Pictures --into /var/tmp/archive",
    ],
)
@click.argument("folder", type=FOLDER, required=False)
@click.option(
    "--into", type=click.Path(path_type=Path), metavar="DIR", help="Where the queue and the copies go."
)
@click.option("--fresh", is_flag=True, help="Start over, whatever an earlier demo left.")
@click.option(
    "--threads", type=click.IntRange(1, 256), metavar="N", help="Of the worker. Default: two a processor."
)
def demo(folder: Path | None, into: Path | None, fresh: bool, threads: int | None) -> None:
    """Fingerprint and compress the files of a folder, as jobs.

    Every file of FOLDER becomes a job on an SQLite queue, in an output folder of its own; FOLDER itself is only
    read. A few jobs fail on purpose and are retried, one is scheduled, one comes by cron each second. At the end
    every copy is unpacked and compared with its fingerprint.

    It may be interrupted at any time; the same command then goes on where it was. After its end the same command
    starts over. The copies stay until then.

    Exit codes: 0 all copies are proven (files that may not be read are named), 1 something is wrong,
    130 interrupted.
    """
    from holdfast.cli.demo.place import Place, default_output, default_source
    from holdfast.cli.demo.show import Show
    from holdfast.cli.demo.stopping import Stopped, Stopping
    from holdfast.cli.demo.workload import thread_count

    source, what = (folder.resolve(), "") if folder else default_source()
    output = into.absolute() if into else default_output(source)
    place = Place(output, source, private=into is None)
    stopping = Stopping()
    run = Run(place, Show(), threads or thread_count(), stopping)
    with stopping.noting(), place.held(fresh=fresh) as resumed:
        try:
            good = run.all(what, resumed=resumed)
        except Stopped as stop:
            run.interrupted(_same_command(folder, into))
            raise click.exceptions.Exit(128 + stop.number) from None
    if not good:
        raise click.exceptions.Exit(1)


class Run:
    """One demo, step by step."""

    def __init__(self, place: Place, show: Show, threads: int, stopping: Stopping) -> None:
        self._place = place
        self._show = show
        self._threads = threads
        self._stopping = stopping
        self._url = _sqlite_url(place.database)
        self._ended = 0
        self._total = 0

    def all(self, what: str, *, resumed: bool) -> bool:
        """Everything; True if all is well."""
        from holdfast.cli.demo.report import read_report
        from holdfast.cli.demo.tree import find_files
        from holdfast.cli.demo.workload import Workload
        from holdfast.cli.versions import holdfast_version

        show, place = self._show, self._place
        show.title(holdfast_version())
        with show.looking() as tick:
            tree = find_files(place.source, output=place.folder, tick=self._checked(tick))
        show.folder(tree, what)
        show.output(place.folder)
        self._refuse_if_too_large(tree)
        with Workload(place, self._url) as workload:
            with show.bar("Queueing", len(tree.files)) as move:
                intake = workload.put(tree, resumed=resumed, tick=self._checked(move))
            show.intake(intake)
            began = datetime.now(UTC)
            self._work(workload)
            with show.bar("Reading", len(tree.files)) as move:
                report = read_report(workload, began, tick=self._checked(move))
        show.worked(report, self._threads)
        return self._judge(tree, report, resumed=resumed)

    def interrupted(self, command: str) -> None:
        """Say how far it came, and how to go on."""
        done = f" {self._ended:,} of {self._total:,} jobs are done." if self._total else ""
        self._show.verdict(f"Interrupted.{done} Nothing is lost.", good=False)
        self._show.commands("Go on with:", [command])

    def _refuse_if_too_large(self, tree: Tree) -> None:
        from holdfast.cli.demo.place import DemoError
        from holdfast.cli.text import bytes_text

        free = shutil.disk_usage(self._place.folder).free
        if tree.size > free:
            raise DemoError(
                f"the files have {bytes_text(tree.size)} and {self._place.folder} has room for {bytes_text(free)}; "
                "name a smaller folder, or another place with --into"
            )

    def _work(self, workload: Workload) -> None:
        self._total = workload.counts().total
        with self._show.bar("Working", self._total) as move:

            def look(counts: Counts) -> None:
                self._ended = counts.ended
                move(counts.ended, _note(counts))

            workload.work(self._threads, look=look, stopping=self._stopping)

    def _checked(self, tick: Callable[[int], object]) -> Callable[[int], None]:
        """A tick that may come as often as it likes, and looks whether someone wants the demo to stop."""
        shown = 0.0

        def checked(n: int) -> None:
            nonlocal shown
            self._stopping.check()
            now = time.monotonic()
            if now - shown >= REDRAW:
                shown = now
                tick(n)

        return checked

    def _judge(self, tree: Tree, report: Report, *, resumed: bool) -> bool:
        """Prove the copies, show the table, and say what it comes to."""
        from holdfast.cli.demo.report import write_sums

        wrong = self._check(report)
        write_sums(report, self._place.sums)
        lost = report.lost(tree)
        self._show.table(report, resumed=resumed)
        self._show.failures(
            "These may not be read; their jobs failed, and are kept with the error:", report.unreadable
        )
        self._show.failures("These jobs failed:", report.failed)
        self._show.failures("These copies are wrong:", wrong)
        self._show.failures("These files have no job:", dict.fromkeys(lost, "lost"))
        good = not (wrong or lost or report.failed) and report.stock is not None and report.watched > 0
        if good:
            self._place.finish()
            self._show.verdict("It worked: every copy unpacks to what its file held.", good=True)
        else:
            self._show.verdict(f"Something is wrong. The worker's log: {self._place.log}", good=False)
        self._show.commands("Look around:", self._to_look_around(report))
        return good

    def _check(self, report: Report) -> dict[str, str]:
        from holdfast.cli.demo.check import check_copies
        from holdfast.cli.demo.report import copies_to_check
        from holdfast.cli.demo.tasks import Workshop

        copies = copies_to_check(report, Workshop(self._place.source, self._place.folder))
        began = time.perf_counter()
        with self._show.bar("Checking", len(copies)) as move:
            wrong = check_copies(copies, tick=self._checked(move))
        if not wrong:
            self._show.checked(len(copies), time.perf_counter() - began)
        return wrong

    def _to_look_around(self, report: Report) -> list[str]:
        from holdfast.cli.program import command_line

        which = ["--state", "failed"] if report.states["failed"] else ["--limit", "10"]
        commands = [
            f"export HOLDFAST_URL={shlex.quote(self._url)}",
            command_line(["stats"]),
            command_line(["jobs", "list", *which]),
        ]
        if report.archived and shutil.which("sha256sum"):
            source, sums = shlex.quote(str(self._place.source)), shlex.quote(str(self._place.sums))
            commands.append(f"(cd {source} && sha256sum --check --quiet {sums})")
        return commands


def _note(counts: Counts) -> str:
    if not counts.alive:
        return "waiting for the cron job"
    if counts.alive == 1 and not counts.running:
        return "waiting for the scheduled one"
    return f"{counts.running:,} claimed" if counts.running else ""


def _same_command(folder: Path | None, into: Path | None) -> str:
    from holdfast.cli.program import command_line

    arguments = ["demo", *([str(folder)] if folder else [])]
    return command_line(arguments + (["--into", str(into)] if into else []))


def _sqlite_url(path: Path) -> str:
    # What a URL would take for something else is quoted; other bytes stay, even such that are no UTF-8.
    return "sqlite:///" + "".join(quote(char) if char.isascii() else char for char in str(path))
