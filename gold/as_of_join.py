"""The as-of join: for every row of a spine, what each table last said of its entity by the row's time.

All tables are united into one stream of rows and questions, sorted once, and answered by one window: two shuffles,
whatever the number of tables. A join per table would plan, sort and shuffle as often as there are tables.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.errors import FeatureError
from assay.tables import quoted


@dataclass(frozen=True)
class Slice:
    """One time of a table that is written in slices: each has a row of every entity that there is something to tell of."""

    time: int
    """Microseconds since 1970, UTC."""
    whole: bool
    """Whether the slice has the columns that have an empty value: one that was added to the table later it has not."""
    known: int
    """From when on it counts, in microseconds too."""


@dataclass(frozen=True)
class Side:
    """One table to join.

    Args:
        rows: The table.
        keys: Spine column -> column of the table.
        time: The table's event time.
        created: When a row was written, which decides between rows of equal event time.
        ttl: How old a row may be; None for any age.
        from_creation: Whether a row counts only from when it was created; otherwise from its event time.
        features: Column of the result -> column of the table.
        empty: Of a table that is written in slices: column of the result -> what an entity without a row in a slice reads
            as, in text; NULL where it is not named. None for any other table.
        slices: The table's slices. Their newest counts alone, an older one says nothing of an entity.
    """

    rows: DataFrame
    keys: Mapping[str, str]
    time: str
    created: str | None
    ttl: timedelta | None
    features: Mapping[str, str]
    from_creation: bool = False
    empty: Mapping[str, str] | None = None
    slices: Sequence[Slice] = ()


def as_of_join(spine: DataFrame, time: str, sides: Sequence[Side]) -> DataFrame:
    """Every row of the spine, once, with the features of each side as of its time.

    A side's row counts if its event time lies in `[time - ttl, time]`. Of several the newest does; of those of equal
    event time the one created last, then the one whose features sort last (those that have no order, as JSON). A NULL
    in a key belongs to no entity. Of a side that is written in slices, only the newest slice there is by then counts.

    Args:
        spine: Rows to answer, with the key columns of every side; equal rows stay as many as they are.
        time: The spine's time column, a timestamp; NULL gets no features.
        sides: The tables, whose results are named differently.

    Returns:
        The spine's columns, then the features in the order of the sides; NULL where a side has no row, or the empty
        values where it has a slice instead.
    """
    keys = list(dict.fromkeys(key for side in sides for key in side.keys))
    asked = spine.select(*[F.col(quoted(key)).alias(f"k{at}") for at, key in enumerate(keys)], _of(time).alias("time"))
    asked = asked.where("time IS NOT NULL").distinct()
    places = {key: f"k{at}" for at, key in enumerate(keys)}
    told = _united(asked, places, sides)
    by_entity = Window.partitionBy("side", "entity").orderBy("known", F.col("row").isNull())
    so_far = by_entity.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    last = F.when(F.col("row").isNotNull(), F.struct("time", "created", *_ties(sides)))
    found = told.select("*", F.max_by("row", last).over(so_far).alias("found")).where("row IS NULL")
    answers = found.groupBy(*places.values(), "time").agg(
        *[
            F.first(F.when(F.col("side") == at, _answer(side, place)), ignorenulls=True).alias(place)
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
        F.array(*[_same(asked, places[key], side.rows, name) for key, name in side.keys.items()]) for side in sides
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


def _same(asked: DataFrame, key: str, rows: DataFrame, name: str) -> Column:
    """A key of the spine as text, written as the table writes it: 7.0 finds 7, and 7.5 nothing."""
    given, there = asked.schema[key].dataType, rows.select(_of(name)).schema[0].dataType
    if given == there:
        return F.col(key).cast("string")
    if given == T.NullType():
        return F.lit(None).cast("string")
    found = F.col(key).try_cast(there)
    same = F.when(found.try_cast(given) == F.col(key), found.cast("string"))
    try:
        asked.select(same)
    except AnalysisException as error:
        raise FeatureError(
            "A key of the entity frame cannot be compared with the table's.", where=f"{key}, {name} in the table",
            found=given.simpleString(), expected=there.simpleString(),
        ) from error  # fmt: skip
    return same


def _answer(side: Side, place: str) -> Column:
    """What a side says of an entity at the time of the question, from the row that was found last; NULL for nothing."""
    time, found = F.col("found.time"), F.col(f"found.{place}")
    oldest = F.lit(None).cast("timestamp") if side.ttl is None else F.col("time") - F.lit(side.ttl)
    if side.empty is None:
        return F.when(oldest.isNull() | (time >= oldest), found)
    newest = _newest(side.slices)
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
    types = side.rows.select(*map(_of, side.features.values())).schema
    return F.struct(*[
        F.lit((side.empty or {}).get(name)).cast(field.dataType).alias(f"f{number}")
        for number, (name, field) in enumerate(zip(side.features, types, strict=True))
    ])  # fmt: skip


def _of(name: str) -> Column:
    return F.col(quoted(name))
