"""Completion in real shells."""

import subprocess
from pathlib import Path

import pytest

from assay.cli import COMMANDS, main


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What bash is to read."""
    path = tmp_path_factory.mktemp("completion") / "assay.bash"
    with pytest.MonkeyPatch.context() as patch, path.open("w", encoding="utf-8") as file:
        patch.setattr("sys.stdout", file)
        assert main(["completion", "bash"]) == 0
    return path


def completed(script: Path, *words: str) -> list[str]:
    """What bash makes of a line's last word, by the function that it knows for `assay`."""
    asked = (
        f'source "{script}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()\n'
        'function_of() { complete -p assay | sed -n "s/.*-F \\([^ ]*\\) .*/\\1/p"; }\n'
        '"$(function_of)"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", asked, "bash", *words], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_and_choices(script: Path) -> None:
    assert completed(script, "assay", "qu") == ["quarantine"]
    assert set(COMMANDS) < set(completed(script, "assay", ""))
    assert completed(script, "assay", "sql", "--en") == ["--env", "--engine"]
    assert completed(script, "assay", "sql", "--engine", "") == ["auto", "spark", "duckdb"]
    assert completed(script, "assay", "audit", "le") == ["leaks"]
    assert completed(script, "assay", "completion", "z") == ["zsh"]


def test_bash_leaves_values_without_a_choice_to_itself(script: Path) -> None:
    assert completed(script, "assay", "sql", "--output", "--") == []
    assert completed(script, "assay", "unknown", "--") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_every_command_and_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    told = capsys.readouterr().out
    assert [name for name in COMMANDS if f" {name}" not in told] == []
    assert ("--engine" if shell == "zsh" else "-l engine -x -a 'auto spark duckdb'") in told
