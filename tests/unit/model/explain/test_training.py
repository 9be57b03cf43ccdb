"""Where values stand among those of a training range."""

from decimal import Decimal

from pyspark.sql import SparkSession

from model.explain.training import asked

SCHEMA = "rate double, carrier string, seats int, share decimal(4,2), is_late boolean"


def test_standing_counts_what_is_missing_below_and_equal(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [
            (0.25, "AA", 100, Decimal("0.10"), True),
            (0.5, "AA", None, Decimal("0.20"), False),
            (0.5, "DL", 150, None, None),
            (None, None, 150, Decimal("0.30"), True),
        ],
        SCHEMA,
    )
    values = {"rate": 0.5, "carrier": "AA", "seats": None, "share": Decimal("0.25"), "is_late": True}
    found = rows.agg(*asked(rows, values)).collect()[0].asDict()
    standing = {name: tuple(found[f"{what} {name}"] for what in ("missing", "below", "equal")) for name in values}
    assert standing == {
        "rate": (1, 1, 2),
        "carrier": (1, None, 2),
        "seats": (1, None, 0),
        "share": (1, 2, 0),
        "is_late": (1, None, 2),
    }
