"""The list of jobs, the page of a job, and what can be done there; on both stores."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Holdfast
from holdfast.core.states import JobState
from tests.web.browser import Browser, Page, address_parts

NOWHERE = "01890a5d-ac96-774b-bcce-b302099a8057"


def rows(page: Page) -> list[str]:
    """The ids of the jobs of a list."""
    return [attrs["id"].removeprefix("job-") for tag, attrs in page.tags if tag == "tr" and "id" in attrs]


def test_an_empty_list_says_what_to_do(browser: Browser) -> None:
    assert "No job yet. Enqueue one" in browser.page("/jobs").words
    assert "No job matches" in browser.page("/jobs?state=failed").words


def test_filters(browser: Browser, tasks: Holdfast, drain: Callable[..., Any]) -> None:
    failed = tasks.enqueue("fail", {"why": "no"})
    done = tasks.enqueue("greet", {"name": "Ada"})
    drain()
    waits = tasks.enqueue("greet", {"name": "Bob"}, queue="slow")
    assert rows(browser.page("/jobs")) == [str(waits.id), str(done.id), str(failed.id)]
    assert rows(browser.page("/jobs?state=failed")) == [str(failed.id)]
    assert rows(browser.page("/jobs?task=greet")) == [str(waits.id), str(done.id)]
    assert rows(browser.page("/jobs?task=greet&queue=slow&state=")) == [str(waits.id)]
    assert rows(browser.page("/jobs?task=greet&state=failed")) == []
    page = browser.page("/jobs?task=greet&state=pending")
    assert address_parts(page.links["failed"]) == ("/jobs/jobs", {"task": "greet", "state": "failed"})
    assert address_parts(page.links["Clear"]) == ("/jobs/jobs", {"state": "pending"})


def test_paging_goes_through_all_of_them_once(browser: Browser, tasks: Holdfast) -> None:
    made = tasks.enqueue_many(tasks.client.registry.find("greet").new("x") for _ in range(120))  # type: ignore[union-attr]
    page, seen = browser.page("/jobs?task=greet"), []
    seen += rows(page)
    while "Older →" in page.links:
        _, query = address_parts(page.links["Older →"])
        assert query.keys() == {"task", "after"}
        page = browser.get(page.links["Older →"]).page
        seen += rows(page)
    assert seen == [str(job.id) for job in reversed(made)]
    assert len(rows(browser.page("/jobs?size=100"))) == 100


@pytest.mark.parametrize(
    "query",
    [
        "state=alive",
        "state=%00",
        "state=<script>alert(1)</script>",
        "queue=%00",
        "queue=" + "x" * 201,
        "queue=%ff%fe",
        "task=a%0ab",
        "after=none",
        "after=' OR 1=1 --",
        "after=01890a5d-ac96-774b-bcce-b302099a805z",
        "after=" + "9" * 500,
        "size=-1",
        "size=1e9",
        "size=51",
        "size=%F0%9F%92%A9",
    ],
)
def test_hostile_filters_are_refused(browser: Browser, query: str) -> None:
    answer = browser.get(f"/jobs/jobs?{query.replace(' ', '+')}")
    assert answer.status in (200, 400)
    if "%ff" not in query:  # which becomes a name that no queue has
        assert answer.status == 400
        assert "<script>alert" not in answer.html


@pytest.mark.parametrize(
    "path", ["/jobs/x", "/jobs/%00", "/jobs/..%2f..", "/jobs/" + "a" * 3000, f"/jobs/{NOWHERE}"]
)
def test_unknown_jobs(browser: Browser, path: str) -> None:
    assert browser.get(f"/jobs{path}").status in (400, 404)
    assert browser.get(f"/jobs{path}/delete").status in (400, 404)
    form = browser.page("/").form("/jobs/theme")
    for verb in ("retry", "cancel", "force", "delete"):
        answer = browser.post(f"/jobs{path}/{verb}", {"csrf": form.fields["csrf"]})
        assert answer.status in (400, 404), verb


def test_a_job_in_any_spelling_of_its_id(browser: Browser, tasks: Holdfast) -> None:
    job = tasks.enqueue("greet", {"name": "Ada"})
    assert f"/jobs/jobs/{job.id}" in browser.page(f"/jobs/{job.id.hex.upper()}").html


def test_the_page_of_a_failed_job(browser: Browser, tasks: Holdfast, drain: Callable[..., Any]) -> None:
    job = tasks.enqueue("fail", {"why": "no such customer"}, queue="default")
    drain()
    page = browser.page(f"/jobs/{job.id}")
    for text in (
        "fail failed",
        "It failed with reason exhausted",
        '"why": "no such customer"',
        "Run 1 failed",
        "ValueError: no such customer",
        "Traceback (most recent call last)",
        "Created",
        "reason: exhausted",
    ):
        assert text in page.words, text
    assert page.words.index("Run 1 failed") < page.words.index("Run 1 began") < page.words.index("Created")


def test_a_job_that_waits_says_why(browser: Browser, tasks: Holdfast) -> None:
    later = tasks.enqueue("greet", {"name": "Ada"}, delay=timedelta(hours=1))
    page = browser.page(f"/jobs/{later.id}")
    assert "It is not due until" in page.words
    assert "No living worker serves queue default" in page.words
    assert "To run" in page.words


def test_result_meta_and_dead_letter_link(
    browser: Browser, tasks: Holdfast, drain: Callable[..., Any]
) -> None:
    tasks.queue("risky", dead_letter="risky-dead")
    job = tasks.client.registry.find("greet").using(meta={"tenant": "acme"}).enqueue("Ada")  # type: ignore[union-attr]
    dead = tasks.enqueue("fail", {"why": "no"}, queue="risky")
    drain()
    page = browser.page(f"/jobs/{job.id}")
    assert '"hello Ada"' in page.words
    assert '"tenant": "acme"' in page.words
    (letter,) = tasks.jobs.list(queue="risky-dead")
    assert f"/jobs/jobs/{dead.id}" in browser.page(f"/jobs/{letter.id}").links.values()


def test_sensitive_arguments_are_masked(browser: Browser, tasks: Holdfast) -> None:
    known = tasks.enqueue("mail.send", {"to": "ada@example.com", "token": "hunter2"})
    unknown = tasks.enqueue("elsewhere", {"card": "4242-4242"}, declare=True)
    page = browser.page(f"/jobs/{known.id}")
    assert "ada@example.com" in page.html
    assert "hunter2" not in page.html
    page = browser.page(f"/jobs/{unknown.id}")
    assert "4242" not in page.html
    assert "the task is not known here" in page.words


# --- changing ---------------------------------------------------------------------------------------------------


def test_retry(browser: Browser, tasks: Holdfast, drain: Callable[..., Any]) -> None:
    job = tasks.enqueue("fail", {"why": "no"})
    drain()
    page = browser.page(f"/jobs/{job.id}")
    after = browser.submit(page, f"/jobs/{job.id}/retry").page
    assert "The job waits again." in after.words
    assert tasks.jobs.status(job.id) is JobState.PENDING
    assert "Run 1 failed" in after.words, "its history is kept"
    again = browser.submit(page, f"/jobs/{job.id}/retry").page
    assert "has not ended" in again.words


@pytest.mark.parametrize(("verb", "state"), [("cancel", JobState.CANCELLED), ("delete", JobState.NOT_FOUND)])
def test_a_change_is_confirmed_first(browser: Browser, tasks: Holdfast, verb: str, state: JobState) -> None:
    job = tasks.enqueue("greet", {"name": "Ada"})
    page = browser.page(f"/jobs/{job.id}")
    confirm = browser.get(page.links[f"{verb.capitalize()}…"]).page
    assert tasks.jobs.status(job.id) is JobState.PENDING, "a look changes nothing"
    after = browser.submit(confirm, f"/jobs/{job.id}/{verb}")
    assert after.status == 200
    assert tasks.jobs.status(job.id) is state
    assert ("was cancelled" if verb == "cancel" else "was deleted") in after.page.words


def test_what_makes_no_sense_is_not_offered(browser: Browser, tasks: Holdfast) -> None:
    job = tasks.enqueue("greet", {"name": "Ada"})
    page = browser.page(f"/jobs/{job.id}")
    assert "Force cancel…" not in page.links
    assert not [form for form in page.forms if form.action.endswith("/retry")]
    assert "makes no sense now" in browser.page(f"/jobs/{job.id}/force").words


def test_a_running_job(browser: Browser, tasks: Holdfast, start_worker: Callable[..., Any]) -> None:
    from threading import Event

    begun, end = Event(), Event()

    @tasks.task(name="hold", takes_context=True)
    def hold(ctx: Any) -> None:
        ctx.progress(40, "half <b>way</b>")
        begun.set()
        end.wait(30)

    job = hold.enqueue()
    worker = start_worker()
    try:
        assert begun.wait(20)
        page = browser.page(f"/jobs/{job.id}")
        assert "hold running" in page.words
        assert "It has been running on worker" in page.words
        form = browser.page("/").form("/jobs/theme")
        refused = browser.post(f"/jobs/jobs/{job.id}/delete", {"csrf": form.fields["csrf"]})
        assert refused.status == 409
        asked = browser.submit(browser.get(page.links["Cancel…"]).page, f"/jobs/{job.id}/cancel").page
        assert "and was asked to cancel" in asked.words
        forced = browser.submit(browser.get(page.links["Force cancel…"]).page, f"/jobs/{job.id}/force").page
        assert "hold cancelled" in forced.words
    finally:
        end.set()
        worker.stop(10)


def test_unknown_verbs(browser: Browser, tasks: Holdfast) -> None:
    job = tasks.enqueue("greet", {"name": "Ada"})
    assert browser.get(f"/jobs/jobs/{job.id}/explode").status == 404
    assert browser.request("PUT", f"/jobs/jobs/{job.id}/retry").status == 405
    assert browser.request("DELETE", f"/jobs/jobs/{uuid.uuid4()}").status == 405
