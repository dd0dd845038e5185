"""The dashboard served by itself, as `holdfast web` does."""

from __future__ import annotations

import ipaddress
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import ConfigurationError, MissingDependency
from holdfast.web import require_web

if TYPE_CHECKING:
    from types import FrameType

    from holdfast.app import Holdfast

LOOPBACK_NAMES = ("127.0.0.1", "::1", "localhost")
PATIENCE = 5
"""Seconds that open requests have when the server is told to stop."""


def find_address(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """What to listen on.

    Raises:
        ConfigurationError: the name leads nowhere.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"{host} is no address of this machine: {error}") from None
    # 127.0.0.1 before ::1, which not every browser tries.
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, address


def is_loopback(address: Any) -> bool:
    """Only this very machine can reach it."""
    return ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback


def serve(
    app: Holdfast,
    *,
    host: str,
    port: int,
    prefix: str = "",
    password: str | None = None,
    token: str | None = None,
    secret: str | None = None,
    read_only: bool = False,
    insecure: bool = False,
    https: bool = False,
    ready: Callable[[str], object] = lambda _url: None,
) -> None:
    """Serve the dashboard until SIGINT or SIGTERM.

    Args:
        app: whose jobs are shown; its other arguments are those of `holdfast.web.asgi`.
        host: what to listen on. Anywhere but on loopback a password, a token or `insecure` is wanted.
        port: 0 takes a free one.
        ready: called with the address once it listens.

    Raises:
        ConfigurationError: nobody has said who may use it, or it can't listen there.
        MissingDependency: `holdfast[web]` isn't installed.
    """
    require_web()
    try:
        import uvicorn
    except ImportError:
        raise MissingDependency("the dashboard needs uvicorn: pip install 'holdfast[web]'") from None
    from holdfast.web.access import Access
    from holdfast.web.site import make_site

    family, address = find_address(host, port)
    alone = is_loopback(address)
    login = bool(password or token)
    if not (alone or login or insecure):
        raise ConfigurationError(
            f"{host} can be reached from other machines: give --password or --token (or HOLDFAST_WEB_PASSWORD, "
            "HOLDFAST_WEB_TOKEN), or say --insecure if whoever reaches it may do everything"
        )
    access = Access(
        password=password,
        token=token,
        secret=secret,
        read_only=read_only,
        https=https,
        hosts=None if login or insecure else LOOPBACK_NAMES,
    )
    site = make_site(app, prefix, access)
    try:
        listening = socket.create_server(address, family=family)
    except OSError as error:
        raise ConfigurationError(
            f"can't listen on {host}:{port}: {error.strerror}; choose another --port"
        ) from None

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # Streams would go on until they are cut off.
            site.site.streams.end()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        site,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=PATIENCE,
    )
    with listening:
        bound = listening.getsockname()
        name = f"[{bound[0]}]" if family == socket.AF_INET6 else bound[0]
        # Once it has stopped, the server raises the signal again. To be stopped is no failure of this program.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _signal, _frame: None)
        ready(f"http://{name}:{bound[1]}{prefix}/")
        Server(config).run(sockets=[listening])
