"""`holdfast demo` as a newcomer runs it: the real command on real folders, cut short and run again."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

from tests.faces.conftest import Answer, Run, command, environment, run_in

FINISHED = "holdfast_finished WHERE id IN (SELECT id FROM holdfast_jobs WHERE queue = 'demo')"
"""Without the cron job's, which come by the clock."""


def fired(answer: Answer) -> int:
    """How often the cron job fired, as the table at the end says."""
    found = re.search(r"Cron job +│ schedule demo\.watch fired (\d+) time", answer.out)
    assert found, answer.out
    return int(found[1])


def run_demo(source: Path, output: Path, *arguments: str, **env: str) -> Answer:
    return run_in(source.parent, "demo", str(source), "--into", str(output), *arguments, **env)


def prove(source: Path, output: Path, expected: dict[bytes, bytes]) -> None:
    """By other means than the demo's own: each file has a line with its fingerprint, and a copy of that name."""
    found: dict[bytes, str] = {}
    for line in (output / "SHA256SUMS").read_bytes().splitlines():
        escaped = line.startswith(b"\\")
        mark, name = line.removeprefix(b"\\")[:64], line.removeprefix(b"\\")[66:]
        found[name.replace(b"\\n", b"\n").replace(b"\\\\", b"\\") if escaped else name] = mark.decode()
    assert found == {name: sha256(content).hexdigest() for name, content in expected.items()}
    for name, mark in found.items():
        copy = output / "files" / mark[:2] / f"{mark[2:]}.gz"
        assert gzip.decompress(copy.read_bytes()) == expected[name]


def make_files(folder: Path, count: int, size: int = 2000) -> dict[bytes, bytes]:
    """Some files that differ, of about that size, half of it compressible."""
    expected: dict[bytes, bytes] = {}
    for number in range(count):
        path = folder / f"d{number % 7}" / f"file {number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = os.urandom(size // 2) + f"{number}\n".encode() * (size // 8)
        path.write_bytes(content)
        expected[os.fsencode(path.relative_to(folder))] = content
    return expected


def counts(output: Path, query: str) -> int:
    with sqlite3.connect(f"file:{output}/jobs.db?mode=ro", uri=True) as database:
        found: int = database.execute(query).fetchone()[0]
    database.close()
    return found


def finished(output: Path) -> int:
    try:
        return counts(output, f"SELECT count(*) FROM {FINISHED}")
    except sqlite3.Error:
        return 0


# --- the whole of it -----------------------------------------------------------------------------------------


def test_demo(tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    expected = make_files(source, 40)
    (source / "twin").write_bytes(expected[b"d0/file 0.txt"])
    expected[b"twin"] = expected[b"d0/file 0.txt"]
    answer = run_demo(source, output)
    assert answer.code == 0, answer.out + answer.err
    assert answer.err == ""
    assert max(len(line) for line in answer.lines if "│" in line) <= 80
    for words in ("41 files", "42 succeeded", "jobs per second", "saved", "3 jobs that failed once on purpose",
                  "1 file shares a copy", "after its time", "Slowest job", "It worked"):  # fmt: skip
        assert words in answer.out
    prove(source, output, expected)
    assert counts(output, "SELECT count(*) FROM holdfast_job_errors WHERE message LIKE '%on purpose%'") == 3
    assert not list((output / "drafts").iterdir())
    # By a real schedule, at whole seconds, each once; the demo waited for the first and not for long.
    assert 1 <= fired(answer) <= 6
    assert counts(output, "SELECT count(job) FROM holdfast_schedule_fires") == fired(answer)
    assert counts(output, "SELECT max(at % 1000000) FROM holdfast_schedule_fires") == 0
    watched = "SELECT count(*) FROM holdfast_jobs WHERE task = 'demo.watch' AND queue = 'demo-cron'"
    assert counts(output, watched) == fired(answer)


def test_what_it_tells_to_type_works(tmp_path: Path) -> None:
    source, output = tmp_path / "the source's", tmp_path / "out put"
    make_files(source, 3)
    answer = run_demo(source, output)
    assert answer.code == 0
    lines = [line.strip() for line in answer.out.partition("Look around:")[2].splitlines() if line.strip()]
    assert len(lines) >= 3
    done = subprocess.run(
        ["sh", "-ec", "\n".join(lines)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf"succeeded +{4 + fired(answer)}\n", done.stdout)


def test_the_own_tree_when_no_folder_is_named(tmp_path: Path) -> None:
    """As `make demo` does, in a shell with next to nothing in its environment."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
        "TMPDIR": str(tmp_path)
    }
    done = subprocess.run(command("demo"), cwd="/", env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(the project's own tree)" in done.stdout
    (folder,) = tmp_path.glob("holdfast-demo-*")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_empty_folder(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    answer = run_demo(source, tmp_path / "output")
    assert answer.code == 0, answer.out + answer.err
    assert "0 files" in answer.out


def test_the_output_may_be_inside(tmp_path: Path) -> None:
    expected = make_files(tmp_path, 5)
    for _ in range(2):
        answer = run_demo(tmp_path, tmp_path / "output")
        assert answer.code == 0
        prove(tmp_path, tmp_path / "output", expected)


def test_strange_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    contents: dict[bytes, bytes] = {
        b"\xff\xfe": b"no UTF-8",
        "naïve ☃".encode(): b"",
        b"new\nline": b"1",
        b"back\\slash": b"2",
        rb"\xff": b"3",
        b"-rf": b"4",
        b"[bold]{}%s": b"5",
        b"x" * 255: b"6" * 3_000_000,
        b"a": b"7",
        b"a.gz": b"8",
        b"\x1b[2J": b"9",
    }
    for name, content in contents.items():
        Path(os.fsdecode(os.fsencode(source) + b"/" + name)).write_bytes(content)
    os.mkfifo(source / "pipe")
    (source / "loop").symlink_to(source)
    answer = run_demo(source, tmp_path / "output")
    assert answer.code == 0, answer.out + answer.err
    assert "\x1b[2J" not in answer.out
    assert "1 named pipe" in answer.out
    assert "1 symbolic link" in answer.out
    prove(source, tmp_path / "output", contents)


def run_changed(program: str, source: Path, output: Path) -> Answer:
    """Run the demo in an interpreter where a program has changed something first."""
    end = "\nfrom holdfast.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", f"import os, sys\n{program}{end}", "demo", str(source), "--into", str(output)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def test_unreadable_files_are_named_and_the_rest_is_done(tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    expected = make_files(source, 5)
    (source / "closed").write_text("secret")
    # Not by its mode: the superuser may read everything.
    refuse = """
original = os.open
def refusing(path, *rest, **more):
    if os.fspath(path).endswith("closed"):
        raise PermissionError(13, "Permission denied", path)
    return original(path, *rest, **more)
os.open = refusing
"""
    answer = run_changed(refuse, source, output)
    assert answer.code == 0, answer.out + answer.err
    assert "These may not be read" in answer.out
    assert "closed: error" in answer.out
    assert "6 succeeded, 1 failed" in answer.out
    prove(source, output, expected)


# --- cut short -----------------------------------------------------------------------------------------------


def start(source: Path, output: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("demo", str(source), "--into", str(output), *arguments),
        cwd=source.parent,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_some(process: subprocess.Popen[str], output: Path, least: int) -> None:
    end = time.monotonic() + 60
    while finished(output) < least:
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_cut_short_and_run_again(tmp_path: Path, number: signal.Signals) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    expected = make_files(source, 800)
    with start(source, output, "--threads", "1") as process:
        wait_for_some(process, output, 50)
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 128 + number
        assert "Interrupted." in said
        assert "Go on with:" in said
        assert f"demo {source} --into {output}" in said
    done = finished(output)
    assert 50 <= done < 800
    answer = run_demo(source, output)
    assert answer.code == 0, answer.out + answer.err
    assert f"{done} files done" in answer.out
    assert "801 succeeded" in answer.out
    prove(source, output, expected)
    # What was finished was not done again: each of those jobs ran once, or twice if it was to fail at first.
    assert counts(output, f"SELECT count(*) FROM {FINISHED}") == 801
    assert counts(output, f"SELECT count(*) FROM {FINISHED} AND run > 1") < 300


def test_killed_while_the_jobs_are_put_in(tmp_path: Path) -> None:
    """The jobs come in thousands, each a transaction: the second run puts in what is missing."""
    source, output = tmp_path / "source", tmp_path / "output"
    expected = make_files(source, 1500, size=20)
    die = """
from holdfast import Holdfast
original = Holdfast.enqueue_many
def once(self, drafts):
    original(self, drafts)
    os.kill(os.getpid(), 9)
Holdfast.enqueue_many = once
"""
    assert run_changed(die, source, output).code == -9
    assert counts(output, "SELECT count(*) FROM holdfast_jobs") == 1000
    answer = run_demo(source, output)
    assert answer.code == 0, answer.out + answer.err
    assert "500 jobs in" in answer.out
    assert "1,000 jobs still to do" in answer.out
    prove(source, output, expected)


def test_run_again_after_the_end_starts_over(tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    make_files(source, 5)
    assert run_demo(source, output).code == 0
    expected = make_files(source, 5)
    answer = run_demo(source, output)
    assert answer.code == 0
    assert "6 succeeded" in answer.out
    prove(source, output, expected)


def test_a_copy_that_was_lost_is_made_again(tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    expected = make_files(source, 6)
    assert run_demo(source, output).code == 0
    mark = sha256(expected[b"d0/file 0.txt"]).hexdigest()
    (output / "files" / mark[:2] / f"{mark[2:]}.gz").unlink()
    unfinish(output)
    answer = run_demo(source, output)
    assert answer.code == 0, answer.out + answer.err
    assert "5 files done, 1 tried again" in answer.out
    prove(source, output, expected)


def test_a_damaged_copy_is_found_out(tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    expected = make_files(source, 6)
    assert run_demo(source, output).code == 0
    mark = sha256(expected[b"d0/file 0.txt"]).hexdigest()
    (output / "files" / mark[:2] / f"{mark[2:]}.gz").write_bytes(gzip.compress(b"something else"))
    unfinish(output)
    answer = run_demo(source, output)
    assert answer.code == 1
    assert "Something is wrong" in answer.out
    assert "It worked" not in answer.out
    assert "the copy unpacks to 14 bytes" in answer.out


def unfinish(output: Path) -> None:
    """As if the demo had been killed at its very end."""
    mark = output / "holdfast-demo.json"
    mark.write_text(json.dumps(json.loads(mark.read_text()) | {"finished": False}))


def test_files_that_go_away_meanwhile(tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    make_files(source, 6)
    remove = f"""
import shutil
from holdfast import Holdfast
original = Holdfast.enqueue_many
def once(self, drafts):
    original(self, drafts)
    shutil.rmtree({str(source / "d0")!r})
Holdfast.enqueue_many = once
"""
    answer = run_changed(remove, source, output)
    assert answer.code == 0, answer.out + answer.err
    assert "1 cancelled" in answer.out
    assert "d0/file 0.txt" in answer.out


# --- refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothere"], 2, "does not exist"),
        (["app.py"], 2, "is a file"),
        ([".", "--into", "app.py/x"], 1, "--into"),
        ([".", "--into", "."], 1, "holds other files"),
        ([".", "--threads", "0"], 2, "--threads"),
    ],
)
def test_what_is_refused(bare: Run, arguments: list[str], code: int, said: str) -> None:
    answer = bare("demo", *arguments)
    assert answer.code == code
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_two_at_once(tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    make_files(source, 300)
    with start(source, output, "--threads", "1") as first:
        wait_for_some(first, output, 1)
        second = run_demo(source, output)
        assert first.wait(60) == 0
    assert second.code == 1
    assert "another demo is at work" in second.err


# --- how it looks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80])
def test_in_a_terminal(tmp_path: Path, columns: int) -> None:
    source, output = tmp_path / "s", tmp_path / "o"
    make_files(source, 60)
    main, other = pty.openpty()
    env = environment(COLUMNS=str(columns), TERM="xterm-256color")
    with subprocess.Popen(
        command("demo", str(source), "--into", str(output)), env=env, stdin=other, stdout=other, stderr=other
    ) as process:
        os.close(other)
        shown = b""
        try:
            while chunk := os.read(main, 65536):
                shown += chunk
        except OSError:
            pass  # the other end was closed
        assert process.wait(60) == 0
    os.close(main)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()).replace("\r", "\n")
    assert "Working" in text
    assert "It worked" in text
    # The commands at the end are whole, to be copied.
    for line in text.partition("Look around")[0].splitlines():
        assert len(line) <= columns or str(tmp_path) in line, line


def test_without_unicode(tmp_path: Path) -> None:
    source = tmp_path / "source"
    make_files(source, 4)
    answer = run_demo(source, tmp_path / "output", PYTHONIOENCODING="ascii")
    assert answer.code == 0, answer.err
    assert answer.out.isascii()
    assert "->" in answer.out


def test_a_disk_without_room_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    # Sparse: it claims more than any disk has, and takes nothing.
    with (source / "huge").open("wb") as file:
        try:
            file.truncate(shutil.disk_usage(tmp_path).total * 2)
        except OSError:
            pytest.skip("this file system refuses files that are larger than itself")
    answer = run_demo(source, tmp_path / "output")
    assert answer.code == 1
    assert "--into" in answer.err
