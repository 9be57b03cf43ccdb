"""The shell on a real terminal."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from psutil import STATUS_SLEEPING, Process

from assay.ask.completion import completions
from assay.ask.delta_files import DeltaFiles
from assay.ask.shell import GOES_ON, PROMPT
from assay.lakehouse import Lakehouse

PATIENCE = 60


class Terminal:
    """A shell that runs in a terminal of its own."""

    def __init__(self, lakehouse: Lakehouse, home: Path) -> None:
        self.terminal, inside = pty.openpty()
        words = [sys.executable, "-m", "assay.cli", "sql", "--engine", "duckdb", "--conf-dir", str(lakehouse.conf_dir)]
        variables = os.environ | {"XDG_STATE_HOME": str(home), "TERM": "dumb", "INPUTRC": "/dev/null"}
        self.process = subprocess.Popen(
            words, stdin=inside, stdout=inside, stderr=inside, env=variables, start_new_session=True,
        )  # fmt: skip
        os.close(inside)

    def told(self, until: str) -> str:
        """What comes on the terminal up to a text."""
        so_far, end = "", time.monotonic() + PATIENCE
        while not so_far.endswith(until):
            ready, _, _ = select.select([self.terminal], [], [], end - time.monotonic())
            assert ready, so_far
            so_far += os.read(self.terminal, 1).decode(errors="replace")
        return so_far.replace("\r\n", "\n")

    def type(self, keys: str, until: str = PROMPT) -> str:
        """What comes of some keys."""
        os.write(self.terminal, keys.encode())
        return self.told(until)

    def asleep(self) -> None:
        """Wait until the shell waits for keys: a signal between its prompt and its wait is only seen at the next key."""
        end = time.monotonic() + PATIENCE
        while (state := Process(self.process.pid).status()) != STATUS_SLEEPING:
            assert time.monotonic() < end, state
            time.sleep(0.05)


@pytest.fixture
def shell(asked: Lakehouse, tmp_path: Path) -> Iterator[Terminal]:
    """A shell that waits for its first statement."""
    made = Terminal(asked, tmp_path)
    made.told(PROMPT)
    yield made
    made.process.kill()
    made.process.wait()
    os.close(made.terminal)


def test_the_shell_answers_goes_on_after_errors_and_remembers(shell: Terminal, tmp_path: Path) -> None:
    assert "bread" not in shell.type("select count(*) as bread\n", until=GOES_ON)[30:]
    assert re.search(r"bread\n-----\n    4\n1 row", shell.type("from gold.routes;\n"))
    assert "DuckDB may not answer this as Spark does" in shell.type("select nothing;\n")
    assert "did you mean '.tables'" in shell.type(".table\n")
    assert "gold.routes\nsilver.readings\nsilver.readings__history" in shell.type("\\d\n")
    assert "flights  integer" in shell.type(".columns gold.routes\n")
    assert re.search(
        r"dest,flights\r?\nBOS,1",
        shell.type(".format csv\n") + shell.type("select dest, flights from gold.ro\t where flights = 1 limit 1;\n"),
    )
    os.write(shell.terminal, b"\x04")
    assert shell.process.wait(PATIENCE) == 0
    history = tmp_path / "assay" / "sql_history"
    assert "select count(*) as bread from gold.routes;" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_ctrl_c_drops_what_was_begun_and_cancels_a_query(shell: Terminal) -> None:
    shell.type("select 1\n", until=GOES_ON)
    shell.asleep()
    os.kill(shell.process.pid, signal.SIGINT)
    shell.told(PROMPT)
    many = ", ".join(f"gold.routes as r{number}" for number in range(30))
    os.write(
        shell.terminal,
        f"select count(*) as c from {many} where r0.flights + r1.flights = r2.flights - r29.flights;\n".encode(),
    )
    shell.told(";\r\n")
    time.sleep(2)
    os.kill(shell.process.pid, signal.SIGINT)
    assert "the query was cancelled" in shell.told(PROMPT)
    assert "1\n1 row" in shell.type("select 1 as one;\n")


def test_words_become_tables_columns_and_sql(asked: Lakehouse) -> None:
    files = DeltaFiles(Path(asked.root))
    assert completions("gold.", "select * from gold.", files) == ["gold.routes"]
    assert completions("fl", "select * from gold.routes where fl", files) == ["flights"]
    assert completions("SEL", "SEL", files) == ["SELECT"]
    assert completions("fl", "select fl", None) == []
