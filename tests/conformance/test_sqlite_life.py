"""The life of an SQLite store: closed, forked, kept waiting by others."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.core.errors import StoreClosed, StoreForked, StoreLocked
from holdfast.store.base import Store
from holdfast.store.sqlite import writer
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs import jobs, queues
from holdfast.store.verbs.insert import insert
from tests.conformance.backends import SqliteBackend
from tests.conformance.scene import Scene, until


@pytest.fixture
def backend(tmp_path: Path) -> SqliteBackend:
    return SqliteBackend(str(tmp_path / "jobs.db"))


# --- the life of the store ---


def test_a_closed_store(backend: SqliteBackend) -> None:
    store = backend.open()
    scene = Scene(store, backend)
    made = scene.new(1)
    store.close()
    store.close()
    for call in (
        lambda: store.write(insert, made),
        lambda: store.read(jobs.get, "x"),
        lambda: store.submit(insert, made),
        lambda: store.channel("x").write(insert, made),
    ):
        with pytest.raises(StoreClosed, match="was closed; make a new Holdfast object"):
            call()
    with pytest.raises(StoreClosed):
        store.submit_read(jobs.get, "x").result(1)


def test_closing_finishes_what_was_submitted(backend: SqliteBackend) -> None:
    store = backend.open()
    scene = Scene(store, backend)
    futures = [store.submit(insert, scene.new(1)) for _ in range(300)]
    store.close()
    assert [future.result(0) for future in futures] == [None] * 300
    assert len(backend.tables().jobs) == 300


def test_closing_leaves_no_journal_behind(backend: SqliteBackend) -> None:
    with closing(backend.open()) as store:
        Scene(store, backend).enqueue(3)
        store.read(queues.list_queues)
    assert not Path(f"{backend.path}-wal").exists()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_told(backend: SqliteBackend) -> None:
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        scene.enqueue()
        reader, told = os.pipe()
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                os.write(told, told_in_a_fork(store, scene).encode())
            os._exit(0)
        os.close(told)
        with os.fdopen(reader) as answers:
            said = answers.read()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert said.count("forked after the database was opened. Open it in the child") == 3
        scene.enqueue()
        assert len(backend.tables().jobs) == 2


def told_in_a_fork(store: Store, scene: Scene) -> str:
    said = ""
    made = scene.new(1)
    for call in (
        lambda: store.write(insert, made),
        lambda: store.read(jobs.get, "x"),
        lambda: store.submit(insert, made),
    ):
        try:
            call()
        except StoreForked as error:
            said += f"{error}\n"
    store.close()
    return said


# --- locks ---


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """Stores opened in this test give up soon."""
    seconds = 0.3
    monkeypatch.setattr(writer, "BUSY_SECONDS", seconds)
    return seconds


def test_a_foreign_writer_is_waited_for(backend: SqliteBackend) -> None:
    with (
        closing(backend.open()) as store,
        closing(sqlite3.connect(backend.path, isolation_level=None)) as foreign,
    ):
        scene = Scene(store, backend)
        foreign.execute("BEGIN IMMEDIATE")
        made = scene.new(1)
        future = store.submit(insert, made)
        inline = threading.Thread(target=store.write, args=(insert, scene.new(1)))
        inline.start()
        assert store.read(jobs.get, made[0].job_id) is None, "reading goes on"
        # It stays so for as long as the foreign transaction does.
        inline.join(0.4)
        assert inline.is_alive()
        assert not future.done()
        foreign.execute("COMMIT")
        future.result(10)
        inline.join(10)
        assert len(backend.tables().jobs) == 2


def test_a_write_gets_in_between_foreign_transactions(backend: SqliteBackend) -> None:
    """Of a program that begins the next as soon as one has ended: the lock is free for microseconds only."""
    held, stop = threading.Event(), threading.Event()

    def occupy() -> None:
        with closing(sqlite3.connect(backend.path, timeout=30, isolation_level=None)) as foreign:
            while not stop.is_set():
                foreign.execute("BEGIN IMMEDIATE")
                held.set()
                time.sleep(0.004)
                foreign.execute("COMMIT")

    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        thread = threading.Thread(target=occupy)
        thread.start()
        try:
            for _ in range(3):
                held.clear()
                assert held.wait(30)
                scene.enqueue()  # StoreLocked after 30 s
        finally:
            stop.set()
            thread.join(30)
    assert len(backend.tables().jobs) == 3


def test_opening_waits_for_no_writer(backend: SqliteBackend) -> None:
    backend.open().close()
    with closing(sqlite3.connect(backend.path, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with closing(backend.open()) as store:
            store.read(queues.list_queues)
        assert time.monotonic() - began < 5


def test_a_foreign_writer_for_too_long(backend: SqliteBackend, impatient: float) -> None:
    with (
        closing(backend.open()) as store,
        closing(sqlite3.connect(backend.path, isolation_level=None)) as foreign,
    ):
        scene = Scene(store, backend)
        foreign.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(StoreLocked, match=r"has held the write lock .*for too long"):
            scene.enqueue()
        assert impatient * 0.9 <= time.monotonic() - began < 10
        futures = [store.submit(insert, scene.new(1)) for _ in range(3)]
        for future in futures:
            with pytest.raises(StoreLocked):
                future.result(10)
        foreign.execute("COMMIT")
        scene.enqueue()
        assert len(backend.tables().jobs) == 1


def test_ones_own_write_transaction_without_tx(backend: SqliteBackend, impatient: float) -> None:
    with closing(backend.open()) as store, closing(sqlite3.connect(backend.path)) as own:
        scene = Scene(store, backend)
        own.execute("CREATE TABLE orders (n)")
        own.execute("INSERT INTO orders VALUES (1)")
        assert own.in_transaction
        with pytest.raises(
            StoreLocked, match="a transaction of your own in this thread, pass its connection as tx="
        ):
            scene.enqueue()
        store.within(own, insert, scene.new(1))
        own.commit()
        assert len(backend.tables().jobs) == 1


def test_writers_that_queue_behind_a_stopped_process(backend: SqliteBackend, impatient: float) -> None:
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        with stopped_writer(backend):
            began = time.monotonic()
            with pytest.raises(
                StoreLocked, match=r"other processes have held the write lock .* nothing was written"
            ):
                scene.enqueue()
            assert time.monotonic() - began < 10
            assert store.read(queues.list_queues) == []
        scene.enqueue()
        assert len(backend.tables().jobs) == 1


@contextlib.contextmanager
def stopped_writer(backend: SqliteBackend) -> Iterator[None]:
    """A process that was stopped in the middle of a write, and goes on afterwards."""
    code = (
        "import sys; from holdfast.store.open import open_store; from holdfast.store.verbs import queues\n"
        "def verb():\n"
        "    print('in', flush=True); sys.stdin.readline()\n"
        "    yield from queues.list_queues()\n"
        "s = open_store(sys.argv[1]); s.write(verb); s.close()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, backend.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "in\n"
        process.send_signal(signal.SIGSTOP)
        yield
    finally:
        process.send_signal(signal.SIGCONT)
        process.communicate("\n", timeout=20)
    assert process.returncode == 0


def test_an_error_of_the_verb_leaves_no_lock(backend: SqliteBackend) -> None:
    def broken() -> Verb[None]:
        yield Statement("declare_queues", {"name": "x", "settings": "{}"})
        raise ZeroDivisionError

    with closing(backend.open()) as store, closing(backend.open()) as other:
        with pytest.raises(ZeroDivisionError):
            store.write(broken)
        Scene(other, backend).enqueue()
        Scene(store, backend).enqueue()
        assert store.read(queues.list_queues)[0].pending == 2
        assert len(store.read(queues.list_queues)) == 1


def test_a_reader_that_stays_open_holds_nobody_up(backend: SqliteBackend) -> None:
    with (
        closing(backend.open()) as store,
        closing(sqlite3.connect(backend.path, isolation_level=None)) as reader,
    ):
        scene = Scene(store, backend)
        scene.enqueue()
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM holdfast_jobs").fetchone() == (1,)
        for _ in range(50):
            scene.enqueue(20)
        assert reader.execute("SELECT count(*) FROM holdfast_jobs").fetchone() == (1,)
        assert until(lambda: len(backend.tables().jobs) == 1001)


ORPHAN = """
import os, sys, time
from holdfast.store.open import open_store
from holdfast.store.verbs import queues

store = open_store(sys.argv[1])
child = os.fork()
if not child:
    os.close(1)
    time.sleep(60)
    os._exit(0)

def verb():
    os.write(1, b"%d\\n" % child)
    os.kill(os.getpid(), 9)
    yield from queues.list_queues()

store.write(verb)
"""


def test_a_forked_child_keeps_no_lock_of_its_killed_parent(backend: SqliteBackend) -> None:
    backend.open().close()
    parent = subprocess.run(
        [sys.executable, "-c", ORPHAN, backend.url], stdout=subprocess.PIPE, text=True, timeout=30
    )
    assert parent.returncode == -signal.SIGKILL
    child = int(parent.stdout)
    try:
        with closing(backend.open()) as store:
            began = time.monotonic()
            Scene(store, backend).enqueue()
            assert time.monotonic() - began < 20, "the child's lock was waited for"
    finally:
        os.kill(child, signal.SIGKILL)
