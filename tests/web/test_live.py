"""Live pages send what has changed, and only then, for as long as somebody listens; on both stores."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from holdfast import Holdfast
from holdfast.web.live import Streams
from tests.web.browser import Browser


@pytest.fixture
def quick(browser: Browser) -> Browser:
    """One whose pages look for changes all the time."""
    browser.application.site.streams = Streams(interval=0.05, most=2)
    return browser


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is async."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def html_of(event: str) -> str:
    return str(json.loads(event.partition("data: ")[2]))


@in_a_loop
async def test_changes_arrive(quick: Browser, tasks: Holdfast) -> None:
    stream = await quick.events("/jobs")
    start = await stream.start()
    headers = dict(start["headers"])
    assert start["status"] == 200
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert headers[b"cache-control"] == b"no-store"
    assert await stream.next() == "retry: 50\n\n"
    assert "No job yet" in html_of(await stream.next())
    assert await stream.next() == ": nothing new\n\n"
    job = await tasks.aenqueue("greet", {"name": "Ada"})
    found = html_of(await stream.page())
    assert str(job.id) in found
    assert "<html" not in found, "only what changes is sent"
    await tasks.jobs.acancel(job.id)
    assert "cancelled" in html_of(await stream.page())
    await stream.leave()


@pytest.mark.parametrize("path", ["/", "/queues", "/queue?name=mail", "/workers", "/schedules"])
@in_a_loop
async def test_every_page_is_live(quick: Browser, tasks: Holdfast, path: str) -> None:
    stream = await quick.events(path)
    await stream.start()
    html = html_of(await stream.page())
    whole = (await quick._request("GET", f"/jobs{path}", {}, b"")).page
    assert '<div id="live"' in whole.html
    assert html.split("<time")[0] in whole.html, "the part is that of the whole page"
    await stream.leave()


@in_a_loop
async def test_a_job_that_goes_ends_its_stream(quick: Browser, tasks: Holdfast) -> None:
    job = await tasks.aenqueue("greet", {"name": "Ada"})
    stream = await quick.events(f"/jobs/{job.id}")
    await stream.start()
    await stream.page()
    await tasks.jobs.adelete(job.id)
    while await stream.next():
        pass
    await stream.leave()


@in_a_loop
async def test_only_so_many_are_open(quick: Browser) -> None:
    open_ones = [await quick.events("/") for _ in range(2)]
    for stream in open_ones:
        await stream.start()
        await stream.page()
    third = await quick.events("/")
    assert (await third.start())["status"] == 503, "its page polls"
    for stream in (*open_ones, third):
        await stream.leave()
    fourth = await quick.events("/")
    assert (await fourth.start())["status"] == 200
    await fourth.leave()


@in_a_loop
async def test_streams_end_with_the_server(quick: Browser) -> None:
    stream = await quick.events("/")
    await stream.start()
    await stream.page()
    quick.application.site.streams.end()
    while await stream.next():
        pass
    await asyncio.wait_for(stream.task, 20)


@in_a_loop
async def test_a_stream_ends_by_itself(quick: Browser) -> None:
    quick.application.site.streams = Streams(interval=0.01, lifetime=0.05)
    stream = await quick.events("/")
    await stream.start()
    while await stream.next():
        pass
    await asyncio.wait_for(stream.task, 20)


def test_the_script_names_what_pages_have() -> None:
    folder = Path(__file__).parents[2] / "src" / "holdfast" / "web"
    script, base = (
        (folder / "static" / "app.js").read_text(),
        (folder / "templates" / "base.html").read_text(),
    )
    for name in ("live", "pulse"):
        assert f'getElementById("{name}")' in script
        assert f'id="{name}"' in base
    assert "dataset.live" in script
    assert "data-live=" in base
    assert "innerHTML" not in script
