"""What the page on the dashboard shows is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.web.browser import Browser

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "web.md").read_text()


def blocks() -> list[str]:
    return [part.partition("```")[0] for part in PAGE.split("```python\n")[1:]]


def test_in_starlette(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(blocks()[0], found)
    with found["app"] as app:
        job = app.enqueue("mail", {}, declare=True)
        browser = Browser(found["site"])
        assert browser.get("/jobs/").status == 403
        support = {"x-role": "support"}
        page = browser.get(f"/jobs/jobs/{job.id}", **support).page
        csrf = page.form("/jobs/theme").fields["csrf"]
        assert browser.post(f"/jobs/jobs/{job.id}/cancel", {"csrf": csrf}, **support).status == 403
        assert (
            browser.post(f"/jobs/jobs/{job.id}/cancel", {"csrf": csrf}, **{"x-role": "admin"}).status == 303
        )
        assert app.jobs.status(job.id) == "cancelled"


DJANGO = """
import sys
from django.conf import settings
settings.configure(SECRET_KEY="x" * 50, ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"])
sys.path.insert(0, {root!r})
from asgi import app, application
from tests.web.browser import Browser
import asyncio
browser = Browser(application)
page = browser.follow(browser.get("/jobs/queues")).page
assert browser.send(page, "/login", password="…").status == 303
assert "No queue yet" in browser.page("/queues").words
sent, asked = [], []
async def send(message): sent.append(message)
async def receive():
    asked.append(1)
    if len(asked) > 1:
        await asyncio.Event().wait()
    return {{"type": "http.request", "body": b""}}
asyncio.run(application(browser.scope("GET", "/other", {{}}), receive, send))
assert sent[1]["body"] == b"django", sent
app.close()
print("all of it")
"""
URLS = """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("other", lambda request: HttpResponse("django"))]
"""


def test_in_django(tmp_path: Path) -> None:
    (tmp_path / "asgi.py").write_text(blocks()[1])
    (tmp_path / "urls.py").write_text(URLS)
    (tmp_path / "try.py").write_text(DJANGO.format(root=str(ROOT)))
    done = subprocess.run(
        [sys.executable, "try.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["all of it"]), done.stderr


def test_the_page_knows_all_actions_and_options() -> None:
    import inspect

    from holdfast.cli.web import web
    from holdfast.web import asgi
    from holdfast.web.access import ACTIONS

    for action in ACTIONS:
        assert f"`{action}`" in PAGE, action
    for name in ("allow", "password", "token", "insecure", "secret"):
        assert name in inspect.signature(asgi).parameters
        assert f"{name}=" in PAGE, name
    for option in web.params:
        name = option.opts[0]
        if name in ("--password", "--token", "--secret", "--read-only", "--https", "--prefix", "--insecure"):
            assert f"| `{name}" in PAGE, name
            if option.envvar:
                assert f"`{option.envvar}`" in PAGE
