"""`assay sql` as a command, answered by DuckDB: formats, files, scripts, limits; no Java, and no library that is not needed."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from assay.cli import main
from assay.lakehouse import Lakehouse

QUERY = "select dest, flights from gold.routes order by flights, dest"


@pytest.fixture
def sql(asked: Lakehouse, capsys: pytest.CaptureFixture[str]) -> "Sql":
    """Asks, and gives the exit code and what was printed."""
    return Sql(asked, capsys)


class Sql:
    """The command on the lakehouse of two tables."""

    def __init__(self, lakehouse: Lakehouse, capsys: pytest.CaptureFixture[str]) -> None:
        self.lakehouse, self.capsys = lakehouse, capsys

    def __call__(self, *words: str) -> tuple[int, str]:
        code = main(["sql", *words, "--engine", "duckdb", "--conf-dir", str(self.lakehouse.conf_dir)])
        told = self.capsys.readouterr()
        return code, told.out + told.err


def test_a_table_says_when_there_is_more(sql: Sql) -> None:
    lines = ["dest  flights", "----  -------", "BOS         1", "BOS         1"]
    assert sql(QUERY, "--limit", "2") == (0, "\n".join([*lines, "2 rows, more exist: --limit 2", ""]))
    assert sql("select 1 as one")[1].endswith("\n  1\n1 row\n")


def test_csv_has_all_rows_and_no_formula(sql: Sql) -> None:
    assert sql(QUERY, "--format", "csv") == (0, "dest,flights\r\nBOS,1\r\nBOS,1\r\n,20\r\n'=x,300\r\n")


def test_json_is_one_object(sql: Sql) -> None:
    rows = [["BOS", 1], ["BOS", 1], [None, 20]]
    assert json.loads(sql(QUERY, "--json", "--limit", "3")[1]) == {
        "columns": ["dest", "flights"], "rows": rows, "more": True,
    }  # fmt: skip


def test_a_file_gets_all_rows_in_the_format_of_its_ending(sql: Sql, tmp_path: Path) -> None:
    path = tmp_path / "new" / "routes.json"
    assert sql(QUERY, "--output", str(path)) == (0, f"4 rows: {path}\n")
    assert len(json.loads(path.read_text())["rows"]) == 4
    assert json.loads(sql(QUERY, "--output", str(tmp_path / "routes.csv"), "--json")[1])["rows"] == 4
    assert (tmp_path / "routes.csv").read_text().splitlines()[-1] == "'=x,300"


def test_a_script_comes_by_standard_input(sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("select 1 as a; -- one\nselect 2 as b;"))
    assert sql("--format", "csv") == (0, "a\r\n1\r\nb\r\n2\r\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((QUERY, "--limit", "0"), "The limit is not a number of rows."),
        ((";",), "There is no query."),
        (("select 1 as a; select 2 as b", "--output", "x.csv"), "This is not one query."),
        ((QUERY, "--output", "x.xls"), "The file's ending tells no format."),
        ((QUERY, "--format", "parquet"), "Parquet is for a file"),
        ((QUERY, "--output", "x.parquet"), "Parquet is written of Spark's answers."),
    ],
)
def test_what_makes_no_sense_is_refused(sql: Sql, words: tuple[str, ...], told: str) -> None:
    code, said = sql(*words)
    assert code == 2
    assert told in said


def test_a_quick_question_imports_neither_spark_nor_arrow(asked: Lakehouse) -> None:
    code = (
        "import sys\nfrom assay.cli import main\n"
        f"assert main(['sql', 'select count(*) from gold.routes', '--conf-dir', {str(asked.conf_dir)!r}]) == 0\n"
        "heavy = ('pyspark', 'pyarrow', 'numpy', 'pandas', 'mlflow')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.splitlines()[2].strip(), done.stderr) == ("4", "[]\n")
