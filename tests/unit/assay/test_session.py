"""How Java is started."""

import signal
import subprocess

import pytest

from assay import session


def preexec() -> None:
    """PySpark has one too."""


@pytest.mark.parametrize(("launching", "ends"), [([True], 0), ([], -signal.SIGTERM)])
def test_what_is_started_as_java_leaves_sigterm_to_this_process_and_other_programs_do_not(
    launching: list[bool], ends: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_launching", launching)
    done = subprocess.run(["sh", "-c", "kill -TERM $$; exit 0"], preexec_fn=preexec, check=False)
    assert done.returncode == ends
