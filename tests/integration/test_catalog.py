"""Tables by name: those of the lakehouse that is asked, also when the session has served another."""

from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from assay.ask.answer import Answer
from assay.catalog import ask
from assay.config import Environment
from assay.errors import TableError
from assay.lakehouse import Lakehouse, open_lakehouse


def lakehouse(warehouse: Path) -> Lakehouse:
    opened = open_lakehouse("conf/flights")
    return replace(opened, environment=Environment(name="local", warehouse=str(warehouse)))


def told(answer: Answer) -> tuple[list[str], list[list[object]]]:
    return [*answer.columns], [[*row] for row in answer.rows]


def test_ask_answers_from_its_own_lakehouse(spark: SparkSession, tmp_path: Path, empty_catalog: None) -> None:
    one, other = lakehouse(tmp_path / "one"), lakehouse(tmp_path / "other")
    one.tables.append("gold.numbers", spark.range(1))
    one.tables.append("gold.only_here", spark.range(1))
    other.tables.append("gold.numbers", spark.range(2))

    assert told(ask(one, "select count(*) as n from gold.numbers")) == (["n"], [[1]])
    assert told(ask(other, "select count(*) as n from gold.numbers")) == (["n"], [[2]])
    with pytest.raises(TableError, match="cannot be answered"):
        ask(other, "select * from gold.only_here")
    assert one.tables.read("gold.only_here").count() == 1


def test_ask_gives_no_more_rows_than_asked_for(spark: SparkSession, tmp_path: Path, empty_catalog: None) -> None:
    one = lakehouse(tmp_path)
    one.tables.append("gold.numbers", spark.range(3).coalesce(1))
    assert told(ask(one, "select id from gold.numbers order by id", at_most=2)) == (["id"], [[0], [1]])
