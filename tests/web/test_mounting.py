"""The dashboard below a prefix, in other applications, and behind proxies; what every answer carries."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from holdfast import Holdfast
from holdfast.web import asgi
from tests.conformance.backends import Backend, SqliteBackend
from tests.web.browser import Browser
from tests.web.conftest import Open

PAGES = ("/", "/jobs", "/queues", "/workers", "/schedules")


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    """One store is enough: nothing here depends on it."""
    return SqliteBackend(str(tmp_path / "jobs.db"))


def check(browser: Browser, tasks: Holdfast) -> None:
    """All pages are there, and lead to each other: the browser looks at each link."""
    job = tasks.enqueue("greet", {"name": "Ada"})
    for path in (*PAGES, f"/jobs/{job.id}"):
        page = browser.page(path)
        assert page.links["Schedules"] == f"{browser.root}/schedules"
    for name in ("app.css", "app.js", "icon.svg"):
        assert browser.get(f"{browser.root}/static/{name}").status == 200
    page = browser.page(f"/jobs/{job.id}/cancel")
    assert "was cancelled" in browser.submit(page, f"/jobs/{job.id}/cancel").page.words


async def other(_: Any) -> PlainTextResponse:
    return PlainTextResponse("other")


@pytest.mark.parametrize("path", ["/jobs", "/admin/queue", "/jobs/jobs"])
def test_mounted_in_starlette(tasks: Holdfast, path: str) -> None:
    """And so in FastAPI, which mounts by the same means."""
    dashboard = asgi(tasks, insecure=True)
    host = Starlette(routes=[Route("/", other), Mount(path, dashboard)])
    check(Browser(host, path), tasks)


def test_mounted_twice_deep_and_behind_a_proxy(tasks: Holdfast) -> None:
    host = Starlette(routes=[Mount("/ops", routes=[Mount("/jobs", asgi(tasks, insecure=True))])])
    check(Browser(host, "/ops/jobs"), tasks)
    # The server was told under which path the proxy has it; the path it is given has that, too.
    check(Browser(host, "/shop/ops/jobs", root_path="/shop"), tasks)


@pytest.mark.parametrize(
    ("prefix", "root_path"), [("/jobs", ""), ("", ""), ("/a b/ü", ""), ("/jobs", "/shop"), ("", "/shop")]
)
def test_by_its_prefix(tasks: Holdfast, prefix: str, root_path: str) -> None:
    """As in Django, whose application hands over what begins so."""
    from urllib.parse import quote

    browser = Browser(asgi(tasks, prefix, insecure=True), quote(root_path + prefix), root_path=root_path)
    check(browser, tasks)


def test_what_lies_elsewhere(tasks: Holdfast) -> None:
    browser = Browser(asgi(tasks, "/jobs", insecure=True))
    assert browser.get("/").status == 404
    assert browser.get("/jobsx").status == 404
    assert browser.get("/jobs").status == 200, "without the last slash, too"
    for path in ("/jobs/nothing", "/jobs//", "/jobs//evil.example/..", "/jobs/static/", "/jobs/static/../site.py",
                 "/jobs/static/%2e%2e%2fsite.py", "/jobs/static/app.css%00"):  # fmt: skip
        assert browser.get(path).status == 404, path
    assert browser.request("POST", "/jobs/").status == 405
    assert browser.request("HEAD", "/jobs/").status == 200


def test_static_files_are_kept_by_what_they_hold(dashboard: Open) -> None:
    browser = dashboard(password="x")
    page = browser.get("/jobs/login").page
    (script,) = [attrs["src"] for tag, attrs in page.tags if tag == "script"]
    assert browser.get(script).header("cache-control") == "public, max-age=31536000, immutable"
    assert browser.get(script).header("content-type") == "text/javascript; charset=utf-8"
    assert browser.get(script.partition("?")[0]).header("cache-control") == "no-cache"
    assert browser.get("/jobs/login").header("cache-control") == "no-store"


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    folder = Path(__file__).parents[2] / "src" / "holdfast" / "web"
    for path in (folder / "templates").iterdir():
        text = path.read_text()
        assert "| safe" not in text, path
        assert "autoescape false" not in text, path
        assert "http:" not in text, path
        assert "https:" not in text, path
    for name in ("app.css", "app.js"):
        text = (folder / "static" / name).read_text()
        assert "http" not in text, name
        assert "url(" not in text, name


def test_a_fault_of_the_dashboard_is_a_page_without_its_details(tasks: Holdfast) -> None:
    def broken(_request: Any, _action: str) -> bool:
        raise RuntimeError("hunter2")

    browser = Browser(asgi(tasks, allow=broken))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    # What went wrong goes on to the server, which logs it; whoever asked is told nothing of it.
    with pytest.raises(RuntimeError, match="hunter2"):
        asyncio.run(browser.application(browser.scope("GET", "/jobs/", {}), receive, send))
    assert sent[0]["status"] == 500
    assert b"This is a fault of the dashboard" in sent[1]["body"]
    assert b"hunter2" not in sent[1]["body"]
