"""Each way in which an SQLite file can't be used is an error of its own that says what to do."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.core.errors import (
    InvalidUrl,
    SchemaMismatch,
    StoreCorrupt,
    StoreError,
    StoreFull,
)
from holdfast.store.open import open_store
from holdfast.store.verbs import jobs, queues
from holdfast.store.verbs.insert import insert
from tests.conformance import invariant
from tests.conformance.backends import SqliteBackend
from tests.conformance.scene import Scene

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
        [sys.executable, "-m", "tests.conformance.as_nobody", url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_file_that_another_user_may_only_read(public: SqliteBackend) -> None:
    Path(public.path).chmod(0o444)
    said = as_nobody(public.url)
    assert re.fullmatch(
        r"(open|write): StoreReadOnly: .*jobs.db can be read and not written: .* writable by this user", said
    )


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
    assert re.match(
        r"open: StoreError: .*jobs.db can't be reached: .* open to this user", as_nobody(public.url)
    )


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
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system takes the rights to do so")
    try:
        backend = SqliteBackend(str(folder / "jobs.db"))
        with closing(backend.open()) as store:
            scene = Scene(store, backend)
            kept = scene.enqueue(10)
            with pytest.raises(StoreFull, match=r"is full|failed"):
                fill(scene, kept)
            assert sorted(backend.tables().jobs) == sorted(kept)
            invariant.check(backend)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(scene: Scene, kept: list[str]) -> None:
    for _ in range(100):
        kept += scene.enqueue(100, args='{"text": "' + "x" * 100 + '"}')


# --- the schema ---


def test_a_schema_of_a_newer_release(backend: SqliteBackend) -> None:
    backend.open().close()
    backend.execute("INSERT INTO {}schema_version VALUES (99, '0099_later', 0)")
    with pytest.raises(
        SchemaMismatch, match=r"has schema 99, made by a newer release.*pip install --upgrade"
    ):
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
