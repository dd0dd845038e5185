"""The command `holdfast migrate`."""

from __future__ import annotations

import click

from holdfast.cli.command import Command, json_option
from holdfast.cli.screen import print_json, say


@click.command(
    cls=Command,
    examples=[
        "holdfast --app app:app migrate",
        "holdfast --url postgresql://localhost/shop migrate --sql > holdfast.sql   # for a DBA",
        "holdfast --url sqlite:///jobs.db migrate --check                       # in a deploy",
    ],
)
@click.option("--sql", is_flag=True, help="Print the SQL of all migrations; the database isn't touched.")
@click.option(
    "--above", metavar="VERSION", type=int, default=0, help="With --sql: only migrations after this one."
)
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if a migration is missing.")
@json_option
def migrate(sql: bool, above: int, check: bool, as_json: bool) -> None:
    """Bring the database's schema to this version.

    SQLite files are migrated on first use, so this is for PostgreSQL, and for those who want to know. Run by
    several at once, one does it and the others wait.
    """
    from holdfast.cli import databases
    from holdfast.cli.target import database_url

    if sql and (check or as_json):
        raise click.UsageError("--sql goes alone")
    if above and not sql:
        raise click.UsageError("--above goes with --sql")
    url, schema = database_url()
    if sql:
        click.echo(databases.migration_text(url, schema, above), nl=False)
    elif check:
        databases.check_schema(url, schema)
        if as_json:
            print_json({"current": True})
        else:
            say("The schema is that of this version.")
    else:
        applied = databases.migrate(url, schema)
        if as_json:
            print_json({"applied": applied})
            return
        for name in applied:
            click.echo(name)
        say(f"Applied: {len(applied)}." if applied else "There was nothing to do.")
