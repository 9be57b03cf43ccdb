"""The as-of join by Spark alone, for tables whose files nothing else can read.

All tables are united into one stream of rows and questions, sorted once, and answered by one window: two shuffles,
whatever the number of tables. A join per table would plan, sort and shuffle as often as there are tables.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from assay.tables import quoted
from gold.side import Side, key_as_in
from gold.slices import Slice, slices_of


def join_by_window(spine: DataFrame, time: str, sides: Sequence[Side]) -> DataFrame:
    """The join, as `as_of_join` defines it."""
    keys = list(dict.fromkeys(key for side in sides for key in side.keys))
    asked = spine.select(*[F.col(quoted(key)).alias(f"k{at}") for at, key in enumerate(keys)], _of(time).alias("time"))
    asked = asked.where("time IS NOT NULL").distinct()
    places = {key: f"k{at}" for at, key in enumerate(keys)}
    told = _united(asked, places, sides)
    by_entity = Window.partitionBy("side", "entity").orderBy("known", F.col("row").isNull())
    so_far = by_entity.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    last = F.when(F.col("row").isNotNull(), F.struct("time", "created", *_ties(sides)))
    found = told.select("*", F.max_by("row", last).over(so_far).alias("found")).where("row IS NULL")
    slices = slices_of(sides)
    answers = found.groupBy(*places.values(), "time").agg(
        *[
            F.first(F.when(F.col("side") == at, _answer(side, place, slices[at])), ignorenulls=True).alias(place)
            for at, (place, side) in enumerate(zip(_places(sides), sides, strict=True))
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


def orderable(rows: DataFrame, features: Sequence[str]) -> Column:
    """Some columns as one value that has an order."""
    together = F.struct(*[_of(name) for name in features])
    return together if _have_order(rows, features) else F.to_json(together)


def _have_order(rows: DataFrame, features: Sequence[str]) -> bool:
    return "map<" not in rows.select(*map(_of, features)).schema.simpleString()


def _ties(sides: Sequence[Side]) -> list[str]:
    """The columns that decide between rows of a side that are of one time and were created at once."""
    return [
        place if _have_order(side.rows, list(side.features.values())) else f"{place}_text"
        for place, side in zip(_places(sides), sides, strict=True)
    ]


def _united(asked: DataFrame, places: Mapping[str, str], sides: Sequence[Side]) -> DataFrame:
    """Rows of every side (`row` holds the features) and a question per side of everything asked (`row` is NULL)."""
    entities = [
        F.array(*[key_as_in(side, asked, key, places[key]).cast("string") for key in side.keys]) for side in sides
    ]
    asked = asked.select(*places.values(), "time", F.col("time").alias("known"), F.array(*entities).alias("entities"))
    united = asked.select("*", F.posexplode("entities").alias("side", "entity")).drop("entities")
    for at, (place, tie, side) in enumerate(zip(_places(sides), _ties(sides), sides, strict=True)):
        features = F.struct(*[_of(name).alias(f"f{number}") for number, name in enumerate(side.features.values())])
        created = _of(side.created).cast("timestamp") if side.created else F.lit(None).cast("timestamp")
        time = _of(side.time).cast("timestamp")
        rows = side.rows.select(
            F.lit(at).alias("side"),
            F.array(*[_of(name).cast("string") for name in side.keys.values()]).alias("entity"),
            time.alias("time"),
            (F.greatest(time, created) if side.from_creation else time).alias("known"),
            created.alias("created"),
            features.alias(place),
            *([] if tie == place else [orderable(side.rows, list(side.features.values())).alias(tie)]),
        )
        united = united.unionByName(rows, allowMissingColumns=True)
    is_row = F.greatest(F.lit(False), F.lit(False), *[F.col(place).isNotNull() for place in _places(sides)])
    row = F.when(is_row, F.struct("time", *_places(sides))).alias("row")
    return united.select("*", row).where(~F.exists("entity", F.isnull))


def _answer(side: Side, place: str, slices: Sequence[Slice]) -> Column:
    """What a side says of an entity at the time of the question, from the row that was found last; NULL for nothing."""
    time, found = F.col("found.time"), F.col(f"found.{place}")
    oldest = F.lit(None).cast("timestamp") if side.ttl is None else F.col("time") - F.lit(side.ttl)
    if side.empty is None:
        return F.when(oldest.isNull() | (time >= oldest), found)
    newest = _newest(slices)
    of_slice = F.timestamp_micros(newest["time"])
    alive = oldest.isNull() | (of_slice >= oldest)
    return F.when(alive & (time == of_slice), found).when(alive & newest["whole"], _empty(side))


def _newest(slices: Sequence[Slice]) -> Column:
    """The newest slice that was known at the time of the question; NULL for none."""
    told = F.lit(json.dumps([asdict(each) for each in slices]))  # one literal, however many
    known = F.from_json(told, "array<struct<time: bigint, whole: boolean, known: bigint>>")
    return F.array_max(F.filter(known, lambda each: each["known"] <= F.unix_micros("time")))


def _empty(side: Side) -> Column:
    """The features of an entity that a slice says nothing of."""
    return F.struct(*[
        F.lit((side.empty or {}).get(name)).cast(side.type_of(column)).alias(f"f{number}")
        for number, (name, column) in enumerate(side.features.items())
    ])  # fmt: skip


def _of(name: str) -> Column:
    return F.col(quoted(name))
