"""The demo's parts that need no queue: names, the walk, the proof, the output folder."""

from __future__ import annotations

import gzip
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.cli.demo.check import check_copies
from holdfast.cli.demo.names import to_bytes, to_text
from holdfast.cli.demo.place import DemoError, Place
from holdfast.cli.demo.tree import Tree, find_files

# --- names ---------------------------------------------------------------------------------------------------


@given(st.binary())
def test_each_name_comes_back(name: bytes) -> None:
    text = to_text(name)
    assert to_bytes(text) == name
    text.encode("utf-8")


def test_names_that_are_text_stay_as_they_are() -> None:
    assert to_text("naïve/☃.txt".encode()) == "naïve/☃.txt"


def test_names_that_look_like_escapes_are_told_apart() -> None:
    assert len({to_text(b"\xff"), to_text(rb"\xff"), to_text(rb"\\xff")}) == 3


# --- the walk ------------------------------------------------------------------------------------------------


def walk(root: Path, output: Path | None = None) -> Tree:
    return find_files(root, output=output or root / "nowhere")


def test_files_are_found_in_a_fixed_order(tmp_path: Path) -> None:
    for name in ("b", "a/z", "a/b/c", "empty/"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_text("12")
    tree = walk(tmp_path)
    assert tree.files == walk(tmp_path).files
    assert sorted(tree.files) == ["a/b/c", "a/z", "b"]
    assert tree.size == 6
    assert not tree.left_out


def test_what_can_be_had_again_is_left_out(tmp_path: Path) -> None:
    for name in (
        ".git/HEAD",
        "x/node_modules/m.js",
        "env/pyvenv.cfg",
        "env/lib/a.py",
        "cache/CACHEDIR.TAG",
        "kept",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    tree = walk(tmp_path)
    assert tree.files == ["kept"]
    assert tree.left_out == {".git": 1, "node_modules": 1, "virtual environment": 1, "cache": 1}


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "dangling").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        before = Path.cwd()
        os.chdir(tmp_path)  # a socket's path may not be long
        try:
            server.bind("socket")
        finally:
            os.chdir(before)
        tree = walk(tmp_path)
    assert tree.files == ["file"]
    assert tree.left_out == {"symbolic link": 3, "named pipe": 1, "socket": 1}


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    for name in (b"\xff\xfe", b"new\nline", b"back\\slash", b"x" * 255):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    assert {to_bytes(path) for path in walk(tmp_path).files} == {
        b"\xff\xfe",
        b"new\nline",
        b"back\\slash",
        b"x" * 255,
    }


def test_own_output_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    output = tmp_path / "output"
    output.mkdir()
    (output / "copy").touch()
    assert walk(tmp_path, output).files == ["file"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may open everything")
def test_closed_folders_are_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        assert walk(tmp_path).closed == ["closed"]
    finally:
        closed.chmod(0o700)


def test_other_file_systems_are_not_entered() -> None:
    # /proc is one on Linux, and holds a file that claims to be as large as all memory that could be addressed.
    if not Path("/proc/self").exists() or Path("/proc").stat().st_dev == Path("/").stat().st_dev:
        pytest.skip("no other file system at a known place")
    tree = Tree(Path("/"))
    from holdfast.cli.demo.tree import _Walk

    assert b"proc" not in _Walk(tree, Path("/").stat().st_dev, None).enter(b"/", b"")
    assert tree.left_out["other file system"] >= 1


# --- the proof -----------------------------------------------------------------------------------------------


def faults(path: Path, content: bytes, *, fingerprint: str | None = None) -> list[str]:
    mark = fingerprint or sha256(content).hexdigest()
    return list(check_copies([(path, mark, len(content))], tick=lambda _: None).values())


def test_a_right_copy(tmp_path: Path) -> None:
    copy = tmp_path / "copy.gz"
    for content in (b"", b"x", os.urandom(300_000), bytes(5_000_000)):
        copy.write_bytes(gzip.compress(content))
        assert faults(copy, content) == []


def test_wrong_copies(tmp_path: Path) -> None:
    content, copy = os.urandom(1000), tmp_path / "copy.gz"
    whole = gzip.compress(content)
    for wrong in (
        whole[:-1],
        whole[:-500],
        whole + b"x",
        b"",
        whole[:600] + b"!!" + whole[602:],
        gzip.compress(b"no"),
    ):
        copy.write_bytes(wrong)
        assert len(faults(copy, content)) == 1, wrong
    copy.unlink()
    assert faults(copy, content) == ["the copy is missing"]


# --- the output folder ---------------------------------------------------------------------------------------


@contextmanager
def holding(place: Place, *, fresh: bool = False) -> Iterator[bool]:
    with place.held(fresh=fresh) as resumed:
        yield resumed


def test_one_demo_at_a_time(tmp_path: Path) -> None:
    with (
        holding(Place(tmp_path / "out", tmp_path)),
        pytest.raises(DemoError, match="another demo is at work"),
        holding(Place(tmp_path / "out", tmp_path)),
    ):
        pass


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(DemoError, match="holds other files"), holding(Place(tmp_path, tmp_path), fresh=True):
        pass
    assert (tmp_path / "precious").exists()


def test_what_was_cut_short_is_continued_and_what_was_finished_is_not(tmp_path: Path) -> None:
    place = Place(tmp_path / "out", tmp_path)
    with holding(place) as resumed:
        assert not resumed
        place.database.touch()
    with holding(place) as resumed:
        assert resumed
        place.finish()
    with holding(place) as resumed:
        assert not resumed
        assert not place.database.exists()


def test_fresh_clears_what_was_cut_short(tmp_path: Path) -> None:
    place = Place(tmp_path / "out", tmp_path)
    with holding(place):
        place.database.touch()
    with holding(place, fresh=True) as resumed:
        assert not resumed
        assert not place.database.exists()


def test_another_source_is_refused_unless_fresh(tmp_path: Path) -> None:
    with holding(Place(tmp_path / "out", tmp_path / "a")):
        pass
    other = Place(tmp_path / "out", tmp_path / "b")
    with pytest.raises(DemoError, match="the demo of another folder"), holding(other):
        pass
    with holding(other, fresh=True):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DemoError, match="--into"), holding(Place(tmp_path / "file" / "out", tmp_path)):
        pass
