"""The doctor's findings about SQLite files, each provoked for real."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.store.doctor import file
from holdfast.store.doctor.examine import examine
from holdfast.store.doctor.finding import Finding
from holdfast.store.sqlite.connection import Place
from holdfast.store.sqlite.schema import newest
from tests.conformance.backends import SqliteBackend
from tests.conformance.scene import Scene

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def scene(path: Path) -> Iterator[Scene]:
    backend = SqliteBackend(str(path))
    store = backend.open()
    yield Scene(store, backend)
    store.close()


def look(path: Path) -> dict[str, Finding]:
    findings = examine(f"sqlite:///{path}")
    for finding in findings:
        assert bool(finding.remedy) == (finding.level != "ok"), finding
    return {finding.check: finding for finding in findings}


def test_all_is_well(scene: Scene, path: Path) -> None:
    scene.enqueue(3)
    found = look(path)
    bad = [finding for finding in found.values() if finding.level != "ok" and finding.check != "folder"]
    assert bad == []
    checks = ["sqlite", "folder", "disk", "journal", "wal", "space", "integrity", "schema", "leftovers"]
    assert found.keys() > {*checks}


def test_no_file_is_made(path: Path) -> None:
    found = look(path)
    assert found["reachable"].level == "error"
    assert "no database" in found["reachable"].what
    assert list(path.parent.iterdir()) == []


def test_what_is_no_database(path: Path) -> None:
    path.write_text("These are my notes. " * 500)
    found = look(path)
    assert found["reachable"].level == "error"
    assert "not an SQLite database" in found["reachable"].what
    assert examine(f"sqlite:///{path.parent}")[0].level == "error"


def test_schemas_of_other_releases(scene: Scene, path: Path) -> None:
    scene.backend.execute(f"INSERT INTO {{}}schema_version VALUES ({newest() + 1}, 'next', 0)")
    assert "newer release" in look(path)["schema"].what
    scene.backend.execute("DELETE FROM {}schema_version")
    found = look(path)
    assert (found["schema"].level, "places" in found) == ("error", False)


def test_a_place_that_forgets(path: Path) -> None:
    shm = Path("/dev/shm")
    if file.file_system(shm) not in file.IN_MEMORY:
        pytest.skip("no file system in memory here")
    database = shm / f"holdfast-test-{os.getpid()}.db"
    try:
        SqliteBackend(str(database)).open().close()
        found = look(database)["folder"]
        assert (found.level, "restart" in found.what) == ("warning", True)
    finally:
        for left in shm.glob(f"{database.name}*"):
            left.unlink()


def test_files_of_another_user(scene: Scene, path: Path) -> None:
    """Looked at by a user without rights, since the tests may be root, whom no file refuses."""
    scene.enqueue()
    for folder in path.parents:
        if folder.name.startswith(("pytest", "popen", "test_")):
            folder.chmod(0o755)
    for one in path.parent.iterdir():
        one.chmod(0o644)
    program = f"""
import os
from holdfast.store.doctor import file
from holdfast.store.sqlite.connection import Place
if os.getuid() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
    (found,) = file.check_folder(Place({str(path)!r}))
    print(found.level.value, found.what)
"""
    if os.getuid() != 0:
        path.parent.chmod(0o555)
        path.chmod(0o444)
        (found,) = file.check_folder(Place(str(path)))
        said = f"{found.level.value} {found.what}"
        path.parent.chmod(0o755)
    else:
        said = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout
    assert said.startswith("error")
    assert "jobs.db" in said
    assert f"the folder {path.parent}" in said


def test_little_space(scene: Scene, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "LITTLE_SPACE", 1 << 60)
    assert look(path)["disk"].level == "warning"
    monkeypatch.setattr(file, "NO_SPACE", 1 << 60)
    assert look(path)["disk"].level == "error"


def test_another_journal(scene: Scene, path: Path) -> None:
    scene.store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    found = look(path)["journal"]
    assert (found.level, found.data["mode"]) == ("warning", "delete")
    SqliteBackend(str(path)).open().close()
    assert look(path)["journal"].level == "ok"


def test_a_reader_that_does_not_end(scene: Scene, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "BIG_WAL", 18_000_000)
    scene.enqueue(10)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM holdfast_jobs").fetchone()
        for _ in range(20):
            scene.enqueue(1000, args=f'{{"text": "{"x" * 800}"}}')
        found = look(path)["wal"]
        assert (found.level, found.data["bytes"] > 18_000_000) == ("warning", True)
        if Path("/proc").exists():
            assert any(who.startswith(f"{os.getpid()} (") for who in found.data["processes"])


def test_a_damaged_file(scene: Scene, path: Path) -> None:
    scene.enqueue(2000)
    scene.store.close()
    with path.open("r+b") as damaged:
        size = path.stat().st_size
        damaged.seek(size // 2 // 4096 * 4096)
        damaged.write(b"\xff" * 8192)
    found = look(path)["integrity"]
    assert found.level == "error"
    assert ".recover" in found.remedy


def test_a_file_too_big_to_check_whole(scene: Scene, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "CHECK_SECONDS", 0.0)
    for _ in range(5):
        scene.enqueue(4000)
    found = look(path)["integrity"]
    assert (found.level, found.data["complete"]) == ("ok", False)


def test_space_that_was_freed(scene: Scene, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "FREED_BYTES", 100_000)
    scene.enqueue(3000)
    assert look(path)["space"].level == "ok"
    for table in ("jobs", "pending"):
        scene.backend.execute(f"DELETE FROM {{}}{table}")
    found = look(path)["space"]
    assert (found.level, found.data["free_bytes"] > 100_000) == ("warning", True)
    scene.backend.execute("VACUUM")
    assert look(path)["space"].level == "ok"


def test_files_that_dead_workers_left(scene: Scene, path: Path) -> None:
    listed, living = scene.worker(), scene.worker()
    scene.backend.execute("DELETE FROM {}workers WHERE id = ?", living)
    left = path.parent / "jobs.db-worker-0190"
    left.touch()
    (path.parent / f"jobs.db-worker-{listed}").touch()
    with scene.store.proof_of_life(living):
        found = look(path)["leftovers"]
    assert (found.level, found.data["files"]) == ("warning", [str(left)])
    assert found.remedy == f"rm {left}"
