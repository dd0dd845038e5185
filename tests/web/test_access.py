"""Who gets in, who may change what, and what the audit log says of it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from holdfast import Holdfast
from holdfast.core.errors import InvalidOption
from holdfast.core.states import JobState
from holdfast.web import asgi
from holdfast.web.access import CHANGES
from holdfast.web.sessions import LIFETIME, Sessions
from holdfast.web.throttle import Throttle
from tests.conformance.backends import Backend, SqliteBackend
from tests.web.browser import Browser
from tests.web.conftest import Open


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    """One store is enough: nothing here depends on it."""
    return SqliteBackend(str(tmp_path / "jobs.db"))


PASSWORD = "correct horse"
SECRET = "a secret of more than 16 bytes"


def log_in(browser: Browser, password: str = PASSWORD) -> Any:
    return browser.send(browser.get(f"{browser.root}/login").page, "/login", password=password)


@pytest.fixture
def audit(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "holdfast.audit")
    return caplog


def lines(audit: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in audit.records if record.name == "holdfast.audit"]


# --- closed by default ------------------------------------------------------------------------------------------


def test_somebody_must_say_who_may_use_it(tasks: Holdfast) -> None:
    with pytest.raises(InvalidOption, match="say who may use the dashboard"):
        asgi(tasks)


@pytest.mark.parametrize(
    "options",
    [
        {"password": "", "insecure": True},
        {"token": "  "},
        {"password": "x", "secret": "short"},
        {"insecure": True, "prefix": "jobs"},
        {"insecure": True, "prefix": "/jobs/"},
    ],
)
def test_options_that_make_no_sense(tasks: Holdfast, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        asgi(tasks, **options)


def test_nothing_is_seen_without_login(dashboard: Open, tasks: Holdfast) -> None:
    browser, job = dashboard(password=PASSWORD), tasks.enqueue("greet", {"name": "Ada"})
    for path in (
        "/",
        "/jobs",
        "/jobs?state=failed",
        f"/jobs/{job.id}",
        "/queues",
        "/queue?name=mail",
        "/workers",
        "/schedules",
    ):
        answer = browser.get(f"/jobs{path}")
        assert answer.status == 303
        assert answer.body == b""
        assert "Log in" in browser.follow(answer).page.words
        assert browser.get(f"/jobs{path}", accept="text/event-stream").status == 401
    for path in (f"/jobs/{job.id}/cancel", "/queue/purge", "/schedule/run"):
        assert browser.post(f"/jobs{path}", {"name": "mail"}).status == 401
    assert browser.get("/jobs/static/app.css").status == 200
    assert tasks.jobs.status(job.id) is JobState.PENDING


def test_login_leads_where_one_was_going(dashboard: Open, audit: pytest.LogCaptureFixture) -> None:
    browser = dashboard(password=PASSWORD)
    asked = browser.follow(browser.get("/jobs/jobs?state=failed&queue=a%26b")).page
    wrong = browser.send(asked, "/login", password="wrong")
    assert wrong.status == 403
    assert "That is not it." in wrong.page.words
    answer = browser.send(asked, "/login", password=PASSWORD)
    assert answer.header("location") == "/jobs/jobs?state=failed&queue=a%26b"
    page = browser.follow(answer).page
    assert "Log out" in page.words
    assert [line.partition(" by ")[2] for line in lines(audit)] == [
        f"session {line.split('session ')[1][:6]} at 127.0.0.1: {how}" if "session" in line else ""
        for line, how in zip(lines(audit), ("refused, wrong password", "done"), strict=True)
    ]
    out = browser.submit(page, "/logout")
    assert "Log in" in out.page.words
    assert browser.get("/jobs/").status == 303


@pytest.mark.parametrize(
    "following",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y", ""],
)
def test_login_leads_nowhere_else(dashboard: Open, following: str) -> None:
    browser = dashboard(password=PASSWORD)
    page = browser.get("/jobs/login").page
    assert browser.send(page, "/login", password=PASSWORD, next=following).header("location") == "/jobs/"


def test_a_login_begins_a_new_session(dashboard: Open) -> None:
    browser = dashboard(password=PASSWORD)
    browser.get("/jobs/login")
    before = dict(browser.cookies)
    log_in(browser)
    assert browser.cookies["holdfast_session"] != before["holdfast_session"]
    browser.cookies = before
    assert browser.get("/jobs/").status == 303


@pytest.mark.parametrize(
    ("options", "scheme", "secure"),
    [({}, "http", False), ({}, "https", True), ({"https": True}, "http", True)],
)
def test_cookies(dashboard: Open, options: dict[str, Any], scheme: str, secure: bool) -> None:
    browser = dashboard(password=PASSWORD, browser={"scheme": scheme}, **options)
    log_in(browser)
    for cookie in browser.set_cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/jobs" in cookie
        assert ("Secure" in cookie) == secure


def test_forged_and_old_cookies(dashboard: Open) -> None:
    browser = dashboard(password=PASSWORD, secret=SECRET)
    log_in(browser)
    good = browser.cookies["holdfast_session"]
    name, expires, known, signature = good.split(".")
    elsewhere = Sessions(b"another key of many bytes")
    for bad in (
        "", "x", "....", "é" * 10, "x" * 5000, good[:-1], good + "0", f"{name}.{expires}.1.{'0' * 64}",
        f"{name}.{int(expires) + 9}.{known}.{signature}", elsewhere.seal(elsewhere.new(known=True)),
    ):  # fmt: skip
        browser.cookies["holdfast_session"] = bad
        assert browser.get("/jobs/").status == 303, bad
    browser.cookies["holdfast_session"] = good
    assert browser.get("/jobs/").status == 200
    # Signed with the same secret, but under another password.
    other = dashboard(password="another", secret=SECRET)
    other.cookies["holdfast_session"] = good
    assert other.get("/jobs/").status == 303
    same = dashboard(password=PASSWORD, secret=SECRET)
    same.cookies["holdfast_session"] = good
    assert same.get("/jobs/").status == 200


def test_sessions_end() -> None:
    now = [1000.0]
    sessions = Sessions(b"k", lambda: now[0])
    sealed = sessions.seal(sessions.new(known=True))
    now[0] += LIFETIME - 1
    assert sessions.open(sealed) is not None
    now[0] += 1
    assert sessions.open(sealed) is None


def test_a_token_for_programs(dashboard: Open, tasks: Holdfast) -> None:
    browser, job = dashboard(token="t0ken"), tasks.enqueue("greet", {"name": "Ada"})
    right, wrong = {"authorization": "Bearer t0ken"}, {"authorization": "Bearer t0kem"}
    assert browser.get("/jobs/", **right).status == 200
    assert browser.get("/jobs/", **wrong).status == 303
    assert browser.post(f"/jobs/jobs/{job.id}/cancel", **wrong).status == 401
    assert browser.post(f"/jobs/jobs/{job.id}/cancel", **right).status == 303
    assert tasks.jobs.status(job.id) is JobState.CANCELLED
    browser.cookies.clear()
    assert log_in(browser, "t0ken").status == 303, "the login page takes it, too"


# --- logins slowed down -----------------------------------------------------------------------------------------


def test_logins_are_slowed_down_by_address(dashboard: Open) -> None:
    browser = dashboard(password=PASSWORD)
    assert [log_in(browser, "wrong").status for _ in range(7)] == [403] * 5 + [429] * 2
    answer = log_in(browser)
    assert answer.status == 429, "nor does the right one help now"
    assert 0 < int(answer.header("retry-after")) <= 12
    other = Browser(browser.application, address="203.0.113.7")
    assert log_in(other).status == 303


def test_throttle() -> None:
    now = [0.0]
    throttle = Throttle(most=2, every=10, addresses=3, clock=lambda: now[0])
    for _ in range(2):
        assert throttle.wait("a") == 0
        throttle.failed("a")
    assert throttle.wait("a") == 10
    now[0] = 10
    assert throttle.wait("a") == 0
    throttle.failed("a")
    assert throttle.wait("a") == 10
    throttle.failed("2001:db8::1")
    throttle.failed("2001:db8::2")
    assert throttle.wait("2001:db8::3") > 0
    assert throttle.wait("2001:db8:0:1::1") == 0
    for address in ("b", "c", "d"):
        throttle.failed(address)
    assert throttle.wait("a") == 0, "only so many are remembered"


# --- forms ------------------------------------------------------------------------------------------------------


def test_every_change_wants_the_token_of_its_session(dashboard: Open, tasks: Holdfast) -> None:
    browser, stranger = dashboard(), dashboard()
    job = tasks.enqueue("greet", {"name": "Ada"}, queue="mail")
    theirs = stranger.page("/").form("/jobs/theme").fields["csrf"]
    ours = browser.page("/").form("/jobs/theme").fields["csrf"]
    changing = [
        route.path.replace("{id}", str(job.id)).replace("{verb}", verb)
        for route in browser.application._inner.routes
        if "POST" in route.methods
        for verb in ("retry", "cancel", "force", "delete", "pause", "resume", "purge", "run")
    ]
    assert len(set(changing)) >= 10
    for path in changing:
        for fields in ({}, {"csrf": ""}, {"csrf": theirs}, {"csrf": "é"}):
            answer = browser.post(f"/jobs{path}", {"name": "mail", "all": "1", **fields})
            assert answer.status == 403, (path, fields)
        for where in ("cross-site", "same-site"):
            answer = browser.post(f"/jobs{path}", {"name": "mail", "csrf": ours}, **{"sec-fetch-site": where})
            assert answer.status == 403, path
    assert tasks.jobs.status(job.id) is JobState.BLOCKED
    assert tasks.paused() == []
    # With a cookie of one's own, but without the token, nothing is changed either.
    browser.cookies.clear()
    assert browser.post(f"/jobs/jobs/{job.id}/delete", {"csrf": ours}).status == 403


# --- what may be done -------------------------------------------------------------------------------------------


def test_read_only(dashboard: Open, tasks: Holdfast, audit: pytest.LogCaptureFixture) -> None:
    browser, job = dashboard(read_only=True), tasks.enqueue("greet", {"name": "Ada"}, queue="mail")
    csrf = browser.page("/").form("/jobs/theme").fields["csrf"]
    pages = [
        browser.page(path)
        for path in ("/", "/jobs", f"/jobs/{job.id}", "/queues", "/queue?name=mail", "/schedules")
    ]
    for page in pages:
        assert {form.action for form in page.forms} <= {"/jobs/theme", "/jobs/jobs"}, "nothing is offered"
        assert not any(text.endswith("…") for text in page.links)
        assert "Read-only" in page.words
    for verb in ("retry", "cancel", "force", "delete"):
        assert browser.get(f"/jobs/jobs/{job.id}/{verb}").status == 403
        answer = browser.post(f"/jobs/jobs/{job.id}/{verb}", {"csrf": csrf})
        assert (answer.status, "read-only" in answer.html) == (403, True)
    for path in (
        "queue/pause",
        "queue/resume",
        "queue/purge",
        "schedule/pause",
        "schedule/resume",
        "schedule/run",
    ):
        assert browser.post(f"/jobs/{path}", {"csrf": csrf, "name": "mail"}).status == 403, path
    assert tasks.jobs.status(job.id) is JobState.BLOCKED
    assert len(lines(audit)) == 14
    assert all(line.endswith(": refused") for line in lines(audit))
    # Light or dark changes nothing of the queue.
    assert browser.submit(pages[0], "/theme", theme="dark").status == 200


@pytest.mark.parametrize("awaited", [False, True])
def test_the_application_says_what_may_be_done(tasks: Holdfast, awaited: bool) -> None:
    asked: list[str] = []

    def allow(request: Any, action: str) -> bool:
        asked.append(action)
        return bool(request.headers.get("x-user") == "ada" and action in ("view", "job.cancel"))

    async def later(request: Any, action: str) -> bool:
        return allow(request, action)

    job = tasks.enqueue("greet", {"name": "Ada"})
    browser = Browser(asgi(tasks, allow=later if awaited else allow))
    ada = {"x-user": "ada"}
    assert browser.get("/jobs/").status == 403
    assert browser.get("/jobs/", accept="text/event-stream").status == 403
    page = browser.get(f"/jobs/jobs/{job.id}", **ada).page
    assert "Cancel…" in page.links
    assert "Delete…" not in page.links
    csrf = page.form("/jobs/theme").fields["csrf"]
    assert browser.post(f"/jobs/jobs/{job.id}/delete", {"csrf": csrf}, **ada).status == 403
    assert browser.post(f"/jobs/jobs/{job.id}/cancel", {"csrf": csrf}).status == 403
    assert tasks.jobs.status(job.id) is JobState.PENDING
    assert browser.post(f"/jobs/jobs/{job.id}/cancel", {"csrf": csrf}, **ada).status == 303
    assert set(asked) == {"view", *CHANGES}


def test_the_audit_log_says_who(tasks: Holdfast, audit: pytest.LogCaptureFixture) -> None:
    browser = Browser(asgi(tasks, insecure=True, who=lambda request: request.headers.get("x-user")))
    job = tasks.enqueue("greet", {"name": "Ada"})
    csrf = browser.page("/").form("/jobs/theme").fields["csrf"]
    browser.post(f"/jobs/jobs/{job.id}/cancel", {"csrf": csrf}, **{"x-user": "ada\nroot"})
    browser.post("/jobs/queue/pause", {"csrf": csrf, "name": "mail", "reason": "down"}, **{"x-user": "ada"})
    browser.post("/jobs/queue/pause", {"csrf": csrf, "name": "mail"})
    assert lines(audit) == [
        f"job.cancel of {job.id} by ada\\nroot at 127.0.0.1: done",
        "queue.pause of mail by ada at 127.0.0.1: done",
        "queue.pause of mail by somebody at 127.0.0.1: nothing to do",
    ]
    (pause,) = tasks.paused()
    assert (pause.by, pause.reason) == ("ada at 127.0.0.1", "down")


# --- light and dark ---------------------------------------------------------------------------------------------


def test_light_or_dark_is_kept(browser: Browser) -> None:
    page = browser.page("/jobs?state=failed")
    assert page.tags[0] == ("html", {"lang": "en", "data-theme": "auto"})
    answer = browser.send(page, "/theme", theme="dark")
    assert answer.header("location") == "/jobs/jobs?state=failed"
    assert browser.follow(answer).page.tags[0][1]["data-theme"] == "dark"
    assert browser.submit(page, "/theme", theme='"><script>').page.tags[0][1]["data-theme"] == "dark"
    browser.cookies["holdfast_theme"] = '"><script>alert(1)</script>'
    assert browser.page("/").tags[0][1]["data-theme"] == "auto"
    assert browser.send(page, "/theme", back="//evil.example").header("location") == "/jobs/"
