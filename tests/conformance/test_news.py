"""News: told when a transaction has committed, to this process at once and to others within moments."""

from __future__ import annotations

import pytest

from holdfast.core import outcomes as o
from holdfast.core.errors import JobExists
from holdfast.store.base import Store
from holdfast.store.statement import Statement, Verb, Wake
from holdfast.store.verbs import jobs
from holdfast.store.verbs.insert import insert
from tests.conformance.backends import Backend
from tests.conformance.scene import QUEUE, Scene, until


class Refused(Exception):
    pass


def insert_and_fail(scene: Scene) -> Verb[None]:
    yield from insert(scene.new(2))
    raise Refused


def test_news_is_told_once_the_write_has_committed(scene: Scene) -> None:
    seen: list[tuple[Wake, int]] = []

    def look(wake: Wake) -> None:
        seen.append((wake, len(scene.backend.tables().pending)))

    scene.store.subscribe(look)
    scene.enqueue(3)
    assert seen == [(Wake(due=((QUEUE, 0, None),)), 3)]


def test_news_of_what_was_rolled_back_is_never_told(scene: Scene) -> None:
    news = scene.news()
    with pytest.raises(Refused):
        scene.store.write(insert_and_fail, scene)
    with pytest.raises(JobExists):
        scene.store.write(insert, scene.new(1) * 2)
    assert news == []
    assert scene.backend.tables().jobs == []
    scene.enqueue(1)
    assert len(news) == 1


def test_submitted_writes_tell_theirs_too(scene: Scene) -> None:
    news = scene.news()
    first, second = scene.new(1), scene.new(1)
    good = [scene.store.submit(insert, made) for made in (first, second)]
    bad = scene.store.submit(insert_and_fail, scene)
    assert [future.result(10) for future in good] == [None, None]
    with pytest.raises(Refused):
        bad.result(10)
    until(lambda: any(wake.due for wake in news), what="the news")
    assert {lane for wake in news for lane in wake.due} == {(QUEUE, 0, None)}
    assert sorted(scene.backend.tables().jobs) == [first[0].job_id, second[0].job_id]


def test_a_listener_that_was_removed_hears_no_more(scene: Scene) -> None:
    heard: list[Wake] = []
    stays: list[Wake] = []
    remove = scene.store.subscribe(heard.append)
    scene.store.subscribe(stays.append)
    scene.enqueue()
    remove()
    remove()
    scene.enqueue()
    assert (len(heard), len(stays)) == (1, 2)


def test_several_listeners_hear_all_of_it_in_order(scene: Scene) -> None:
    one, two = scene.news(), scene.news()
    for queue in ("a", "b", "c"):
        scene.enqueue(queue=queue)
    assert [wake.due[0][0] for wake in one] == ["a", "b", "c"]
    assert one == two


def test_what_is_announced_is_told(scene: Scene) -> None:
    news = scene.news()
    scene.store.announce(Wake(control=True))
    assert news == [Wake(control=True)]


def test_a_read_tells_nothing(scene: Scene) -> None:
    job_id = scene.enqueue_one()
    news = scene.news()
    scene.get(job_id)
    assert news == []


@pytest.fixture
def other(backend: Backend, store: Store) -> Store:
    """The same database from what could be another process: it shares nothing with the first store."""
    return backend.open()


def test_a_job_that_ends_elsewhere_is_heard_of_while_watching(scene: Scene, other: Store) -> None:
    worker = scene.worker()
    (job,) = scene.run(worker=worker)
    heard: list[Wake] = []
    other.subscribe(heard.append)
    with other.watching(results=True):
        settled = scene.decide(job, o.Succeeded("1"))
        assert scene.settle(worker, [settled], [job.lease]) == []
        until(
            lambda: any(wake.anything or job.job_id in wake.finished for wake in list(heard)), what="the news"
        )
        assert other.read(jobs.ended, [job.job_id])[0].result == "1"
    other.close()


def test_nothing_is_heard_of_others_when_not_watching(scene: Scene, other: Store) -> None:
    heard: list[Wake] = []
    other.subscribe(heard.append)
    with other.watching(results=True):
        pass
    scene.enqueue(1)
    with other.watching(results=True):
        # The next news comes: what came before was not kept back.
        worker = scene.worker()
        scene.finish(worker, scene.claim(worker))
        until(lambda: heard, what="the news")
    assert all(wake.anything or wake.finished for wake in heard)
    other.close()


def test_watching_may_be_entered_by_several_at_once(scene: Scene, other: Store) -> None:
    heard: list[Wake] = []
    other.subscribe(heard.append)
    with other.watching(results=True):
        with other.watching(results=True):
            pass
        worker = scene.worker()
        scene.finish(worker, scene.run(worker=worker))
        until(lambda: heard, what="the news")
    other.close()


def read_in_a_row() -> Verb[list[str]]:
    first = yield Statement("existing_jobs", {"ids": []})
    return [row[0] for row in first]


def test_news_comes_from_the_verbs_that_are_heard_alone(scene: Scene) -> None:
    news = scene.news()
    assert scene.store.write(read_in_a_row) == []
    assert news == []
