"""What was enqueued, compared with what was expected."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import ANY

import pytest

from holdfast import Holdfast, InvalidArguments, UnknownTask
from holdfast.testing import Rehearsal
from tests.testing.conftest import Tasks


def message(t: Rehearsal, *args: object, **kwargs: object) -> list[str]:
    with pytest.raises(AssertionError) as caught:
        t.assert_enqueued(*args, **kwargs)  # type: ignore[arg-type]
    return str(caught.value).splitlines()


def test_arguments_by_name_position_and_default(t: Rehearsal, tasks: Tasks) -> None:
    job = tasks.mail.enqueue("ada@x.y", token="secret")
    assert t.assert_enqueued(tasks.mail) == [job]
    assert t.assert_enqueued(tasks.mail, "ada@x.y") == [job]
    assert t.assert_enqueued(tasks.mail, to="ada@x.y", subject="hi") == [job]
    assert t.assert_enqueued(tasks.mail, ANY, token="secret") == [job]
    assert t.assert_enqueued("mail", to="ada@x.y") == [job]
    t.assert_not_enqueued(tasks.mail, "ada@x.y", "bye")
    t.assert_not_enqueued(tasks.mail, token="")
    t.assert_not_enqueued(tasks.chain)
    assert t.enqueued(tasks.mail, to="bob@x.y") == []


def test_counting(t: Rehearsal, tasks: Tasks) -> None:
    for _ in range(2):
        tasks.mail.enqueue("ada@x.y")
    tasks.mail.enqueue("bob@x.y")
    assert len(t.assert_enqueued_times(2, tasks.mail, "ada@x.y")) == 2
    with pytest.raises(AssertionError, match="2 enqueues, not 3"):
        t.assert_enqueued_times(2, tasks.mail)
    with pytest.raises(AssertionError, match="0 enqueues, not 1"):
        t.assert_not_enqueued(tasks.mail, "bob@x.y")


def test_options_are_given_as_to_an_enqueue(t: Rehearsal, tasks: Tasks) -> None:
    at = datetime(2040, 1, 1, tzinfo=UTC)
    tasks.mail.using(delay=60, priority=5, queue="slow", meta={"a": 1, "b": 2}, max_attempts=3).enqueue(
        "ada@x.y"
    )
    tasks.mail.using(at=at).enqueue("bob@x.y")
    for options in (
        {"delay": timedelta(minutes=1)}, {"priority": 5}, {"queue": "slow"}, {"meta": {"b": 2}}, {"max_attempts": 3},
    ):  # fmt: skip
        t.assert_enqueued_times(1, tasks.mail.using(**options))
    t.assert_enqueued_times(1, tasks.mail.using(at=at), to="bob@x.y")
    for options in (
        {"delay": 61}, {"priority": 0, "delay": 60}, {"queue": "default"}, {"meta": {"b": 1}},
        {"max_attempts": None}, {"timeout": 3}, {"at": at + timedelta(seconds=1)},
    ):  # fmt: skip
        t.assert_not_enqueued(tasks.mail.using(**options))


def test_parameters_may_be_called_like_options(app: Holdfast) -> None:
    @app.task(name="move")
    def move(queue: str, count: int, delay: int, task: str) -> None: ...

    with app.testing() as t:
        move.enqueue("a", 3, 5, "b")
        t.assert_enqueued_times(1, move.using(queue="default"), queue="a", count=3, delay=5, task="b")
        t.assert_not_enqueued(move, count=2)


def test_values_are_compared_as_the_handler_gets_them(app: Holdfast) -> None:
    @app.task(name="typed")
    def typed(path: Path, when: datetime, sizes: tuple[int, ...], loose) -> None: ...  # type: ignore[no-untyped-def]

    when = datetime(2030, 1, 1, tzinfo=UTC)
    with app.testing() as t:
        typed.enqueue(Path("a/b"), when, (1, 2), {"k": (3,)})
        t.assert_enqueued(typed, Path("a/b"), when, (1, 2), {"k": [3]})
        t.assert_enqueued(typed, path="a/b", sizes=[1, 2], loose={"k": (3,)})
        t.assert_enqueued(typed, loose={"k": ANY})
        t.assert_not_enqueued(typed, Path("a/c"))
        t.assert_not_enqueued(typed, sizes=(2, 1))


def test_what_could_never_be_enqueued_is_an_error(t: Rehearsal, tasks: Tasks) -> None:
    for wrong in (
        lambda: t.assert_not_enqueued(tasks.mail, too="ada@x.y"),
        lambda: t.assert_not_enqueued(tasks.mail, "ada@x.y", to="ada@x.y"),
        lambda: t.assert_not_enqueued(tasks.mail, 1, 2, 3, 4),
        lambda: t.assert_not_enqueued("nowhere.declared", 1),
    ):
        with pytest.raises(InvalidArguments):
            wrong()


def test_a_task_of_elsewhere_is_known_by_its_name(app: Holdfast, t: Rehearsal) -> None:
    app.enqueue("their.task", {"n": 1}, declare=True)
    t.assert_enqueued("their.task", n=1)
    t.assert_not_enqueued("their.task", n=2)
    t.assert_not_enqueued("their.task", m=1)
    with pytest.raises(UnknownTask):
        t.run(t.jobs[0])


def test_the_message_lists_the_nearest_first(t: Rehearsal, tasks: Tasks) -> None:
    tasks.chain.enqueue(1)
    tasks.mail.enqueue("bob@x.y", "bye")
    tasks.mail.enqueue("ada@x.y", "bye", token="secret")
    lines = message(t, tasks.mail, "ada@x.y", "hi", token="other")
    assert lines[0] == "expected an enqueue of mail(to='ada@x.y', subject='hi', token=•••)"
    assert [line.strip().partition("(")[0] for line in lines[2:]] == ["mail", "mail", "chain"]
    assert "ada@x.y" in lines[2]
    assert "(other: subject, token)" in lines[2]
    assert "(other: to, subject, token)" in lines[3]
    assert "secret" not in "".join(lines)


def test_the_message_is_never_endless(t: Rehearsal, tasks: Tasks) -> None:
    assert message(t, tasks.mail) == ["expected an enqueue of mail(), but nothing at all was enqueued"]
    for n in range(30):
        tasks.chain.enqueue(n)
    lines = message(t, tasks.mail)
    assert len(lines) < 15
    assert lines[-1].strip() == "… and 20 more"


def test_every_way_of_an_enqueue_is_seen(app: Holdfast, t: Rehearsal, tasks: Tasks) -> None:
    tasks.mail.enqueue("1")
    app.enqueue("mail", {"to": "2"})
    app.enqueue_many([tasks.mail.new("3"), tasks.mail.using(delay=9).new("4")])
    asyncio.run(tasks.mail.aenqueue("5"))
    assert [job.args["to"] for job in t.enqueued(tasks.mail)] == ["1", "2", "3", "4", "5"]
    t.assert_enqueued_times(1, tasks.mail.using(delay=9), "4")


def test_a_job_that_is_no_longer_kept_was_enqueued(app: Holdfast, t: Rehearsal, tasks: Tasks) -> None:
    tasks.mail.enqueue("ada@x.y").delete()
    assert [job.state for job in t.assert_enqueued(tasks.mail, "ada@x.y")] == ["not found"]


def test_clear_forgets_what_waits_and_what_has_ended(t: Rehearsal, tasks: Tasks) -> None:
    tasks.mail.enqueue("ada@x.y")
    t.drain()
    tasks.mail.enqueue("bob@x.y")
    t.clear()
    assert t.jobs == []
    assert t.drain().runs == 0
    t.assert_not_enqueued(tasks.mail)
