"""What the README shows is run, in a folder of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_program_says_hello(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BLOCKS[0])
    assert run(tmp_path, "app.py") == "hello Ada\n"


USE = """
import asyncio

test_signing_up()
app.migrate()
database = sqlite3.connect("jobs.db")
database.execute("CREATE TABLE orders (address)")
database.execute("CREATE TABLE charges (account, cents)")
signed_up("ada@example.com")
newsletter([f"{n}@example.com" for n in range(100)])
order(database, "ada@example.com")
charge.enqueue(1, 500)
print(asyncio.run(serve()))
poll.enqueue("http://example.com")
app.run_worker(burst=True)
jobs = app.jobs.list(limit=1000)
print(sorted((job.task, job.state.value) for job in jobs if job.queue != "mail"))
print(sum(job.state == "succeeded" for job in jobs), len(jobs))
print(database.execute("SELECT * FROM charges").fetchall())
app.close()
"""


def test_the_tour_runs_from_beginning_to_end(tmp_path: Path) -> None:
    first = BLOCKS[0].partition('if __name__ == "__main__":')[0]
    (tmp_path / "tour.py").write_text("\n\n".join([first, *BLOCKS[1:], USE]))
    assert run(tmp_path, "tour.py").splitlines() == [
        "2",
        "[('tour.charge', 'succeeded'), ('tour.poll', 'pending')]",
        "104 106",
        "[(1, 500)]",
    ]


def test_its_commands_exist(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BLOCKS[0])
    commands = re.findall(
        r"^\$ holdfast (--app app:app .*?)(?:  +#.*)?$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert len(commands) >= 4
    for command in commands:
        if "worker " not in command + " " and "ID" not in command:
            run(tmp_path, "-m", "holdfast", *command.split())
