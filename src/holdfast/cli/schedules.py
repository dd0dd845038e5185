"""The commands `holdfast schedules …`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.command import Group, json_option
from holdfast.cli.screen import Column, print_json, print_table, say
from holdfast.cli.target import open_database
from holdfast.cli.text import NOTHING, when_text

if TYPE_CHECKING:
    from holdfast import Holdfast, StoredSchedule

schedules = Group(
    name="schedules",
    help="See and change schedules.",
    examples=[
        "holdfast --app app:app schedules list",
        "holdfast --app app:app schedules preview report.daily -n 10",
        "holdfast --url sqlite:///jobs.db schedules pause report.daily",
    ],
)

COLUMNS = (
    Column("schedule"),
    Column("task", optional=3),
    Column("when"),
    Column("next fire"),
    Column("in", optional=2),
    Column("last fire", optional=1),
    Column("its job", optional=1),
)

_name = click.argument("name", metavar="NAME")


@schedules.command(
    "list",
    examples=[
        "holdfast --app app:app schedules list",
        "holdfast --url sqlite:///jobs.db schedules list --json | jq -r '.schedules[].name'",
    ],
)
@click.option("--all", "-a", "removed", is_flag=True, help="Also those that were removed by hand.")
@json_option
def list_schedules(removed: bool, as_json: bool) -> None:
    """List the schedules: when they fire, when next, and what became of the last job.

    Schedules of code are stored when a worker starts. Times of cron schedules are in their own time zone.
    """
    app = open_database()
    found = app.schedules.list(removed=removed)
    states = _states(app, found)
    if as_json:
        print_json({"schedules": [_document(schedule, states) for schedule in found]})
        return
    now = datetime.now(UTC)
    rows = [
        [
            schedule.name,
            schedule.task,
            schedule.describe(),
            _next_text(schedule),
            when_text(schedule.next_at, now),
            when_text(schedule.last_at, now),
            states.get(schedule.name, NOTHING),
        ]
        for schedule in found
    ]
    print_table(COLUMNS, rows, empty="There are no schedules; those of code are stored when a worker starts.")


@schedules.command(
    "preview",
    short_help="Show the next fires.",
    examples=[
        "holdfast --app app:app schedules preview report.daily",
        "holdfast schedules preview report -n 20",
    ],
)
@_name
@click.option(
    "--number", "-n", type=click.IntRange(1, 1000), default=5, metavar="N", help="So many. Default: 5."
)
@json_option
def preview(name: str, number: int, as_json: bool) -> None:
    """Show the next fires of a schedule, in its time zone, with the changes of the clock."""
    fires = open_database().schedules.preview(name, number)
    if as_json:
        print_json({"name": name, "fires": [fire.isoformat() for fire in fires]})
        return
    for fire in fires:
        click.echo(time_text(fire))


@schedules.command(
    "run",
    short_help="Enqueue its job now.",
    examples=["holdfast --app app:app schedules run report.daily"],
)
@_name
@json_option
def run(name: str, as_json: bool) -> None:
    """Enqueue the job of a schedule now, besides its fires, even while it is paused. Prints the job's id."""
    job = open_database().schedules.run_now(name)
    if as_json:
        print_json({"name": name, "job": str(job.id)})
        return
    click.echo(str(job.id))


@schedules.command(
    "pause",
    short_help="Let a schedule rest.",
    examples=["holdfast --app app:app schedules pause report.daily"],
)
@_name
@json_option
def pause(name: str, as_json: bool) -> None:
    """Let a schedule rest until it is resumed, over restarts and deployments."""
    app = open_database()
    app.schedules.pause(name)
    _changed(app, name, as_json, "is paused")


@schedules.command(
    "resume",
    short_help="Let it fire again.",
    examples=["holdfast --app app:app schedules resume report.daily"],
)
@_name
@json_option
def resume(name: str, as_json: bool) -> None:
    """Let a paused schedule fire again. What would have fired meanwhile is not caught up."""
    app = open_database()
    app.schedules.resume(name)
    _changed(app, name, as_json, "goes on")


@schedules.command(
    "remove",
    short_help="Remove a schedule.",
    examples=["holdfast --app app:app schedules remove report.daily"],
)
@_name
@json_option
def remove(name: str, as_json: bool) -> None:
    """Remove a schedule. One that code declares stays removed when workers start again; `reset` brings it back."""
    app = open_database()
    app.schedules.remove(name)
    if as_json:
        print_json({"name": name, "removed": True})
        return
    say(f"{name} is removed")


@schedules.command(
    "reset",
    short_help="Have it as code declares it.",
    examples=["holdfast --app app:app schedules reset report.daily"],
)
@_name
@json_option
def reset(name: str, as_json: bool) -> None:
    """Undo what was done to a declared schedule by hand: it is neither paused nor removed any more."""
    app = open_database()
    app.schedules.reset(name)
    _changed(app, name, as_json, "is as code declares it")


def time_text(fire: datetime) -> str:
    """A time with its zone: `Sun 2026-03-29 03:00:00 +02:00 CEST`."""
    # `%:z` came with Python 3.12.
    offset = f"{fire:%z}"
    return f"{fire:%a %Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:]} {fire.tzname()}"


def _next_text(schedule: StoredSchedule) -> str:
    if schedule.removed:
        return "removed"
    if schedule.paused:
        return "paused"
    at = schedule.next_at
    if at is None:
        return "never again"
    return time_text(_local(schedule, at))


def _local(schedule: StoredSchedule, at: datetime) -> datetime:
    from holdfast.core.errors import InvalidOption
    from holdfast.core.schedules import Cron

    try:
        when = schedule.when
    except InvalidOption:  # its zone isn't known on this machine
        return at
    return at.astimezone(when.zone) if isinstance(when, Cron) else at


def _states(app: Holdfast, found: list[StoredSchedule]) -> dict[str, str]:
    """What became of the last jobs, by the schedule's name."""
    return {
        schedule.name: app.jobs.status(schedule.last_job).value
        for schedule in found
        if schedule.last_job is not None
    }


def _changed(app: Holdfast, name: str, as_json: bool, what: str) -> None:
    found = app.schedules.get(name)
    if as_json:
        print_json(_document(found, _states(app, [found])))
        return
    say(f"{name} {what}; next fire: {_next_text(found)}")


def _document(schedule: StoredSchedule, states: dict[str, str]) -> dict[str, Any]:
    at = schedule.next_at
    return {
        "name": schedule.name,
        "task": schedule.task,
        "queue": schedule.queue,
        "when": schedule.describe(),
        "spec": schedule.record.spec,
        "overlap": schedule.overlap,
        "missed": schedule.missed,
        "declared": schedule.declared,
        "paused": schedule.paused,
        "removed": schedule.removed,
        "next": None if at is None else _local(schedule, at).isoformat(),
        "last": None if schedule.last_at is None else schedule.last_at.isoformat(),
        "last_job": None if schedule.last_job is None else str(schedule.last_job),
        "last_job_state": states.get(schedule.name),
    }
