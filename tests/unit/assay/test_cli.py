"""The `assay` command: help at once, hints, exit codes, and answers for machines."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from assay import __version__, cli, errors
from assay.config.schema import schemas

HEAVY = ("pyspark", "pandas", "pyarrow", "mlflow", "feast", "great_expectations", "xgboost", "dbt", "matplotlib")


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A copy of the flights' configuration, to break."""
    shutil.copytree("conf/flights", tmp_path / "conf/x")
    (tmp_path / "conf/env").mkdir()
    shutil.copy("conf/env/local.yml", tmp_path / "conf/env/local.yml")
    return tmp_path / "conf/x"


def test_help_takes_less_than_a_second_and_imports_no_library() -> None:
    code = (
        "import sys, time\n"
        "from assay.cli import main\n"
        "assert main(['--help']) == 0\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print(heavy, time.process_time() < 1.0, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[] True\n"
    assert all(f"  {command} " in done.stdout for command in cli.COMMANDS)


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"], ["help"]])
def test_help_lists_commands_and_exit_codes(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    told = capsys.readouterr().out
    assert all(text in told for text in cli.COMMANDS.values())
    codes = {kind.exit_code for kind in errors.AssayError.__subclasses__()}
    assert all(f" {code} " in told.splitlines()[-1] for code in codes)


def test_every_command_is_a_job() -> None:
    assert [name for name in cli.COMMANDS if find_spec(f"jobs.{name.replace('-', '_')}") is None] == []


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("nightli", "did you mean 'nightly'?"),
        ("sillver", "did you mean 'silver'?"),
        ("xyz", "known: " + ", ".join(sorted(cli.COMMANDS))),
    ],
)
def test_unknown_command_is_answered_with_the_nearest(word: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([word]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"assay: unknown command {word!r}; {hint}\n")


@pytest.mark.parametrize("kind", errors.AssayError.__subclasses__())
def test_run_gives_the_exit_code_of_the_error(
    kind: type[errors.AssayError], capsys: pytest.CaptureFixture[str]
) -> None:
    def job(_: Sequence[str]) -> None:
        raise kind("It is wrong.", where="a.yml:3", found=0, expected="1 or more", do="correct it")

    assert cli.run(job, []) == kind.exit_code
    assert capsys.readouterr().err == (
        "assay: It is wrong.\n  where:    a.yml:3\n  found:    0\n  expected: 1 or more\n  do:       correct it\n"
    )


def test_run_prints_one_json_object_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    def job(_: Sequence[str]) -> None:
        raise errors.SourceError("It is wrong.", found=0)

    assert cli.run(job, ["--json"]) == 3
    told = capsys.readouterr()
    assert told.err == ""
    assert json.loads(told.out) == {
        "error": "SourceError", "what": "It is wrong.", "where": "", "found": "0", "expected": "", "do": "",
    }  # fmt: skip


def test_run_lets_a_bug_show_its_stack_and_an_interrupt_exit_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    def bug(_: Sequence[str]) -> None:
        raise ZeroDivisionError

    def interrupted(_: Sequence[str]) -> None:
        raise KeyboardInterrupt

    assert cli.run(bug, []) == 1
    told = capsys.readouterr().err
    assert told.startswith("Traceback")
    assert told.endswith("ZeroDivisionError\n")
    assert cli.run(interrupted, []) == 130
    assert capsys.readouterr().err == "assay: interrupted; run the same command again to go on\n"


def test_every_command_takes_folder_and_environment_also_from_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_CONF", raising=False)
    monkeypatch.delenv("ASSAY_ENV", raising=False)
    given = cli.parser("d").parse_args(["--as-of", "2013-03-01"])
    assert vars(given) == {
        "conf_dir": "conf/flights", "env": "local", "json": False, "verbose": False, "as_of": "2013-03-01",
    }  # fmt: skip
    monkeypatch.setenv("ASSAY_CONF", "conf/meters")
    monkeypatch.setenv("ASSAY_ENV", "cluster")
    given = cli.parser("d", as_of=False).parse_args(["--json", "-v"])
    assert vars(given) == {"conf_dir": "conf/meters", "env": "cluster", "json": True, "verbose": True}


def test_validate_accepts_the_flights(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", "--conf-dir", "conf/flights"]) == 0
    assert capsys.readouterr().out == "flights: 6 sources, 11 feature tables, 1 models, all valid\n"
    assert cli.main(["validate", "--conf-dir", "conf/flights", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"sources": 6, "feature tables": 11, "models": 1}


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "sources/weather.yml",
            "event_time:",
            "event_tim:",
            ("The configuration is not valid: unknown key event_tim: did you mean 'event_time'?", "event_tim", ""),
        ),
        (
            "features/route_delays.yml",
            "{count:",
            "{cuont:",
            ("There is no aggregate 'cuont'.", "features.flights.cuont", "did you mean 'count'?"),
        ),
        (
            "features/route_delays.yml",
            "source: outcomes",
            "source: outcome",
            ("There is no source 'outcome'.", "source", "did you mean 'outcomes'?"),
        ),
        ("models/late_arrival.yml", "auc:", "acu:", ("There is no gate 'acu'.", "gates.acu", "did you mean 'auc'?")),
    ],
    ids=["key", "aggregate", "source", "gate"],
)
def test_validate_points_at_what_is_wrong(
    conf: Path, capsys: pytest.CaptureFixture[str], *, file: str, old: str, new: str, told: tuple[str, str, str]
) -> None:
    what, key, expected = told
    text = (conf / file).read_text()
    assert text.count(old) == 1
    line = text[: text.index(old)].count("\n") + 1
    (conf / file).write_text(text.replace(old, new))
    assert cli.main(["validate", "--conf-dir", str(conf), "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert (answer["error"], answer["what"], answer["where"], answer["expected"]) == (
        "ConfigError", what, f"{conf}/{file}:{line}, key {key}", expected,
    )  # fmt: skip


def test_validate_of_a_folder_that_is_none_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", "--conf-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"assay: This is no lakehouse's configuration folder.\n  where:    {tmp_path}\n"
        "  expected: a folder with lakehouse.yml\n"
        "  do:       name one with --conf-dir or ASSAY_CONF, such as conf/flights\n"
    )


def test_schema_writes_a_file_per_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", "--to", str(tmp_path / "new"), "--json"]) == 0
    written = [Path(path) for path in json.loads(capsys.readouterr().out)]
    assert {path.stem: json.loads(path.read_text()) for path in written} == schemas()
