"""Declaring tasks and queues: names, routers, handlers, and what is refused where it stands."""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    AsyncContextTask,
    AsyncTask,
    ConfigurationError,
    DuplicateTask,
    Holdfast,
    InvalidMiddleware,
    InvalidOption,
    InvalidTask,
    JobContext,
    Middleware,
    SyncContextTask,
    SyncTask,
    TaskHandler,
    TaskRouter,
    UnknownTask,
)


def module_level(number: int) -> int:
    """Doubles."""
    return number * 2


def another() -> None: ...


@dataclass
class Order:
    number: int


# --- what a task is ------------------------------------------------------------------------------------------


def test_a_task_is_still_its_function(app: Holdfast) -> None:
    task = app.task(module_level)
    assert task(21) == 42
    assert (task.__name__, task.__doc__, task.__wrapped__) == ("module_level", "Doubles.", module_level)
    assert (task.queue, task.kind, task.takes_context, task.sensitive) == ("default", "thread", False, ())


def test_a_direct_call_takes_the_context_as_python_does(app: Holdfast) -> None:
    @app.task(takes_context=True)
    def shown(ctx: JobContext, word: str) -> str:
        return f"{ctx} {word}"

    assert shown("here", "now") == "here now"  # type: ignore[arg-type]


async def call(task: AsyncTask[[str], str]) -> str:
    return await task("Ada")


def test_an_async_task_is_awaited(app: Holdfast) -> None:
    import asyncio

    @app.task
    async def greet(name: str) -> str:
        return f"hello {name}"

    assert asyncio.run(call(greet)) == "hello Ada"


def test_kinds(app: Holdfast) -> None:
    def plain() -> None: ...
    async def waiting() -> None: ...
    def seeing(ctx: JobContext) -> None: ...
    async def waiting_seeing(ctx: JobContext) -> None: ...

    assert type(app.task(plain)) is SyncTask
    assert type(app.task(waiting)) is AsyncTask
    assert type(app.task(takes_context=True)(seeing)) is SyncContextTask
    assert type(app.task(takes_context=True)(waiting_seeing)) is AsyncContextTask
    assert [task.kind for task in app.client.registry] == ["thread", "async", "thread", "async"]
    assert app.task(executor="process")(module_level).kind == "process"


def test_types_of_the_place_of_declaration_may_be_used(app: Holdfast) -> None:
    @dataclass
    class Local:
        word: str

    @app.task
    def take(local: Local, more: list[Local] | None = None) -> Local:
        return local

    @app.task(queue="other")
    def take_again(local: Local) -> Local:
        return local

    assert take.enqueue(Local("a"), [Local("b")]).args == {"local": {"word": "a"}, "more": [{"word": "b"}]}
    assert take_again.enqueue(Local("a")).queue == "other"


# --- names ---------------------------------------------------------------------------------------------------


def test_default_names(app: Holdfast) -> None:
    def nested() -> None: ...

    assert app.task(module_level).name == f"{__name__}.module_level"
    assert app.task(nested).name == f"{__name__}.test_default_names.nested"


@pytest.mark.parity("F21")
def test_names_keep_their_case(app: Holdfast) -> None:
    task = app.task(name="Mail.Send", queue="Mail")(module_level)
    assert app.jobs.get(task.enqueue(1).id).task == "Mail.Send"
    assert app.enqueue("Mail.Send", {"number": 1}).queue == "Mail"
    with pytest.raises(UnknownTask, match=r"no task is called 'mail.send' here; known are: Mail.Send"):
        app.enqueue("mail.send", {"number": 1})


def test_a_program_is_named_by_its_file(tmp_path: Path) -> None:
    program = "from holdfast import Holdfast\napp = Holdfast('sqlite:///x.db')\n@app.task\ndef greet(): ...\n"
    (tmp_path / "shop.py").write_text(program + "print(greet.name, greet.import_path)\n")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").touch()
    (tmp_path / "pack" / "__main__.py").write_text(program + "print(greet.name, greet.import_path)\n")
    import subprocess

    def run(*args: str) -> str:
        return subprocess.run(
            [sys.executable, *args], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert run("shop.py") == "shop.greet shop:greet"
    assert run("-m", "shop") == "shop.greet shop:greet"
    assert run("-m", "pack") == "pack.greet pack:greet"


@pytest.mark.parametrize("name", ["", " ", "a\0b", "a\nb", "x" * 201, 3])
def test_names_that_are_refused(app: Holdfast, name: Any) -> None:
    with pytest.raises(InvalidOption, match="the name of a task"):
        app.task(name=name)(module_level)
    with pytest.raises(InvalidOption, match="the name of a queue"):
        app.task(queue=name)(module_level)
    with pytest.raises(InvalidOption, match="the name of a queue"):
        app.queue(name)


def test_what_has_no_name_must_be_given_one(app: Holdfast) -> None:
    with pytest.raises(InvalidTask, match="give one, as in name="):
        app.task(functools.partial(module_level, 3))
    with pytest.raises(InvalidTask, match="give one, as in name="):
        app.task(lambda: None)
    assert app.task(name="half")(functools.partial(module_level, number=3)).enqueue().args == {}


# --- what can't be a task ------------------------------------------------------------------------------------


def test_functions_that_are_refused(app: Holdfast) -> None:
    def generator() -> Iterator[int]:
        yield 1

    async def async_generator() -> AsyncIterator[int]:
        yield 1

    for function in (generator, async_generator):
        with pytest.raises(InvalidTask, match="a function with yield runs nothing when it is called"):
            app.task(function)  # type: ignore[arg-type]
    with pytest.raises(InvalidTask, match=r"is a task already"):
        app.task(app.task(module_level))
    with pytest.raises(InvalidTask, match="TaskHandler"):
        app.task(Order)
    with pytest.raises(InvalidTask, match=r"task\(name='mail.send'\)"):
        app.task("mail.send")  # type: ignore[call-overload]
    with pytest.raises(InvalidTask, match="inside of @staticmethod"):
        app.task(staticmethod(module_level))
    with pytest.raises(TypeError, match="prioritee"):
        app.task(prioritee=1)(module_level)  # type: ignore[call-overload]


def test_a_type_that_cannot_be_decoded_is_refused_and_named(app: Holdfast) -> None:
    class Socket:
        pass

    def send(to: str, socket: Socket) -> None: ...

    with pytest.raises(InvalidTask, match=r"task \S+send: parameter 'socket': .*Socket"):
        app.task(send)
    assert app.client.registry.names() == []


def test_process_tasks_must_be_found_by_a_child(app: Holdfast) -> None:
    def nested() -> None: ...
    async def waiting() -> None: ...

    with pytest.raises(InvalidTask, match="top level of a module"):
        app.task(executor="process")(nested)
    with pytest.raises(InvalidTask, match="runs on the event loop"):
        app.task(executor="process")(waiting)
    with pytest.raises(InvalidTask, match="can't be handed to another process"):
        app.task(executor="process", takes_context=True)(module_level)
    with pytest.raises(InvalidOption, match='"thread" or "process"'):
        app.task(executor="gpu")(module_level)  # type: ignore[call-overload]
    assert app.task(executor="process")(module_level).import_path == f"{__name__}:module_level"


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("priority", 101, "from -100 to 100"),
        ("priority", 1.0, "whole number"),
        ("priority", True, "whole number"),
        ("max_attempts", 0, "1 or more"),
        ("max_attempts", "3", "1 or more"),
        ("max_crashes", 0, "1 or more"),
        ("timeout", 0, "positive"),
        ("timeout", timedelta(seconds=-1), "positive"),
        ("retry", 3, "retry must be"),
        ("retry", type, "retry must be"),
        ("retry_on", "ValueError", "an exception class"),
        ("fail_on", (ValueError, int), "an exception class"),
    ],
)
def test_options_that_are_refused(app: Holdfast, option: str, value: object, message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        app.task(**{option: value})(module_level)  # type: ignore[call-overload]
    if option != "priority":
        with pytest.raises(InvalidOption, match=message):
            Holdfast("sqlite:///x.db", **{option.replace("timeout", "default_timeout"): value})
    with pytest.raises(InvalidOption, match=message):
        app.queue("mail", **{option: value})  # type: ignore[arg-type]


def test_sensitive_names_parameters(app: Holdfast) -> None:
    with pytest.raises(InvalidTask, match="sensitive names 'token', which is none of its parameters: number"):
        app.task(sensitive=("token",))(module_level)
    job = app.task(sensitive=["number"])(module_level).enqueue(3)
    assert (job.args, job.masked_args) == ({"number": 3}, {"number": "•••"})
    assert '"number":"•••"' in job.to_json()
    assert '"number":3' in job.to_json(masked=False)


def test_middleware_is_given_as_instances(app: Holdfast) -> None:
    for wrong, message in (
        (Middleware, r"give an instance, Middleware\(\)"),
        (module_level, "derive its class"),
    ):
        with pytest.raises(InvalidMiddleware, match=message):
            app.task(middleware=[wrong])(module_level)  # type: ignore[call-overload]
        with pytest.raises(InvalidMiddleware, match=message):
            Holdfast("sqlite:///x.db", middleware=[wrong])  # type: ignore[list-item]


# --- duplicates, and declaring too late ----------------------------------------------------------------------


@pytest.mark.parity("S1.6")
def test_two_tasks_of_one_name(app: Holdfast) -> None:
    app.task(name="a")(module_level)
    with pytest.raises(
        DuplicateTask, match=rf"two tasks are called 'a': {__name__}.module_level and {__name__}.another"
    ):
        app.task(name="a")(another)


@pytest.mark.parity("S4.11")
def test_a_queue_declared_twice(app: Holdfast) -> None:
    app.queue("mail", priority=3)
    with pytest.raises(DuplicateTask, match="'mail' is declared twice"):
        app.queue("mail")


def test_nothing_is_declared_once_a_worker_has_begun(app: Holdfast) -> None:
    app.client.registry.freeze()
    router = TaskRouter()
    router.task(module_level)
    for late in (
        lambda: app.task(module_level),
        lambda: app.queue("mail"),
        lambda: app.include(router),
        lambda: app.include(lambda: None),
    ):
        with pytest.raises(ConfigurationError, match="after a worker of this app had begun"):
            late()


# --- routers and functions -----------------------------------------------------------------------------------


@pytest.mark.parity("S3.3")
def test_a_router_before_and_after_it_is_included(app: Holdfast) -> None:
    router = TaskRouter()
    task = router.task(queue="mail")(module_level)
    assert task(2) == 4
    with pytest.raises(ConfigurationError, match=r"doesn't belong to an app yet: call app.include\(router\)"):
        task.enqueue(1)
    app.include(router)
    assert app.jobs.get(task.enqueue(1).id).queue == "mail"
    with pytest.raises(DuplicateTask, match="two tasks are called"):
        app.include(router)
    with pytest.raises(DuplicateTask, match="after its router had been included"):
        router.task(another)


def test_two_tasks_of_one_name_in_a_router() -> None:
    router = TaskRouter()
    router.task(name="a")(module_level)
    with pytest.raises(DuplicateTask, match="two tasks of one router"):
        router.task(name="a")(another)


def test_a_router_serves_one_app_at_a_time(app: Holdfast, tmp_path: Path) -> None:
    router = TaskRouter()
    task = router.task(module_level)
    app.include(router)
    other = Holdfast(f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(ConfigurationError, match="belongs to another app already"):
        other.include(router)
    app.close()
    with Holdfast(f"sqlite:///{tmp_path / 'other.db'}") as other:
        other.include(router)
        assert other.jobs.get(task.enqueue(1).id).args == {"number": 1}


@pytest.mark.parity("S3.5")
def test_included_functions_are_called_once_before_the_first_claim(app: Holdfast) -> None:
    called: list[str] = []

    def first(given: Holdfast) -> None:
        called.append("first")
        given.task(module_level)
        given.include(second)

    def second() -> None:
        called.append("second")

    app.include(first)
    assert called == []
    app.client.registry.freeze()
    app.client.registry.freeze()
    assert called == ["first", "second"]
    assert app.client.registry.names() == [f"{__name__}.module_level"]


def test_an_enqueue_by_name_finds_what_is_included(app: Holdfast) -> None:
    app.include(lambda given: given.task(name="late")(module_level))
    assert app.enqueue("late", {"number": 1}).task == "late"


def test_include_takes_nothing_else(app: Holdfast) -> None:
    with pytest.raises(InvalidOption, match="include takes a function"):
        app.include("mail.tasks")  # type: ignore[arg-type]


# --- handlers ------------------------------------------------------------------------------------------------


class Ship(TaskHandler[Order, int]):
    """Ships."""

    async def run(self, args: Order, ctx: JobContext) -> int:
        return args.number


class Untyped(TaskHandler[Order, int]):
    async def run(self, args, ctx):  # type: ignore[no-untyped-def]
        return args.number


@pytest.mark.parity("S0.8")
@pytest.mark.parametrize("handler", [Ship(), Untyped()])
def test_a_handler_object(app: Holdfast, handler: TaskHandler[Order, int]) -> None:
    import asyncio

    task = app.add(handler, queue="ships")
    assert (task.name, task.kind, task.queue) == (f"{__name__}.{type(handler).__name__}", "async", "ships")
    assert task.enqueue(Order(3)).args == {"args": {"number": 3}}
    args, kwargs = task.signature.decode('{"args":{"number":3}}')
    assert asyncio.run(task.function(None, *args, **kwargs)) == 3
    with pytest.raises(TypeError, match="expected `int`"):
        task.enqueue(Order("x"))  # type: ignore[arg-type]


def test_handlers_that_are_refused(app: Holdfast) -> None:
    class Silent(TaskHandler[int, int]):
        pass

    class Blocking(TaskHandler[int, int]):
        def run(self, args: int, ctx: JobContext) -> int:  # type: ignore[override]
            return 1

    class Long(TaskHandler[int, int]):
        async def run(self, args: int, ctx: JobContext, more: int) -> int:  # type: ignore[override]
            return 1

    for wrong in (Silent(), Blocking()):
        with pytest.raises(InvalidTask, match=r"needs a method: async def run\(self, args, ctx\)"):
            app.add(wrong)
    with pytest.raises(InvalidTask, match=r"must take \(self, args, ctx\)"):
        app.add(Long())
    with pytest.raises(InvalidTask, match=r"app.add\(Resize\(\)\)"):
        app.add(Ship)  # type: ignore[arg-type]
