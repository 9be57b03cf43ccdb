"""The as-of join: for every row of a spine, what each table last said of its entity by the row's time.

All tables are united into one stream of rows and questions, sorted once, and answered by one window: two shuffles,
whatever the number of tables. A join per table would plan, sort and shuffle as often as there are tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from assay.tables import quoted


@dataclass(frozen=True)
class Side:
    """One table to join.

    Args:
        rows: The table.
        keys: Spine column -> column of the table.
        time: The table's event time.
        created: When a row was written, which decides between rows of equal event time.
        ttl: How old a row may be; None for any age.
        features: Column of the result -> column of the table.
    """

    rows: DataFrame
    keys: Mapping[str, str]
    time: str
    created: str | None
    ttl: timedelta | None
    features: Mapping[str, str]


def as_of_join(spine: DataFrame, time: str, sides: Sequence[Side]) -> DataFrame:
    """Every row of the spine, once, with the features of each side as of its time.

    A side's row counts if its event time lies in `[time - ttl, time]`. Of several the newest does; of those of equal
    event time the one created last, then the one whose features sort last. A NULL in a key belongs to no entity.

    Args:
        spine: Rows to answer, with the key columns of every side; equal rows stay as many as they are.
        time: The spine's time column, a timestamp; NULL gets no features.
        sides: The tables, whose results are named differently.

    Returns:
        The spine's columns, then the features in the order of the sides; NULL where a side has no row.
    """
    keys = list(dict.fromkeys(key for side in sides for key in side.keys))
    asked = spine.select(*[F.col(quoted(key)).alias(f"k{at}") for at, key in enumerate(keys)], _of(time).alias("time"))
    asked = asked.where("time IS NOT NULL").distinct()
    places = {key: f"k{at}" for at, key in enumerate(keys)}
    told = _united(asked, places, sides)
    by_entity = Window.partitionBy("side", "entity").orderBy(
        "time", F.col("row").isNull(), "created", *_places(sides)
    ).rowsBetween(Window.unboundedPreceding, Window.currentRow)  # fmt: skip
    found = told.select("*", F.last("row", ignorenulls=True).over(by_entity).alias("found")).where("row IS NULL")
    oldest = F.element_at(F.array(*[_oldest(side) for side in sides]), F.col("side") + 1)
    fresh = oldest.isNull() | (F.col("found.time") >= oldest)
    answers = found.groupBy(*places.values(), "time").agg(
        *[
            F.first(F.when((F.col("side") == at) & fresh, F.col(f"found.{place}")), ignorenulls=True).alias(place)
            for at, place in enumerate(_places(sides))
        ]
    )
    same = [F.col(f"s.{quoted(key)}").eqNullSafe(F.col(f"a.{place}")) for key, place in places.items()]
    joined = spine.alias("s").join(answers.alias("a"), [*same, F.col(f"s.{quoted(time)}") == F.col("a.time")], "left")
    return joined.select(
        *[F.col(f"s.{quoted(name)}") for name in spine.columns],
        *[
            F.col(f"a.{place}.f{number}").alias(name)
            for place, side in zip(_places(sides), sides, strict=True)
            for number, name in enumerate(side.features)
        ],
    )


def _places(sides: Sequence[Side]) -> list[str]:
    """The column that holds each side's features."""
    return [f"p{at}" for at in range(len(sides))]


def _united(asked: DataFrame, places: Mapping[str, str], sides: Sequence[Side]) -> DataFrame:
    """Rows of every side (`row` holds the features) and a question per side of everything asked (`row` is NULL)."""
    entities = [_entity([places[key] for key in side.keys]) for side in sides]
    united = asked.select(*places.values(), "time", F.posexplode(F.array(*entities)).alias("side", "entity"))
    for at, (place, side) in enumerate(zip(_places(sides), sides, strict=True)):
        features = F.struct(*[_of(name).alias(f"f{number}") for number, name in enumerate(side.features.values())])
        created = _of(side.created).cast("timestamp") if side.created else F.lit(None).cast("timestamp")
        rows = side.rows.select(
            F.lit(at).alias("side"),
            _entity(list(side.keys.values())).alias("entity"),
            _of(side.time).cast("timestamp").alias("time"),
            created.alias("created"),
            features.alias(place),
        )
        united = united.unionByName(rows, allowMissingColumns=True)
    is_row = F.greatest(F.lit(False), F.lit(False), *[F.col(place).isNotNull() for place in _places(sides)])
    row = F.when(is_row, F.struct("time", *_places(sides))).alias("row")
    return united.select("*", row).where(~F.exists("entity", F.isnull))


def _entity(columns: Sequence[str]) -> Column:
    """Keys as one value: texts side by side, never one after the other."""
    return F.array(*[_of(name).cast("string") for name in columns])


def _oldest(side: Side) -> Column:
    """The least event time that still counts, at the time of the question."""
    return F.lit(None).cast("timestamp") if side.ttl is None else F.col("time") - F.lit(side.ttl)


def _of(name: str) -> Column:
    return F.col(quoted(name))
