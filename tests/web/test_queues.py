"""Overview, queues, workers and schedules, on both stores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Every, Holdfast
from tests.web.browser import Browser

NAME = "a b/c?&=#"


def test_nothing_there_says_what_to_do(app: Holdfast) -> None:
    from holdfast.web import asgi

    browser = Browser(asgi(app, insecure=True))
    assert "Nothing. holdfast doctor looks deeper." in browser.page("/").words
    assert "No queue yet." in browser.page("/queues").words
    assert "No worker is running. Start one" in browser.page("/workers").words
    assert "No schedule yet. Declare one" in browser.page("/schedules").words
    assert "No job is kept in this queue." in browser.page("/queue?name=nowhere").words


def test_what_is_in_the_queues(browser: Browser, tasks: Holdfast) -> None:
    for _ in range(3):
        tasks.enqueue("greet", {"name": "x"}, queue=NAME)
    tasks.enqueue("greet", {"name": "x"}, queue=NAME, delay=timedelta(hours=1))
    tasks.enqueue("greet", {"name": "x"}, queue="line")
    words = browser.page("/queues").words
    assert f"{NAME} 3 4 0 0" in words
    assert "line 0 0 1 0" in words
    assert "mail 0 0 0 0" in words, "a declared one, where no worker has begun"
    page = browser.get(browser.page("/queues").links[NAME]).page
    assert "Due 3 Pending 4 Blocked 0 Running 0 Oldest due" in page.words.replace("now", "")
    assert page.words.count("greet") == 4


def test_limits_are_shown(browser: Browser, tasks: Holdfast) -> None:
    tasks.limits.set(queue="mail", limit=7)
    assert "queue:mail all together 7 at a time" in browser.page("/queues").words
    assert "queue:mail all together 7 at a time" in browser.page("/queue?name=mail").words
    assert "queue:mail" not in browser.page("/queue?name=line").words


def test_pause_and_resume(browser: Browser, tasks: Holdfast) -> None:
    tasks.enqueue("greet", {"name": "x"}, queue=NAME)
    page = browser.get(browser.page("/queues").links[NAME]).page
    page = browser.get(page.links["Pause…"]).page
    after = browser.submit(page, "/queue/pause", reason="provider is down").page
    assert "Paused. Jobs that run go on." in after.words
    assert "by somebody at 127.0.0.1: provider is down" in after.words
    (pause,) = tasks.paused()
    assert (pause.kind, pause.name, pause.reason) == ("queue", NAME, "provider is down")
    assert f"Queue {NAME} is paused by somebody at 127.0.0.1: provider is down" in browser.page("/").words
    assert "Resumed." in browser.submit(after, "/queue/resume").page.words
    assert tasks.paused() == []


def test_pause_everything(browser: Browser, tasks: Holdfast) -> None:
    page = browser.get(browser.page("/queues").links["Pause everything…"]).page
    after = browser.submit(page, "/queue/pause").page
    assert "Everything is paused" in after.words
    assert "Everything is paused" in browser.page("/queue?name=mail").words
    assert tasks.queues["mail"].stats().paused is not None
    assert "Pause everything…" not in after.links
    browser.submit(after, "/queue/resume")
    assert tasks.paused() == []


def test_purge(browser: Browser, tasks: Holdfast) -> None:
    jobs = [tasks.enqueue("greet", {"name": "x"}, queue=NAME) for _ in range(3)]
    other = tasks.enqueue("greet", {"name": "x"}, queue="other")
    page = browser.get(browser.page("/queues").links[NAME]).page
    confirm = browser.get(page.links["Purge…"]).page
    assert "scheduled ones too: 3" in confirm.words
    assert tasks.queues[NAME].stats().pending == 3, "a look changes nothing"
    after = browser.submit(confirm, "/queue/purge").page
    assert "What waited in the queue was deleted." in after.words
    assert [tasks.jobs.status(job.id).value for job in (*jobs, other)] == ["not found"] * 3 + ["pending"]
    assert "Nothing waited" in browser.submit(confirm, "/queue/purge").page.words
    # Everything can be paused, and never purged.
    assert browser.get("/jobs/queue/purge?all=1").status == 400
    csrf = confirm.form("/jobs/queue/purge").fields["csrf"]
    assert browser.post("/jobs/queue/purge", {"csrf": csrf, "all": "1"}).status == 400


@pytest.mark.parametrize(
    "path", ["/queue", "/queue?name=", "/queue?name=%00", "/queue/pause", "/queue/purge?name=" + "x" * 201]
)
def test_queues_that_are_none(browser: Browser, path: str) -> None:
    assert browser.get(f"/jobs{path}").status == 400


def test_what_needs_attention(browser: Browser, tasks: Holdfast, drain: Callable[..., Any]) -> None:
    for _ in range(2):
        tasks.enqueue("fail", {"why": "no"})
    drain()
    words = browser.page("/").words
    assert "2 jobs failed in the last hour" in words
    assert "Failed, last hour 2" in words
    assert "no worker" not in words
    tasks.enqueue("greet", {"name": "x"}, queue=NAME)
    tasks.enqueue("greet", {"name": "x"}, queue="line")
    page = browser.page("/")
    assert f"Queue {NAME} has jobs that wait, and no worker" in page.words
    assert "Queue line has jobs that wait, and no worker" in page.words
    tasks.queues[NAME].pause()
    assert f"Queue {NAME} has jobs that wait" not in browser.page("/").words, "which is meant so"


def test_workers(browser: Browser, tasks: Holdfast, start_worker: Callable[..., Any]) -> None:
    worker = start_worker(queues=("mail", "default"), threads=1, concurrency=3)
    page = browser.page("/workers")
    assert "alive" in page.words
    assert "mail, default" in page.words
    assert "Workers 1" in browser.page("/").words
    assert "Workers 1" in browser.page("/queue?name=mail").words
    assert "Workers 0" in browser.page("/queue?name=line").words
    worker.stop(10)
    assert "No worker is running." in browser.page("/workers").words


def test_schedules(browser: Browser, tasks: Holdfast) -> None:
    greet: Any = tasks.client.registry.find("greet")
    tasks.schedules.put(NAME, greet.new("Ada"), Every(3600))
    page = browser.page("/schedules")
    assert f"{NAME} Every hour" in page.words or "hour" in page.words
    assert "Resume" not in page.words
    page = browser.submit(page, "/schedule/pause").page
    assert tasks.schedules.get(NAME).paused
    assert "paused" in page.words
    page = browser.submit(page, "/schedule/resume").page
    assert not tasks.schedules.get(NAME).paused
    page = browser.submit(page, "/schedule/run").page
    (job,) = tasks.jobs.list(task="greet")
    assert "A job of the schedule was enqueued." in page.words
    assert f"/jobs/jobs/{job.id}" in page.links.values()
    csrf = page.form("/jobs/schedule/run").fields["csrf"]
    assert browser.post("/jobs/schedule/run", {"csrf": csrf, "name": "nowhere"}).status == 404
    assert browser.post("/jobs/schedule/remove", {"csrf": csrf, "name": NAME}).status == 404
    tasks.schedules.remove(NAME)


def test_a_database_that_is_gone(browser: Browser, tasks: Holdfast) -> None:
    tasks.close()
    for path in ("/", "/jobs", "/queues", "/workers", "/schedules"):
        answer = browser.get(f"/jobs{path}")
        assert answer.status == 503
        assert "closed" in answer.page.words
