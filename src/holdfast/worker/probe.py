"""Answers over HTTP to those who watch over a worker process: orchestrators, load balancers, Prometheus.

`/health/live` asks for a new start when it fails, `/health/ready` only says that no jobs are taken now. `/metrics`
is what is in the default registry of prometheus_client, where that is installed.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Self, cast

import msgspec

from holdfast.core.errors import ConfigurationError, InvalidOption

if TYPE_CHECKING:
    from types import TracebackType

    from holdfast.worker.health import Health

logger = logging.getLogger("holdfast.worker")

LOCAL = "127.0.0.1"
PATHS = ("/health/live", "/health/ready", "/metrics")
PATIENCE = 5.0
"""Seconds that a client may take to ask."""
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

Look = Callable[[], "Health"]
Answer = tuple[HTTPStatus, str, bytes]
"""Status, content type, body."""


class Probe:
    """A small HTTP server in threads of its own. `with Probe(…):` begins and ends it.

    Args:
        address: `PORT`, which listens on this host only, or `HOST:PORT`; port 0 takes a free one.
        look: tells how the worker is, in any thread.

    Raises:
        InvalidOption: the address isn't one.
        ConfigurationError: it can't be listened on.
    """

    def __init__(self, address: str | int, look: Look) -> None:
        host, port = read_address(address)
        try:
            self._server = _Server((host, port), look)
        except OSError as error:
            raise ConfigurationError(
                f"can't answer probes on {address}: {error}; choose another port"
            ) from error
        self._thread = Thread(
            target=self._server.serve_forever, args=(0.1,), name="holdfast-probe", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{name}:{port}"

    def start(self) -> None:
        self._thread.start()
        logger.info("probes are answered at %s/health/live and /health/ready", self.url)

    def close(self) -> None:
        """End it; calling it again does nothing."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join(PATIENCE)
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def read_address(address: object) -> tuple[str, int]:
    """Host and port of `PORT`, `HOST:PORT` or `[HOST]:PORT`.

    Raises:
        InvalidOption: it is none of these.
    """
    host, colon, port = str(address).rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if isinstance(address, bool) or not port.isdecimal() or int(port) > 65535 or (colon and not host):
        raise InvalidOption(
            f"probe is a port of this host, such as 9000, or HOST:PORT, such as 0.0.0.0:9000, not {address!r}"
        )
    return host or LOCAL, int(port)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], look: Look) -> None:
        self.look = look
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Asked)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Most often one that has hung up. The standard library prints a traceback.
        logger.debug("a probe of %s could not be answered", client_address)


class _Asked(BaseHTTPRequestHandler):
    timeout = PATIENCE
    server_version = "holdfast"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug("probe: " + format, *args)  # noqa: G003 - the format is the standard library's

    def _answer(self, *, body: bool) -> None:
        status, kind, data = answer(self.path.partition("?")[0], cast(_Server, self.server).look)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if body:
            self.wfile.write(data)


def answer(path: str, look: Look) -> Answer:
    """What is answered at a path."""
    if path == "/metrics":
        return _metrics()
    if path not in PATHS:
        return _json(HTTPStatus.NOT_FOUND, {"error": f"there are {', '.join(PATHS)}"})
    try:
        health = look()
    except Exception as error:
        logger.exception("how the worker is could not be found out")
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unknown", "why": [repr(error)]})
    asked = path.rpartition("/")[2]
    good = health.live if asked == "live" else health.ready
    counting = [one for one in health.troubles if (one.live if asked == "live" else one.ready)]
    told = {
        "status": asked if good else f"not {asked}",
        "why": [f"{one.name}: {one.says}" for one in counting],
        **health.to_dict(),
    }
    return _json(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, told)


def _json(status: HTTPStatus, told: dict[str, Any]) -> Answer:
    return status, JSON, msgspec.json.encode(told)


def _metrics() -> Answer:
    try:
        import prometheus_client as prometheus
    except ImportError:
        hint = b"metrics need prometheus_client: pip install 'holdfast[prometheus]'\n"
        return HTTPStatus.NOT_FOUND, TEXT, hint
    registry = prometheus.REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client import multiprocess

        registry = prometheus.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return HTTPStatus.OK, prometheus.CONTENT_TYPE_LATEST, prometheus.generate_latest(registry)
