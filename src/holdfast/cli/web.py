"""The command `holdfast web`."""

from __future__ import annotations

import click

from holdfast.cli.command import Command
from holdfast.cli.screen import say
from holdfast.cli.target import open_database


def _checked_prefix(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if value and (not value.startswith("/") or value.endswith("/")):
        raise click.BadParameter("begins with a slash and doesn't end with one, such as /jobs")
    return value


@click.command(
    cls=Command,
    examples=[
        "holdfast --app app:app web                      # http://127.0.0.1:8470/, for this machine alone",
        "holdfast --app app:app web --read-only",
        "holdfast --app app:app web --host 0.0.0.0 --https    # with HOLDFAST_WEB_PASSWORD set",
        "holdfast --url sqlite:///jobs.db web --port 9000",
    ],
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST", help="What to listen on.")
@click.option("--port", "-p", type=click.IntRange(0, 65535), default=8470, show_default=True, metavar="PORT",
              help="0 takes a free one.")  # fmt: skip
@click.option(
    "--password",
    envvar="HOLDFAST_WEB_PASSWORD",
    metavar="TEXT",
    help="Ask for this password. Better given as HOLDFAST_WEB_PASSWORD, which others on the machine can't see.",
)
@click.option(
    "--token",
    envvar="HOLDFAST_WEB_TOKEN",
    metavar="TEXT",
    help="The same for programs, in the header `Authorization: Bearer …`; or HOLDFAST_WEB_TOKEN.",
)
@click.option(
    "--secret",
    envvar="HOLDFAST_WEB_SECRET",
    metavar="TEXT",
    help="Sign sessions with this, so that they outlive a new start; or HOLDFAST_WEB_SECRET. 16 bytes or more.",
)
@click.option("--read-only", is_flag=True, help="Nothing can be changed.")
@click.option(
    "--insecure", is_flag=True, help="Whoever reaches it may do everything, from other machines, too."
)
@click.option("--https", is_flag=True, help="A proxy in front speaks https: cookies are for https alone.")
@click.option(
    "--prefix",
    default="",
    callback=_checked_prefix,
    metavar="PATH",
    help="The path under which it is reached, such as /jobs.",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def web(
    host: str,
    port: int,
    password: str | None,
    token: str | None,
    secret: str | None,
    read_only: bool,
    insecure: bool,
    https: bool,
    prefix: str,
    log_level: str,
    log_format: str,
) -> None:
    """Serve the dashboard until told to stop.

    It is for this machine alone, and wants no login there. To listen anywhere else it wants a password or a token, or
    --insecure. Who does what is logged by the logger holdfast.audit. See docs/web.md.
    """
    from holdfast.web.server import serve
    from holdfast.worker.logs import configure, configure_rest

    configure(log_level, "json" if log_format == "json" else "text")
    app = open_database()
    # What is sensitive is known only of tasks that are declared.
    app.client.registry.load()
    configure_rest()
    serve(
        app,
        host=host,
        port=port,
        prefix=prefix,
        password=password or None,
        token=token or None,
        secret=secret or None,
        read_only=read_only,
        insecure=insecure,
        https=https,
        ready=lambda url: say(f"The dashboard is at {url}  Ctrl-C ends it."),
    )
