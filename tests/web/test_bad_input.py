"""Whatever is sent from outside: a clean answer, and never a fault."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast import Holdfast
from tests.conformance.backends import Backend, SqliteBackend
from tests.web.browser import Browser
from tests.web.conftest import Open


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    """One store is enough: nothing here depends on it."""
    return SqliteBackend(str(tmp_path / "jobs.db"))


def test_forms_that_are_none(browser: Browser, tasks: Holdfast) -> None:
    path = f"/jobs/jobs/{tasks.enqueue('greet', {'name': 'Ada'}).id}/cancel"
    kind = {"content-type": "application/x-www-form-urlencoded"}
    page = browser.page("/")
    csrf = page.form("/jobs/theme").fields["csrf"].encode()
    for headers, body, status in (
        ({"content-type": "application/json"}, b"{}", 415),
        ({"content-type": "text/plain"}, b"csrf=" + csrf, 415),
        ({}, b"", 415),
        (kind, b"csrf=" + csrf + b"&x=" + b"y" * 70_000, 413),
        (kind, b"&".join([b"csrf=" + csrf] + [b"x=1"] * 60), 400),
        (kind, b"csrf=%ff%fe", 400),
        (kind, b"\xff\x00", 400),
        (kind, b"", 403),
    ):
        answer = browser.request("POST", path, headers=headers, body=body)
        assert answer.status == status, (headers, body[:40], answer.html)


@pytest.mark.parametrize("name", ["", " ", "a\x00b", "a\nb", "x" * 201])
def test_names_that_are_none(browser: Browser, name: str) -> None:
    csrf = browser.page("/").form("/jobs/theme").fields["csrf"]
    for path in ("/queue/pause", "/queue/purge", "/schedule/pause", "/schedule/run"):
        assert browser.post(f"/jobs{path}", {"csrf": csrf, "name": name}).status == 400, path
    assert browser.post("/jobs/queue/pause", {"csrf": csrf, "name": "a", "reason": "x" * 501}).status == 400
    assert browser.post("/jobs/queue/pause", {"csrf": csrf, "name": "a", "reason": "\0"}).status == 400


@pytest.mark.parametrize(
    "host", ["[", "a b", "[::1", "]", "a:b:c", "é.example", "x" * 5000, "", "a/b?c#d", "@"]
)
def test_hostile_host_headers(dashboard: Open, host: str) -> None:
    browser = dashboard(browser={"host": host})
    page = browser.page("/jobs?state=failed")
    assert host not in page.html or host in ("", "[", "]", "@")
    assert browser.get("/jobs/nothing").status == 404
    assert dashboard(password="x", browser={"host": host}).get("/jobs/").status == 303


def test_hostile_headers_and_queries(browser: Browser) -> None:
    for name, value in (
        ("cookie", "\xff=\xfe; ;;; holdfast_session; holdfast_theme=\x01"),
        ("cookie", "holdfast_session=" + "." * 200),
        ("cookie", "holdfast_session=a.b.c.\xe9"),
        ("authorization", "Bearer \xff"),
        ("accept", "\xff"),
    ):
        assert browser.get("/jobs/", **{name: value}).status == 200, (name, value)
    for query in (b"\xff\xfe", b"state=\xff", b"&&&===", b"a" * 9000, b"note=\xff", b"%"):
        scope = browser.scope("GET", "/jobs/queues", {})
        scope["query_string"] = query
        assert status_of(browser, scope) == 200, query
    scope = browser.scope("GET", "/jobs/queues", {})
    assert status_of(browser, {**scope, "client": None}) == 200
    assert status_of(browser, {**scope, "path": "/jobs/jobs/\ud800"}) == 400
    assert status_of(browser, {**scope, "path": "/jobs/\ud800"}) == 404


def status_of(browser: Browser, scope: dict[str, Any], body: bytes = b"") -> int:
    """What is answered to a request as a server may pass it on."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    asyncio.run(browser.application(scope, receive, send))
    return int(sent[0]["status"])


@given(
    path=st.sampled_from(
        ["/", "/jobs", "/queue", "/queues", "/queue/pause", "/queue/purge", "/login", "/schedules"]
    )
    | st.text(max_size=40).map(lambda text: f"/jobs/{text}")
    | st.text(max_size=40).map(lambda text: f"/{text}"),
    query=st.dictionaries(
        st.sampled_from(["state", "queue", "task", "after", "size", "name", "all", "note", "next"])
        | st.text(max_size=5),
        st.text(max_size=30)
        | st.sampled_from(["failed", "pending", "50", "mail", "01890a5d-ac96-774b-bcce-b302099a8057"]),
    ),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_for_is_no_fault(browser: Browser, path: str, query: dict[str, str]) -> None:
    scope = browser.scope("GET", "/jobs", {})
    asked = urlencode(query, errors="replace").encode()
    assert status_of(browser, {**scope, "path": f"/jobs{path}", "query_string": asked}) < 500


@given(
    path=st.sampled_from(
        ["/queue/pause", "/queue/resume", "/queue/purge", "/schedule/run", "/login", "/theme"]
    )
    | st.text(max_size=20).map(lambda text: f"/jobs/{text}/retry"),
    fields=st.dictionaries(
        st.sampled_from(["name", "all", "reason", "password", "theme", "back", "next"]), st.text(max_size=30)
    ),
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_is_no_fault(browser: Browser, path: str, fields: dict[str, str]) -> None:
    if not browser.cookies:
        browser.page("/")
    session = browser.application.site.access.sessions
    csrf = session.csrf(session.open(browser.cookies["holdfast_session"]))
    body = urlencode({**fields, "csrf": csrf}, errors="replace").encode()
    scope = browser.scope("POST", "/jobs", {"content-type": "application/x-www-form-urlencoded"})
    assert status_of(browser, {**scope, "path": f"/jobs{path}"}, body) < 500
