"""Unique jobs at the enqueue: every way of it, and what callers are told."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from holdfast import (
    Holdfast,
    InvalidOption,
    Job,
    JobExists,
    JobState,
    Middleware,
    Retention,
    TaskRouter,
    Unique,
)
from holdfast.events import Enqueued
from tests.client.conftest import MakeApp

HOUR = timedelta(hours=1)


@pytest.fixture
def send(app: Holdfast) -> Any:
    @app.task(name="mail.send", queue="mail")
    def send(to: str, subject: str = "hello") -> None: ...

    return send


def _sync(app: Holdfast, bound: Any, *args: Any) -> Job[Any]:
    return bound.enqueue(*args)  # type: ignore[no-any-return]


def _async(app: Holdfast, bound: Any, *args: Any) -> Job[Any]:
    return asyncio.run(bound.aenqueue(*args))


def _many(app: Holdfast, bound: Any, *args: Any) -> Job[Any]:
    return app.enqueue_many([bound.new(*args)])[0]


def _amany(app: Holdfast, bound: Any, *args: Any) -> Job[Any]:
    return asyncio.run(app.aenqueue_many([bound.new(*args)]))[0]


WAYS = pytest.mark.parametrize("enqueue", [_sync, _async, _many, _amany])
Way = Callable[..., Job[Any]]


@WAYS
@pytest.mark.parity("S0.9")
def test_a_callers_own_string_is_the_job_that_has_it(app: Holdfast, send: Any, enqueue: Way) -> None:
    first = enqueue(app, send.using(unique="order-17"), "ada")
    again = enqueue(app, send.using(unique="order-17"), "bob")
    other = enqueue(app, send.using(unique="order-18"), "bob")
    assert (first.is_new, again.is_new, other.is_new) == (True, False, True)
    assert again == first != other
    assert (again.args, again.state, again.task) == ({"to": "ada"}, JobState.PENDING, "mail.send")
    assert len(app.jobs.list()) == 2


@pytest.mark.parity("S0.9")
def test_the_string_is_among_the_jobs_of_its_task(app: Holdfast, send: Any) -> None:
    @app.task
    def other() -> None: ...

    assert send.using(unique="17").enqueue("a").is_new
    assert other.using(unique="17").enqueue().is_new
    assert not app.enqueue("mail.send", {"to": "b"}, unique="17").is_new
    assert not asyncio.run(app.aenqueue("mail.send", {"to": "b"}, unique="17")).is_new
    assert not send.using(unique="17", queue="slow").enqueue("a").is_new


def test_arguments_are_compared_as_the_run_gets_them(app: Holdfast, send: Any) -> None:
    once = send.using(unique=Unique())
    first = once.enqueue("ada")
    assert once.enqueue(to="ada", subject="hello") == first
    assert app.enqueue("mail.send", {"subject": "hello", "to": "ada"}, unique=Unique()) == first
    assert once.enqueue("ada", "bye").is_new
    assert once.using(queue="slow").enqueue("ada").is_new
    by_name = send.using(unique=Unique(args=("to",)))
    assert by_name.enqueue("ada", "1").is_new
    assert not by_name.enqueue("ada", "2").is_new


@WAYS
def test_a_task_may_say_it_for_all_its_jobs(app: Holdfast, enqueue: Way) -> None:
    @app.task(unique=Unique(args=("to",)), on_conflict="raise")
    def once(to: str, n: int = 0) -> None: ...

    first = enqueue(app, once, "ada", 1)
    with pytest.raises(JobExists, match="nothing was enqueued") as refused:
        enqueue(app, once, "ada", 2)
    assert refused.value.existing == str(first.id)
    assert enqueue(app, once.using(on_conflict="existing"), "ada", 2) == first
    assert enqueue(
        app, once.using(unique=None, on_conflict="existing").using(on_conflict=None), "bob", 2
    ).is_new
    assert enqueue(app, once.using(unique="mine"), "ada", 2).is_new


def test_one_enqueue_may_do_without(app: Holdfast) -> None:
    @app.task(unique=Unique(), on_conflict="raise")
    def once() -> None: ...

    first = once.enqueue()
    assert once.using(on_conflict="existing").enqueue() == first
    assert once.using(unique=None).enqueue().is_new


@WAYS
def test_a_later_one_may_change_it(app: Holdfast, send: Any, enqueue: Way) -> None:
    bound = send.using(unique=Unique(args=("to",)), on_conflict="debounce", delay=HOUR)
    first = enqueue(app, bound, "ada", "1")
    again = enqueue(app, bound.using(delay=2 * HOUR), "ada", "2")
    assert again == first
    assert again.args == app.jobs.get(first.id).args == {"to": "ada", "subject": "2"}
    assert again.run_at - first.run_at > timedelta(minutes=59)
    assert enqueue(app, bound.using(on_conflict="replace"), "ada", "3").args["subject"] == "3"
    assert app.jobs.get(first.id).run_at == again.run_at


def test_a_window_may_outlive_the_job(app: Holdfast, send: Any) -> None:
    bound = send.using(unique=Unique(within=HOUR))
    first = bound.enqueue("ada")
    first.delete()
    met = bound.enqueue("ada")
    assert (met.id, met.is_new, met.state) == (first.id, False, JobState.NOT_FOUND)
    assert app.jobs.list() == []


def test_the_transaction_of_the_caller_decides(app: Holdfast, send: Any, tmp_path: Path) -> None:
    once = send.using(unique="17")
    app.migrate()
    connection = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    lost = once.using(tx=connection).enqueue("ada")
    assert once.using(tx=connection).enqueue("bob") == lost
    connection.execute("ROLLBACK")
    first = once.enqueue("ada")
    assert first.is_new
    assert first != lost
    connection.execute("BEGIN IMMEDIATE")
    [met, new] = app.enqueue_many([once.new("x"), send.new("y")], tx=connection)
    connection.execute("COMMIT")
    connection.close()
    assert (met, met.is_new, new.is_new) == (first, False, True)
    assert once.enqueue("x") == first


def test_a_batch_is_all_or_none_and_in_order(app: Holdfast, send: Any) -> None:
    a, b = send.using(unique="a"), send.using(unique="b")
    stored = app.enqueue_many([a.new("1"), send.new("2"), a.new("3"), b.new("4")])
    assert [job.is_new for job in stored] == [True, True, False, True]
    assert stored[2] == stored[0]
    with pytest.raises(JobExists):
        app.enqueue_many([send.new("5"), b.using(on_conflict="raise").new("6")])
    assert len(app.jobs.list()) == 3


def test_the_key_is_of_what_the_middleware_passes_on(make_app: MakeApp) -> None:
    seen: list[tuple[bool, UUID]] = []

    class Lower(Middleware):
        async def enqueue(self, job: Any, call_next: Any) -> Any:
            stored = await call_next(job.replace(args=job.args.lower()))
            seen.append((stored.is_new, stored.id))
            return stored

    app = make_app(middleware=[Lower()])

    @app.task
    def send(to: str) -> None: ...

    once = send.using(unique=Unique())
    first, again = once.enqueue("ADA"), once.enqueue("Ada")
    asyncio.run(once.aenqueue("aDA"))
    assert first == again
    assert seen == [(True, first.id), (False, first.id), (False, first.id)]


def test_only_what_was_stored_is_told_of(app: Holdfast, send: Any) -> None:
    told: list[UUID] = []
    app.on(Enqueued)(lambda event: told.append(event.job_id))
    first = send.using(unique="1").enqueue("ada")
    send.using(unique="1").enqueue("ada")
    app.close()
    assert told == [first.id]


def test_a_task_that_is_not_known_here_goes_by_what_was_given(app: Holdfast) -> None:
    first = app.enqueue("far.away", {"a": 1, "b": 2}, declare=True, unique=Unique())
    assert app.enqueue("far.away", {"b": 2, "a": 1}, declare=True, unique=Unique()) == first
    with pytest.raises(InvalidOption, match="isn't known here"):
        app.enqueue("far.away", {"a": 1}, declare=True, unique=Unique(args=("b",)))


def test_a_job_that_was_retried_by_hand_says_whose_its_key_is(app: Holdfast, send: Any) -> None:
    once = send.using(unique="1")
    first = once.enqueue("ada")
    first.cancel()
    second = once.enqueue("ada")
    assert second.is_new
    with pytest.raises(JobExists, match=str(second.id)):
        first.retry()
    assert app.jobs.retry(state="cancelled") == 0
    second.delete()
    assert first.retry()
    assert once.enqueue("ada") == first


def test_what_makes_no_sense_is_refused_where_it_is_said(app: Holdfast, send: Any) -> None:
    with pytest.raises(
        InvalidOption, match="unique names 'cc', which is none of its parameters: to, subject"
    ):
        send.using(unique=Unique(args=("to", "cc")))
    with pytest.raises(InvalidOption, match="unique names 'cc'"):
        app.enqueue("mail.send", {"to": "x"}, unique=Unique(args=("cc",)))
    with pytest.raises(InvalidOption, match="unique must be"):
        send.using(unique=17)
    with pytest.raises(InvalidOption, match="1 to 255"):
        send.using(unique="")
    with pytest.raises(InvalidOption, match="on_conflict must be one of existing, raise, replace, debounce"):
        send.using(unique="x", on_conflict="ignore")
    with pytest.raises(InvalidOption, match="give unique= as well"):
        send.using(on_conflict="raise").enqueue("ada")
    with pytest.raises(InvalidOption, match="may have ended"):
        send.using(unique=Unique(within=5), on_conflict="replace").enqueue("ada")
    router = TaskRouter()
    with pytest.raises(InvalidOption, match="unique names 'x'"):
        router.task(unique=Unique(args=("x",)))(lambda_free)
    with pytest.raises(InvalidOption, match="give unique= as well"):
        router.task(on_conflict="raise")(lambda_free)
    with pytest.raises(InvalidOption, match="may have ended"):
        router.task(unique=Unique(while_="kept"), on_conflict="debounce")(lambda_free)


def lambda_free(a: int) -> None: ...


def test_a_rehearsal_counts_only_what_was_stored(app: Holdfast, send: Any) -> None:
    with app.testing() as t:
        once = send.using(unique="1")
        first = once.enqueue("ada")
        assert once.enqueue("ada") == first
        assert asyncio.run(once.aenqueue("ada")) == first
        t.assert_enqueued_times(1, send)
        t.drain()
        assert once.enqueue("ada").is_new


def test_a_job_of_which_nothing_is_kept_is_in_nobodys_way(app: Holdfast) -> None:
    @app.task(unique=Unique(while_="kept"), retention=Retention.nothing())
    def once() -> None: ...

    with app.testing() as t:
        first = once.enqueue()
        t.drain()
        assert once.enqueue() != first
