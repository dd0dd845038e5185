"""Limits, rates, fair shares and ordering keys at the enqueue: what each job gets, and what is refused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest

from holdfast import (
    Cron,
    EnqueueNext,
    Holdfast,
    InvalidArguments,
    InvalidOption,
    Job,
    JobContext,
    Limit,
    Middleware,
    NewJob,
    Rate,
    StoredLimit,
    TaskHandler,
    TaskRouter,
)
from holdfast.client.queues import stored_age_after
from holdfast.core.lines import line_of
from holdfast.store.verbs.limits import declare_limits
from tests.client.conftest import MakeApp

TENANT = UUID("018f3e3c-0000-7000-8000-000000000001")
FILE = "jobs.db"


class Placed(NamedTuple):
    line: str | None
    limits: list[str]


Look = Callable[..., Placed]


@pytest.fixture
def placed(tmp_path: Path) -> Look:
    """Where a job stands, and the slots that it needs, as they are stored."""

    def look(job: Job[Any] | UUID) -> Placed:
        job_id = str(job if isinstance(job, UUID) else job.id)
        with sqlite3.connect(tmp_path / FILE) as connection:
            sql = "SELECT line, limits FROM holdfast_jobs WHERE id = ?"
            line, limits = connection.execute(sql, [job_id]).fetchone()
        connection.close()
        return Placed(line, [] if limits is None else json.loads(limits))

    return look


def side_by_side(*limits: str, share: str | None = None, priority: int = 0) -> Placed:
    return Placed(line_of(None, priority, share, limits), sorted(limits))


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


# --- what a job gets ---------------------------------------------------------------------------------------------


@WAYS
def test_a_job_needs_the_slots_of_its_queue_and_of_its_task(
    app: Holdfast, placed: Look, enqueue: Way
) -> None:
    app.queue("mail", limit=[50, Limit(5, key="tenant")], rate=Rate(100, per=60))

    @app.task(name="send", queue="mail", limit=3, rate=Rate(1, per=1, key=lambda args: args.to.lower()))
    def send(to: str, tenant: str = "acme") -> None: ...

    assert placed(enqueue(app, send, "A@B.c")) == side_by_side(
        "queue:mail", "queue:mail/key|acme", "queue:mail/rate", "task:send", "task:send/key-rate|a@b.c"
    )
    assert placed(enqueue(app, send.using(queue="other", priority=7), "a")) == side_by_side(
        "task:send", "task:send/key-rate|a", priority=7
    )


@WAYS
def test_a_job_without_any_simply_runs(app: Holdfast, placed: Look, enqueue: Way) -> None:
    app.queue("mail", limit=5)

    @app.task(name="send")
    def send(to: str) -> None: ...

    assert placed(enqueue(app, send, "a")) == (None, [])


def test_none_is_no_key(app: Holdfast, placed: Look) -> None:
    app.queue("mail", fair_by="tenant")

    @app.task(name="send", queue="mail", limit=Limit(1, key="tenant"), ordering_key="order")
    def send(tenant: str | None = None, order: int | None = None) -> None: ...

    assert placed(send.enqueue()) == (None, [])
    assert placed(send.enqueue("acme")) == side_by_side("task:send/key|acme", share="acme")
    assert placed(send.enqueue("acme", 17)) == ("17", ["task:send/key|acme"])


def test_keys_are_made_of_typed_arguments(app: Holdfast, placed: Look) -> None:
    seen: list[Any] = []

    def key(args: Any) -> Any:
        seen.append(args)
        return args.tenant

    @app.task(name="send", limit=2, limit_key=key)
    def send(tenant: UUID, days: timedelta = timedelta(days=2), *, tags: list[str] | None = None) -> None: ...

    assert placed(send.enqueue(TENANT)).limits == [f"task:send/key|{TENANT}"]
    (args,) = seen
    assert (args.tenant, args.days, args.tags) == (TENANT, timedelta(days=2), None)


class Page(msgspec.Struct):
    tenant: str
    number: int = 1


class Render(TaskHandler[Page, None]):
    async def run(self, args: Page, ctx: JobContext) -> None: ...


def test_key_functions_of_handlers_get_their_args(app: Holdfast, placed: Look) -> None:
    app.queue("pages", fair_by="tenant")
    keys: Sequence[Limit] = [Limit(1, key=lambda args: args.number), Limit(2, key="tenant", name="t")]
    render = app.add(Render(), name="render", queue="pages", limit=keys, ordering_key=None)
    assert placed(render.enqueue(Page("acme", 3))) == side_by_side(
        "task:render/key:t|acme", "task:render/key|3", share="acme"
    )


def test_routers_take_the_options_too(app: Holdfast, placed: Look) -> None:
    router = TaskRouter()

    @router.task(name="send", limit=3, ordering_key="to")
    def send(to: str) -> None: ...

    app.include(router)
    assert placed(send.enqueue("a")) == ("a", ["task:send"])


def test_in_the_callers_transaction(app: Holdfast, placed: Look, tmp_path: Path) -> None:
    @app.task(name="send", limit=3)
    def send(to: str) -> None: ...

    app.client.store.check_schema()
    connection = sqlite3.connect(tmp_path / FILE)
    with connection:
        job = send.using(tx=connection).enqueue("a")
    connection.close()
    assert placed(job) == side_by_side("task:send")


# --- order -------------------------------------------------------------------------------------------------------


@WAYS
def test_ordering_keys_of_tasks(app: Holdfast, placed: Look, enqueue: Way) -> None:
    @app.task(name="send", ordering_key=lambda args: f"to-{args.to}")
    def send(to: str) -> None: ...

    assert placed(enqueue(app, send, "a")) == ("to-a", [])
    assert placed(enqueue(app, send.using(ordering_key="mine"), "a")) == ("mine", [])


def test_a_fifo_queue_is_in_order_as_a_whole(app: Holdfast, placed: Look) -> None:
    app.queue("line", fifo=True, rate=Rate(5, per=1))

    def never(args: Any) -> str:
        raise AssertionError

    @app.task(name="send", queue="line", ordering_key=never)
    def send(to: str) -> None: ...

    assert placed(send.enqueue("a")) == ("", ["queue:line/rate"])
    with pytest.raises(InvalidOption, match="FIFO"):
        send.using(ordering_key="mine").enqueue("a")


# --- by name, schedules ------------------------------------------------------------------------------------------


def test_by_name(app: Holdfast, placed: Look) -> None:
    app.queue("mail", limit=5, fair_by="tenant")

    @app.task(name="send", queue="mail")
    def send(tenant: str) -> None: ...

    assert placed(app.enqueue("send", {"tenant": "a"})) == side_by_side("queue:mail", share="a")
    # Its arguments can't be read here, nor what it declares itself: the worker that knows it will say.
    assert placed(app.enqueue("other", {"tenant": "a"}, declare=True, queue="mail")) == (None, [])


def test_jobs_of_schedules(app: Holdfast, placed: Look) -> None:
    calls: list[str] = []

    def key(args: Any) -> str:
        calls.append(args.to)
        return f"k{len(calls)}"

    @app.task(name="send", limit=3, ordering_key=key)
    def send(to: str) -> None: ...

    app.schedules.put("s", send.new("a"), Cron("0 3 * * *"))
    # The schedule keeps no key of its own: each fire asks for one.
    assert calls == []
    assert placed(app.schedules.run_now("s")) == ("k1", ["task:send"])
    assert placed(app.schedules.run_now("s")) == ("k2", ["task:send"])
    app.schedules.put("t", send.using(ordering_key="mine").new("a"), Cron("0 3 * * *"))
    assert placed(app.schedules.run_now("t")) == ("mine", ["task:send"])


# --- middleware --------------------------------------------------------------------------------------------------


class Divert(Middleware):
    """Sends every job elsewhere, with other arguments."""

    async def enqueue(self, draft: NewJob, call_next: EnqueueNext) -> Job[Any]:
        return await call_next(draft.replace(queue="other", args='{"tenant":"b"}', priority=4))


@WAYS
def test_what_a_middleware_makes_of_a_job_counts(make_app: MakeApp, placed: Look, enqueue: Way) -> None:
    app = make_app(middleware=[Divert()])
    app.queue("mail", limit=5)
    app.queue("other", limit=Limit(6, key="tenant"), fair_by="tenant")
    calls: list[str] = []

    def key(args: Any) -> str:
        calls.append(args.tenant)
        return str(args.tenant)

    @app.task(name="send", queue="mail", rate=Rate(1, per=1, key=key))
    def send(tenant: str) -> None: ...

    assert placed(enqueue(app, send, "a")) == side_by_side(
        "queue:other/key|b", "task:send/key-rate|b", share="b", priority=4
    )
    assert calls == ["b"]


# --- refused -----------------------------------------------------------------------------------------------------


def broken(args: Any) -> str:
    raise KeyError("region")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (broken, r"failed with KeyError: 'region'$"),
        (lambda args: args.region, "failed with AttributeError: .* no attribute 'region'"),
        (lambda args: 1.5, "gave 1.5; a key is a text, a whole number or a UUID"),
        (lambda args: True, "gave True; "),
        (lambda args: [args.to], r"gave \['a'\]; "),
        (lambda args: "", "gave ''; a key has 1 to 255 printable characters"),
        (lambda args: "x" * 256, ".* a key has 1 to 255"),
        (lambda args: "a\x1fb", ".* a key has 1 to 255 printable"),
    ],
)
@pytest.mark.parametrize("option", ["limit", "rate", "ordering_key", "fair_by"])
def test_a_key_function_that_fails_refuses_the_whole_batch(
    app: Holdfast, key: Any, said: str, option: str
) -> None:
    if option == "fair_by":
        app.queue("mail", fair_by=key)
    own: dict[str, Any] = {
        "limit": {"limit": Limit(5, key=key)},
        "rate": {"rate": Rate(5, per=1), "limit_key": key},
        "ordering_key": {"ordering_key": key},
        "fair_by": {},
    }[option]
    named = {
        "limit": "the key of limit task:send/key",
        "rate": "the key of rate task:send/key-rate",
        "ordering_key": "its ordering_key",
        "fair_by": "fair_by of queue mail",
    }[option]

    @app.task(name="send", queue="mail", **own)
    def send(to: str) -> None: ...

    @app.task(name="fine")
    def fine() -> None: ...

    for call in (
        lambda: send.enqueue("a"),
        lambda: app.enqueue_many([fine.new(), send.new("a"), fine.new()]),
        lambda: asyncio.run(app.aenqueue_many([fine.new(), send.new("a")])),
    ):
        with pytest.raises(InvalidArguments, match=f"^task send: {named} {said}") as caught:
            call()
    assert app.jobs.list() == []
    if key is broken:
        assert isinstance(caught.value.__cause__, KeyError)


def test_the_names_of_parameters_are_checked(app: Holdfast) -> None:
    def send(to: str) -> None: ...

    for options in (
        {"limit": Limit(5, key="tenant")},
        {"rate": Rate(5, per=1), "limit_key": "tenant"},
        {"ordering_key": "tenant"},
    ):
        with pytest.raises(
            InvalidOption, match=r"task send: .* names 'tenant', which is none of its parameters: to"
        ):
            app.task(name="send", **options)(send)  # type: ignore[call-overload]
    with pytest.raises(InvalidOption, match=r"for one fixed key write lambda args: 'all of them'$"):
        app.task(name="send", ordering_key="all of them")(send)
    app.queue("mail", fair_by="tenant")
    task = app.task(name="send", queue="mail")(send)
    with pytest.raises(InvalidOption, match=r"task send: fair_by of queue mail names 'tenant', .*: to$"):
        task.enqueue("a")
    assert app.jobs.list() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fair_by": "to", "fifo": True}, "leave out fair_by="),
        ({"weights": {"a": 2}}, "give fair_by= as well"),
        ({"fair_by": "to", "weights": {"a": 0}}, "the weight of share 'a' must be"),
        ({"fair_by": 5}, "fair_by takes"),
        ({"age_after": 0}, "age_after must be"),
        ({"age_after": -1}, "age_after must be"),
        ({"age_after": "1m"}, "age_after must be"),
        ({"age_after": 60, "fifo": True}, "leave out age_after="),
        ({"limit": 0}, "a limit must be"),
        ({"limit": [1, 2]}, "queue mail has two limits"),
        ({"rate": 5}, "rate takes"),
        ({"limit_key": "to"}, "limit_key="),
    ],
)
def test_queues_with_options_that_make_no_sense(app: Holdfast, options: Any, said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        app.queue("mail", **options)


def test_key_functions_cost_nothing_where_there_are_none(
    app: Holdfast, monkeypatch: pytest.MonkeyPatch
) -> None:
    @app.task(name="send", limit=5)
    def send(to: str) -> None: ...

    job = send.new("a").job
    monkeypatch.setattr(type(send.signature), "named", None)
    placement = app.client.registry.placement("send", "default")
    assert placement is not None
    assert placement.needs(job.args).limits == ("task:send",)
    assert app.client.registry.placement("other", "default") is None


# --- what is stored, and changed at run time ---------------------------------------------------------------------


def declare(app: Holdfast) -> None:
    """As a worker does when it starts."""
    registry = app.client.registry
    app.client.store.write(declare_limits, registry.limit_rows(), registry.limit_owners())


@pytest.fixture
def mail(app: Holdfast) -> Holdfast:
    app.queue("mail", limit=5, fair_by="tenant", weights={"acme": 3}, age_after=timedelta(minutes=1))

    @app.task(name="send", queue="mail", rate=Rate(10, per=1, key="tenant"))
    def send(tenant: str) -> None: ...

    return app


def test_the_age_of_a_queue_is_stored_with_its_settings(mail: Holdfast) -> None:
    (row,) = mail.client.registry.queue_rows()
    assert stored_age_after(row.settings) == 60_000_000
    assert stored_age_after("{}") is None


def test_what_code_says_is_listed(mail: Holdfast) -> None:
    assert mail.limits.list() == []
    declare(mail)
    fair, limit, rate = sorted(
        mail.limits.list(), key=lambda one: (one.task or "", one.rule != "queue:mail/fair")
    )
    assert limit == StoredLimit(
        rule="queue:mail", queue="mail", task=None, by_key=False, declared=Limit(5), changed=None
    )
    assert limit.now == Limit(5)
    assert limit.name is None
    assert (fair.rule, fair.now) == ("queue:mail/fair", {"acme": 3})
    assert (rate.rule, rate.task, rate.queue, rate.by_key) == ("task:send/key-rate", "send", None, True)
    assert rate.now == Rate(10, per=timedelta(seconds=1), burst=1)


def test_what_is_set_at_run_time_wins_until_it_is_reset(mail: Holdfast) -> None:
    declare(mail)
    assert mail.limits.set(queue="mail", limit=2, weights={"acme": 1}) == ["queue:mail", "queue:mail/fair"]
    assert mail.limits.set("task:send/key-rate", rate=Rate(5, per=60, burst=5)) == ["task:send/key-rate"]
    assert mail.limits.set(task="send", limit=Limit(7, name="night"), rate=Rate(9, per=1)) == [
        "task:send/limit:night",
        "task:send/rate",
    ]
    assert mail.limits.set(queue="unknown", limit=1) == ["queue:unknown"]
    declare(mail)
    found = {one.rule: one for one in mail.limits.list()}
    assert found["queue:mail"].now == Limit(2)
    assert found["queue:mail"].declared == Limit(5)
    assert found["queue:mail/fair"].changed == {"acme": 1}
    assert found["task:send/key-rate"].now == Rate(5, per=timedelta(seconds=60), burst=5)
    assert (found["task:send/limit:night"].now, found["task:send/limit:night"].name) == (
        Limit(7, name="night"),
        "night",
    )
    assert found["queue:unknown"].declared is None
    assert mail.limits.reset(queue="mail") == ["queue:mail", "queue:mail/fair"]
    assert mail.limits.reset(queue="mail") == []
    assert mail.limits.reset("task:send/rate") == ["task:send/rate"]
    assert mail.limits.reset(task="send") == ["task:send/key-rate", "task:send/limit:night"]
    assert mail.limits.reset(queue="unknown") == ["queue:unknown"]
    assert [one.changed for one in mail.limits.list()] == [None, None, None]


def test_the_same_for_async_code(mail: Holdfast) -> None:
    async def go() -> None:
        assert await mail.limits.aset(queue="mail", limit=2) == ["queue:mail"]
        assert [one.now for one in await mail.limits.alist()] == [Limit(2)]
        assert await mail.limits.areset("queue:mail") == ["queue:mail"]
        assert await mail.limits.alist() == []

    asyncio.run(go())


@pytest.mark.parametrize(
    ("which", "what", "said"),
    [
        ((), {"limit": 5}, "say which"),
        (("queue:mail",), {"queue": "mail", "limit": 5}, "say which"),
        ((), {"queue": "mail", "task": "send", "limit": 5}, "say which"),
        ((), {"queue": "mail"}, "say what to set"),
        ((), {"queue": "", "limit": 5}, "must not be empty"),
        ((), {"queue": "mail", "limit": 0}, "a limit must be"),
        ((), {"queue": "mail", "limit": [1, 2]}, "two of these are the same rule"),
        ((), {"queue": "mail", "limit": Limit(5, key="tenant")}, "such as 'queue:mail/key'$"),
        ((), {"task": "send", "weights": {"a": 1}}, "weights= is for the shares of a queue"),
        ((), {"queue": "other", "weights": {"a": 1}}, "there is no queue:other/fair: .* Declare fair_by="),
        (("mail",), {"limit": 5}, "'mail' is no name of a limit"),
        (("queue:mail/what",), {"limit": 5}, "is no name of a limit"),
        (("job:mail",), {"limit": 5}, "is no name of a limit"),
        (("queue:mail/rate",), {"limit": 5}, "is the name of a rate"),
        (("queue:mail",), {"rate": Rate(5, per=1)}, "is the name of a limit"),
        (("queue:mail/fair",), {"rate": Rate(5, per=1)}, "is the name of the shares"),
        (("queue:mail",), {"weights": {"a": 1}}, "weights="),
        (("queue:mail/key",), {"limit": 5}, "there is no queue:mail/key: .* Declare it with a key"),
    ],
)
def test_what_can_not_be_set(mail: Holdfast, which: Any, what: Any, said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        mail.limits.set(*which, **what)
    assert mail.limits.list() == []


def test_limits_of_this_code_can_be_changed_before_a_worker_has_started(mail: Holdfast) -> None:
    mail.limits.set("task:send/key-rate", rate=Rate(5, per=1))
    (one,) = mail.limits.list()
    assert (one.declared, one.now) == (None, Rate(5, per=timedelta(seconds=1), burst=1))
