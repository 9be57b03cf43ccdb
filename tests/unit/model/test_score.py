"""Predictions that are written: each key that was asked for, once, or nothing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from assay.config import Model
from assay.errors import ModelError
from assay.frames import only_row, together
from assay.tables import Commit, Tables
from model.predict import Asked
from model.score import write

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
MODEL = Model.model_validate({
    "name": "late", "description": "d", "spine": {"train": "select 1", "score": "select 1"}, "key": ["carrier", "flight"],
    "features": {}, "split": {"holdout": "1d"}, "train": {"every": "1d", "window": "7d"}, "gates": {},
})  # fmt: skip
ASKED = [("AA", 1, 0.5), ("AA", 2, 0.25), ("UA", 1, 0.75)]


def rows(spark: SparkSession, *rows: tuple[str, int, float]) -> DataFrame:
    """Scored rows of the night."""
    return spark.createDataFrame(
        [(carrier, flight, NIGHT, score) for carrier, flight, score in rows],
        "carrier string, flight int, as_of timestamp, score double",
    )


def written(tables: Tables, scored: DataFrame, asked: Asked) -> Commit:
    return write(tables, MODEL, scored, {}, asked=asked, slice_of={"as_of": [NIGHT]})


def known(spark: SparkSession) -> Asked:
    """The rows asked for, whose keys are known to be different."""
    return Asked(len(ASKED), only_row(rows(spark, *ASKED).agg(together(MODEL.key).alias("keys")))["keys"])


def test_what_was_asked_for_is_written_in_whatever_order(spark: SparkSession, tmp_path: Path) -> None:
    tables = Tables(spark, str(tmp_path))
    for asked in (known(spark), Asked(len(ASKED))):
        written(tables, rows(spark, *reversed(ASKED)).repartition(2), asked)
        found = tables.read("gold.late_predictions").select("carrier", "flight", "score").collect()
        assert sorted(map(tuple, found)) == ASKED


@pytest.mark.parametrize(
    ("scored", "found"),
    [
        ([*ASKED, ("UA", 1, 0.1)], "4 rows, 3 different keys, 4 finite scores"),
        ([*ASKED[:2], ASKED[1]], "3 rows, 2 different keys, 3 finite scores"),
        ([ASKED[0]] * 3, "3 rows, 1 different keys, 3 finite scores"),
        (ASKED[:2], "2 rows, 2 different keys, 2 finite scores"),
        ([*ASKED[:2], ("UA", 1, 1.5)], "3 rows, 3 different keys, 2 finite scores"),
    ],
)
def test_nothing_is_written_of_what_was_not_asked_for(
    spark: SparkSession, tmp_path: Path, scored: list[tuple[str, int, float]], found: str
) -> None:
    tables = Tables(spark, str(tmp_path))
    for asked in (known(spark), Asked(len(ASKED))):
        with pytest.raises(ModelError, match="are not what was asked for") as raised:
            written(tables, rows(spark, *scored), asked)
        assert str(raised.value.found).removesuffix(", of other keys") == found
        assert not tables.exists("gold.late_predictions")


def test_other_keys_are_refused_where_those_asked_for_are_known(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as raised:
        written(Tables(spark, str(tmp_path)), rows(spark, *ASKED[:2], ("UA", 2, 0.75)), known(spark))
    assert raised.value.found == "3 rows, 3 different keys, 3 finite scores, of other keys"
