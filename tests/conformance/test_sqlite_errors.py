"""Each way in which an SQLite file can't be used is an error of its own that says what to do."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.core.errors import (
    InvalidUrl,
    SchemaMismatch,
    StoreClosed,
    StoreCorrupt,
    StoreError,
    StoreForked,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
)
from holdfast.store.base import Store
from holdfast.store.open import open_store
from holdfast.store.sqlite import writer
from holdfast.store.statement import Statement, Verb
from holdfast.store.verbs import jobs, queues
from holdfast.store.verbs.insert import insert
from tests.conformance import invariant
from tests.conformance.backends import SqliteBackend
from tests.conformance.scene import Scene, until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def backend(tmp_path: Path) -> SqliteBackend:
    return SqliteBackend(str(tmp_path / "jobs.db"))


def test_the_file_is_made_on_the_way(backend: SqliteBackend) -> None:
    with closing(backend.open()) as store:
        store.check_schema()
        assert store.migrate() == []
        assert store.address == f"sqlite:///{backend.path}"
        assert backend.execute("PRAGMA journal_mode") == [("wal",)]


# --- the URL ---


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no database URL"),
        ("jobs.db", "write sqlite:///jobs.db"),
        ("mysql://host/jobs", "mysql:// is no database that Holdfast knows"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "in memory can't be shared"),
        ("sqlite://host/jobs.db", "names no file"),
        ("sqlite:///jobs.db?synchronous=off", "synchronous=off.*use one of full, normal, extra"),
        ("sqlite:///jobs.db?mode=memory", "unknown option 'mode'"),
        ("sqlite:///jobs.db?cache=shared", "unknown option 'cache'"),
    ],
)
def test_urls_that_name_no_database(url: str, said: str) -> None:
    with pytest.raises(InvalidUrl, match=said):
        open_store(url)


def test_a_url_with_a_password_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidUrl) as caught:
        open_store("mysql://user:secret@host/jobs")
    assert "secret" not in str(caught.value)


def test_a_relative_path_stays_where_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(open_store("sqlite:///some%20jobs.db?synchronous=normal")) as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.write(insert, Scene(store, SqliteBackend("")).new(1))
        assert len(store.read(queues.list_queues)) == 1
    assert (tmp_path / "some jobs.db").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


# --- the place ---


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"the folder {tmp_path}/none doesn't exist; create it"):
        open_store(f"sqlite:///{tmp_path}/none/jobs.db")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"{tmp_path} is a folder; the URL must name a file"):
        open_store(f"sqlite:///{tmp_path}")


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=f"the folder {tmp_path}/file doesn't exist"):
        open_store(f"sqlite:///{tmp_path}/file/jobs.db")


@pytest.fixture
def public(backend: SqliteBackend) -> Iterator[SqliteBackend]:
    """A database in a folder that every user can reach, closed in good order."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-", dir="/tmp"))
    found = SqliteBackend(str(folder / "jobs.db"))
    found.open().close()
    folder.chmod(0o777)
    yield found
    folder.chmod(0o700)
    shutil.rmtree(folder)


def as_nobody(url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance.as_nobody", url], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_file_that_another_user_may_only_read(public: SqliteBackend) -> None:
    Path(public.path).chmod(0o444)
    said = as_nobody(public.url)
    assert re.fullmatch(r"(open|write): StoreReadOnly: .*jobs.db can be read and not written: .* writable by this user", said)


def test_a_folder_that_another_user_may_not_write_to(public: SqliteBackend) -> None:
    Path(public.path).chmod(0o666)
    Path(public.path).parent.chmod(0o555)
    assert re.match(r"open: Store(ReadOnly|Error): .* writable by this user", as_nobody(public.url))


def test_a_new_file_in_a_folder_that_may_not_be_written_to(public: SqliteBackend) -> None:
    Path(public.path).parent.chmod(0o555)
    said = as_nobody(public.url.replace("jobs.db", "new.db"))
    assert re.match(r"open: StoreError: .*new.db can't be opened: .* writable by this user", said)


def test_a_folder_that_another_user_may_not_enter(public: SqliteBackend) -> None:
    Path(public.path).parent.chmod(0o000)
    assert re.match(r"open: StoreError: .*jobs.db can't be reached: .* open to this user", as_nobody(public.url))


def test_a_lock_file_of_another_user_is_shared(public: SqliteBackend) -> None:
    Path(public.path).chmod(0o666)
    lock = Path(f"{public.path}-writers")
    lock.chmod(0o644)
    assert as_nobody(public.url) == "written"
    lock.chmod(0o000)
    assert re.match(r"open: StoreReadOnly: the lock file .*-writers can't be opened", as_nobody(public.url))


# --- the file ---


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and long enough to be taken for something else" * 50)
    with pytest.raises(StoreCorrupt, match=f"{path} is not an SQLite database; give another path"):
        open_store(f"sqlite:///{path}")
    assert path.read_text().startswith("these are notes")


def test_a_damaged_file(backend: SqliteBackend) -> None:
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        for _ in range(10):
            scene.enqueue(500, args='{"text": "' + "x" * 200 + '"}')
    with Path(backend.path).open("r+b") as file:
        for page in range(8, 200):
            file.seek(page * 4096)
            file.write(b"\xa5" * 2048)
    with pytest.raises(StoreCorrupt, match=r"is damaged .*Restore a backup, or .* `.recover`"):
        use(backend)


def use(backend: SqliteBackend) -> None:
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        store.read(queues.list_queues)
        scene.enqueue(2000)


def test_a_cut_file(backend: SqliteBackend) -> None:
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        for _ in range(10):
            scene.enqueue(500, args='{"text": "' + "x" * 200 + '"}')
    size = Path(backend.path).stat().st_size
    os.truncate(backend.path, size // 3)
    with pytest.raises(StoreCorrupt, match="is damaged"):
        use(backend)


def test_a_full_disk(backend: SqliteBackend) -> None:
    """By SQLite's own limit on pages: it fails just as for want of space."""
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        kept = scene.enqueue(3)
        connection = store._writer._session._connection  # type: ignore[attr-defined]
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")
        news = scene.news()
        with pytest.raises(StoreFull, match=r"the disk of .*jobs.db is full; nothing was written"):
            scene.enqueue(3000)
        assert news == []
        # Others that share the commit are not to blame.
        large, small = scene.new(3000), scene.new(1)
        futures = [store.submit(insert, batch) for batch in (small, large)]
        futures[0].result(10)
        with pytest.raises(StoreFull):
            futures[1].result(10)
        assert sorted(backend.tables().jobs) == sorted([*kept, small[0].job_id])
        connection.execute("PRAGMA max_page_count = 1000000")
        scene.enqueue(3000)
        invariant.check(backend)


def test_a_full_disk_in_the_callers_transaction(backend: SqliteBackend) -> None:
    with closing(backend.open()) as store, closing(sqlite3.connect(backend.path)) as tx:
        scene = Scene(store, backend)
        tx.execute("CREATE TABLE orders (n)")
        pages = tx.execute("PRAGMA page_count").fetchone()[0]
        tx.execute(f"PRAGMA max_page_count = {pages + 5}")
        tx.execute("INSERT INTO orders VALUES (1)")
        with pytest.raises(StoreFull, match="is full; nothing was written"):
            store.within(tx, insert, scene.new(3000))
        tx.rollback()
        with pytest.raises(StoreFull, match="is full; nothing was written"):
            store.within(tx, insert, scene.new(3000))
        assert not tx.in_transaction
        store.within(tx, insert, scene.new(1))
        tx.commit()
        assert len(backend.tables().jobs) == 1


def test_a_really_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system takes the rights to do so")
    try:
        backend = SqliteBackend(str(folder / "jobs.db"))
        with closing(backend.open()) as store:
            scene = Scene(store, backend)
            kept = scene.enqueue(10)
            with pytest.raises(StoreFull, match="full|failed"):
                for _ in range(100):
                    kept += scene.enqueue(100, args='{"text": "' + "x" * 100 + '"}')
            assert sorted(backend.tables().jobs) == sorted(kept)
            invariant.check(backend)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


# --- the schema ---


def test_a_schema_of_a_newer_release(backend: SqliteBackend) -> None:
    backend.open().close()
    backend.execute("INSERT INTO {}schema_version VALUES (99, '0099_later', 0)")
    with pytest.raises(SchemaMismatch, match="has schema 99, made by a newer release.*pip install --upgrade"):
        backend.open()


def test_tables_that_are_gone(backend: SqliteBackend) -> None:
    with closing(backend.open()) as store:
        backend.execute("DROP VIEW {}job_view")
        with pytest.raises(SchemaMismatch, match="run `holdfast migrate`"):
            store.read(jobs.get, "x")
        backend.execute("DROP TABLE {}pending")
        with pytest.raises(SchemaMismatch, match="run `holdfast migrate`"):
            store.write(insert, Scene(store, backend).new(1))
        backend.execute("DROP TABLE {}schema_version")
        with pytest.raises(SchemaMismatch, match="has no Holdfast tables yet; run `holdfast migrate`"):
            store.check_schema()


def test_an_old_schema(backend: SqliteBackend) -> None:
    with closing(backend.open()) as store:
        backend.execute("DELETE FROM {}schema_version")
        with pytest.raises(SchemaMismatch, match="has no Holdfast tables yet"):
            store.check_schema()


def test_the_applications_own_tables_are_left_alone(backend: SqliteBackend) -> None:
    with closing(sqlite3.connect(backend.path)) as own:
        own.execute("CREATE TABLE jobs (mine)")
        own.execute("INSERT INTO jobs VALUES ('mine')")
        own.commit()
    with closing(backend.open()) as store:
        Scene(store, backend).enqueue(3)
    with closing(sqlite3.connect(backend.path)) as own:
        assert own.execute("SELECT * FROM jobs").fetchall() == [("mine",)]
        names = [name for (name,) in own.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")]
        assert [name for name in names if not name.startswith(("holdfast_", "sqlite_"))] == ["jobs"]


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
    for call in (lambda: store.write(insert, made), lambda: store.read(jobs.get, "x"), lambda: store.submit(insert, made)):
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
    with closing(backend.open()) as store, closing(sqlite3.connect(backend.path, isolation_level=None)) as foreign:
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


def test_opening_waits_for_no_writer(backend: SqliteBackend) -> None:
    backend.open().close()
    with closing(sqlite3.connect(backend.path, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with closing(backend.open()) as store:
            store.read(queues.list_queues)
        assert time.monotonic() - began < 5


def test_a_foreign_writer_for_too_long(backend: SqliteBackend, impatient: float) -> None:
    with closing(backend.open()) as store, closing(sqlite3.connect(backend.path, isolation_level=None)) as foreign:
        scene = Scene(store, backend)
        foreign.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(StoreLocked, match="has held the write lock .*for too long"):
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
        with pytest.raises(StoreLocked, match="a transaction of your own in this thread, pass its connection as tx="):
            scene.enqueue()
        store.within(own, insert, scene.new(1))
        own.commit()
        assert len(backend.tables().jobs) == 1


def test_writers_that_queue_behind_a_stopped_process(backend: SqliteBackend, impatient: float) -> None:
    with closing(backend.open()) as store:
        scene = Scene(store, backend)
        with stopped_writer(backend):
            began = time.monotonic()
            with pytest.raises(StoreLocked, match=r"other processes have held the write lock .* nothing was written"):
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
    with closing(backend.open()) as store, closing(sqlite3.connect(backend.path, isolation_level=None)) as reader:
        scene = Scene(store, backend)
        scene.enqueue()
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM holdfast_jobs").fetchone() == (1,)
        for _ in range(50):
            scene.enqueue(20)
        assert reader.execute("SELECT count(*) FROM holdfast_jobs").fetchone() == (1,)
        assert until(lambda: len(backend.tables().jobs) == 1001)
