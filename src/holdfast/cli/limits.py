"""The commands `holdfast limits …`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.command import Group, json_option
from holdfast.cli.screen import Column, print_json, print_table, say
from holdfast.cli.target import open_database
from holdfast.cli.text import NOTHING, clean, seconds_text
from holdfast.cli.values import CountPer, ShareWeight
from holdfast.core.limits import Limit, Rate

if TYPE_CHECKING:
    from holdfast.client.limits import Said, StoredLimit

limits = Group(
    name="limits",
    help="See and change limits, rates and the weights of shares.",
    examples=[
        "holdfast --app app:app limits list",
        "holdfast --app app:app limits set --queue mail --limit 5",
        "holdfast --url sqlite:///jobs.db limits set --task mail.send --rate 100/1m",
    ],
)

COLUMNS = (
    Column("rule"),
    Column("counts", optional=1),
    Column("holds"),
    Column("code says", optional=0),
)
Function = Callable[..., Any]


def target_options(function: Function) -> Function:
    """Whose limit: a rule by name, a queue or a task."""
    for option in (
        click.option("--task", "-t", metavar="TASK", help="Of this task."),
        click.option("--queue", "-q", metavar="QUEUE", help="Of this queue."),
        click.argument("rule", required=False, metavar="[RULE]"),
    ):
        function = option(function)
    return function


@limits.command(
    "list",
    short_help="List limits, rates and shares.",
    examples=["holdfast --app app:app limits list", "holdfast --url sqlite:///jobs.db limits list --json"],
)
@json_option
def list_limits(as_json: bool) -> None:
    """List what limits, rates and shares there are, what holds, and what code says where that is something else.

    Those of code are stored when a worker starts.
    """
    found = open_database().limits.list()
    if as_json:
        print_json({"limits": [_document(one) for one in found]})
        return
    rows = [
        [
            one.rule,
            _counts(one),
            _text(one.now),
            NOTHING if one.changed is None else _text(one.declared),
        ]
        for one in found
    ]
    print_table(COLUMNS, rows, empty="There are no limits; those of code are stored when a worker starts.")


@limits.command(
    "set",
    short_help="Set a limit, a rate or weights, over what code says.",
    examples=[
        "holdfast --app app:app limits set --queue mail --limit 5",
        "holdfast --app app:app limits set --task mail.send --rate 100/1m --burst 10",
        "holdfast --app app:app limits set task:report.make/key --limit 2",
        "holdfast --app app:app limits set --queue mail --weight acme=3 --weight globex=1",
    ],
)
@target_options
@click.option("--limit", type=int, metavar="N", help="So many jobs at a time.")
@click.option("--rate", type=CountPer(), metavar="COUNT/TIME", help="So many jobs in a time, such as 100/1m.")
@click.option(
    "--burst", type=int, metavar="N", help="Of the rate: so many at once after a while without any."
)
@click.option(
    "--weight",
    "weights",
    type=ShareWeight(),
    multiple=True,
    metavar="SHARE=N",
    help="What a share of the queue weighs; those not named weigh 1. May be given several times.",
)
@json_option
def set_limit(
    rule: str | None,
    queue: str | None,
    task: str | None,
    limit: int | None,
    rate: tuple[int, timedelta] | None,
    burst: int | None,
    weights: Sequence[tuple[str, int]],
    as_json: bool,
) -> None:
    """Set a limit, a rate or the weights of shares, for all workers, until it is reset.

    It holds from the next claim on, over restarts and deployments, and jobs that run go on. RULE is a name that
    `limits list` shows; it is needed for what counts by key.
    """
    _check_target(rule, queue, task)
    if burst is not None and rate is None:
        raise click.UsageError("--burst is part of a rate: give --rate as well")
    if limit is None and rate is None and not weights:
        raise click.UsageError("say what to set: --limit, --rate or --weight")
    names = open_database().limits.set(
        *(() if rule is None else (rule,)),
        queue=queue,
        task=task,
        limit=limit,
        rate=None if rate is None else Rate(rate[0], per=rate[1], burst=burst),
        weights=dict(weights) or None,
    )
    _tell(names, "set", as_json)


@limits.command(
    "reset",
    short_help="Let what code says hold again.",
    examples=[
        "holdfast --app app:app limits reset --queue mail",
        "holdfast --app app:app limits reset task:mail.send/rate",
    ],
)
@target_options
@json_option
def reset(rule: str | None, queue: str | None, task: str | None, as_json: bool) -> None:
    """Take back what was set for a rule, or for all of a queue or task: what code says holds again."""
    _check_target(rule, queue, task)
    names = open_database().limits.reset(*(() if rule is None else (rule,)), queue=queue, task=task)
    if not names and not as_json:
        say("Nothing was set there.")
        return
    _tell(names, "reset", as_json)


def _check_target(*given: str | None) -> None:
    if given.count(None) != len(given) - 1:
        raise click.UsageError("which? Give one of RULE, --queue and --task")


def _tell(names: Sequence[str], what: str, as_json: bool) -> None:
    if as_json:
        print_json({what: list(names)})
        return
    for name in names:
        say(f"{clean(name)} is {what}.")


def _counts(one: StoredLimit) -> str:
    if one.by_key:
        return "each key"
    return "each share" if isinstance(one.now, Mapping) else "all"


def _text(said: Said | None) -> str:
    if said is None:
        return NOTHING
    if isinstance(said, Limit):
        return f"{said.most:,} at a time"
    if isinstance(said, Rate):
        burst = f", {said.burst:,} at once" if said.burst != 1 else ""
        return f"{said.count:,} in {seconds_text(_seconds(said))}{burst}"
    return ", ".join(f"{share}={weight}" for share, weight in said.items()) or "equal weights"


def _seconds(rate: Rate) -> float:
    return rate.per.total_seconds() if isinstance(rate.per, timedelta) else rate.per


def _document(one: StoredLimit) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "queue": one.queue,
        "task": one.task,
        "name": one.name,
        "by_key": one.by_key,
        "now": _said(one.now),
        "declared": _said(one.declared),
        "changed": _said(one.changed),
    }


def _said(said: Said | None) -> dict[str, Any] | None:
    if said is None:
        return None
    if isinstance(said, Limit):
        return {"limit": said.most}
    if isinstance(said, Rate):
        return {"count": said.count, "per": _seconds(said), "burst": said.burst}
    return {"weights": dict(said)}
