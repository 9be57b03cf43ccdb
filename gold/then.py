"""Where the features of past inputs lie today: their tables may be defined, and built, in another way since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.config import FeatureTable, Model
from assay.lakehouse import Lakehouse
from assay.tables import quoted
from gold.definitions import built_by, older_name, older_tables, recorded, written


@dataclass(frozen=True)
class Then:
    """Where to look for what is not where it is looked for today."""

    older: tuple[FeatureTable, ...] = ()
    """The older versions that some night's features are of."""
    moved: Mapping[str, Mapping[str, list[datetime]]] = field(default_factory=dict)
    """Feature table -> older version -> the nights whose features are of it."""
    lost: Mapping[str, list[datetime]] = field(default_factory=dict)
    """Feature table -> nights that it is built for by another definition, without a table that has the one of then."""

    def differs(self, name: str) -> Column:
        """Whether a value of `stored` is not what is in `found`, where it is known where to look."""
        stored, (table, _, feature) = F.col(f"stored.{quoted(name)}"), name.partition("__")
        found = F.col(f"found.{quoted(name)}")
        for older, nights in self.moved.get(table, {}).items():
            then = F.col(f"found.{quoted(f'{older}__{feature}')}")
            found = F.when(F.col("stored.as_of").isin(nights), then).otherwise(found)
        nights = self.lost.get(table, [])
        if not feature:  # a request input, which is worked out from features of today
            nights = [night for tables in self.moved.values() for each in tables.values() for night in each]
            nights += [night for each in self.lost.values() for night in each]
        return ~stored.eqNullSafe(found) & ~F.col("stored.as_of").isin(nights) if nights else ~stored.eqNullSafe(found)

    def told(self) -> list[str]:
        """What is to be known of it."""
        moved = [f"{len(nights)} nights of {older}" for of in self.moved.values() for older, nights in of.items()]
        lost = [
            f"{len(nights)} nights of {table} are not compared: it was defined otherwise, and that is not kept"
            for table, nights in self.lost.items()
        ]
        return [*([f"compared with older versions: {', '.join(moved)}"] if moved else []), *lost]


def then(lakehouse: Lakehouse, model: Model, stored: DataFrame, column: str) -> Then:
    """Where the features of some nights' inputs lie: one job, and none of inputs that do not tell by what they were defined.

    Args:
        lakehouse: The lakehouse.
        model: The model.
        stored: The inputs.
        column: Their column that tells it.
    """
    if column not in stored.columns:
        return Then()
    rows = stored.where(F.col(column).isNotNull()).groupBy("as_of").agg(F.any_value(column).alias("of")).collect()
    given = {row["as_of"].replace(tzinfo=UTC): dict(row["of"]) for row in rows}
    if not given:
        return Then()
    known, built = recorded(lakehouse), written(lakehouse, list(given))
    own = {table.name: table for table in older_tables(lakehouse)}
    moved: dict[str, dict[str, list[datetime]]] = {}
    lost: dict[str, list[datetime]] = {}
    for night, versions in sorted(given.items()):
        for table in model.features:
            older = older_name(table, versions.get(table, 0))
            made = built.get((night, table))
            now = built_by(known, made) if made else None
            if table not in versions or (now is not None and now.version == versions[table]):
                continue
            if older in own and (night, older) in built:
                moved.setdefault(table, {}).setdefault(older, []).append(night)
            else:
                lost.setdefault(table, []).append(night)
    return Then(_named(own, moved), moved, lost)


def _named(
    own: Mapping[str, FeatureTable], moved: Mapping[str, Mapping[str, Sequence[datetime]]]
) -> tuple[FeatureTable, ...]:
    return tuple(own[name] for of in moved.values() for name in of)
