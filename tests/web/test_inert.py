"""Whatever is stored is text on every page, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from holdfast import Holdfast
from tests.web.browser import Browser

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "javascript:alert(1)",
    "//evil.example/x",
    "{{ 7 * 7 }}{% raw %}",
    "</pre></textarea><h1>x",
    "&lt;b&gt;&#x22;",
    "../../login?next=//evil.example",
    "a/pause?name=b&all=1#x",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_stored_text_is_inert(
    browser: Browser, tasks: Holdfast, drain: Callable[..., Any], text: str
) -> None:
    """The browser of these tests refuses a page on which anything could run or lead elsewhere."""

    @tasks.task(name=text, queue=text, max_attempts=1)
    def hostile(why: str) -> str:
        if why.startswith("fail"):
            error = type(text, (Exception,), {})
            raise error(text)
        return text

    failed = hostile.using(meta={text: text}).enqueue("fail" + text)
    done = hostile.enqueue(text)
    drain()
    ordered = tasks.enqueue("greet", {"name": text}, ordering_key=text, queue=text)
    unknown = tasks.enqueue(text + "?", {text: text}, queue=text, declare=True)
    tasks.queues[text].pause(by=text, reason=text)
    tasks.pause(task=text, by=text, reason=text)
    tasks.limits.set(queue=text, limit=3)
    tasks.schedules.put(text, hostile.new(text), _hourly())
    pages = ["/", "/jobs", "/queues", "/workers", "/schedules"]
    pages += [f"/jobs/{job.id}" for job in (failed, done, ordered, unknown)]
    pages += [f"/jobs/{job.id}/delete" for job in (failed, done, unknown)]
    pages += [f"/jobs?queue={quote(text, safe='')}", f"/jobs?task={quote(text, safe='')}"]
    pages += [f"/queue?name={quote(text, safe='')}"]
    pages += [f"/queue/{verb}?name={quote(text, safe='')}" for verb in ("pause", "resume", "purge")]
    for path in pages:
        page = browser.page(path)
        if path not in ("/workers",):
            assert text in page.text.replace("\\", ""), path
    # Links that are made of names lead to what they name.
    queue = browser.get(browser.page("/queues").links[text]).page
    assert "Newest jobs" in queue.words
    assert str(done.id) in queue.html


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_asked_for_is_inert(browser: Browser, text: str) -> None:
    given = quote(text, safe="")
    for path in (f"/jobs?queue={given}&task={given}", f"/queue?name={given}", f"/?note={given}"):
        assert browser.get(f"/jobs{path}").status == 200, path
    for path in (
        f"/jobs?state={given}",
        f"/jobs?after={given}",
        f"/jobs?size={given}",
        f"/jobs/{given}",
        f"/{given}",
    ):
        answer = browser.get(f"/jobs{path}")
        assert 400 <= answer.status < 500, path
    page = browser.page(f"/jobs?queue={given}")
    assert page.form("/jobs/jobs").fields["queue"] == text, "and what was typed is still there"


def test_control_characters_are_shown(browser: Browser, tasks: Holdfast) -> None:
    job = tasks.enqueue("greet", {"name": "a\u202eb\x1b[2J"})
    html = browser.page(f"/jobs/{job.id}").html
    assert "\u202e" not in html
    assert "\x1b" not in html


def test_a_long_value_is_cut(browser: Browser, tasks: Holdfast) -> None:
    job = tasks.enqueue("greet", {"name": "x" * 500_000})
    page = browser.page(f"/jobs/{job.id}")
    assert len(page.html) < 100_000
    assert "more characters" in page.words


def _hourly() -> Any:
    from holdfast import Cron

    return Cron("@hourly")
