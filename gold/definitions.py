"""`ops.definitions`: every definition that a feature table was ever built by, numbered.

A feature table whose features are worked out in another way than before is a new version of it. `gold.<table>` has
the rows of the newest. An older version that a model still reads is one more feature table, named `<table>__v<number>`,
with the definition that is on record here.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from pyspark.sql import types as T

from assay import __version__, ledger
from assay.config import FeatureColumn, FeatureTable
from assay.config.base import Origin
from assay.errors import FeatureError
from assay.frames import local_frame
from assay.known import Target
from assay.lakehouse import Lakehouse
from assay.times import format_duration
from gold.aggregates import AGGREGATES

DEFINITIONS = "ops.definitions"
SCHEMA = """
    feature_table string, version int, key string, code string, as_of timestamp, recorded_at timestamp,
    features map<string, string>, definition string
"""
_FOR_PEOPLE = ("description", "unit")
_IN_COLUMN = ("windows", "within", "by")
"""Settings of a feature that its columns have, each its own."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """One version of a feature table."""

    table: str
    version: int
    keys: frozenset[str]
    """Under which the ledger has slices that were built by it; one for each version of assay."""
    codes: Mapping[str, str]
    """Key -> the version of assay."""
    as_of: datetime
    """The first night that was built by it."""
    features: Mapping[str, str]
    """Feature -> a hash of what decides its values."""
    text: str

    @property
    def definition(self) -> FeatureTable:
        """The definition as it was; FeatureError where this version of assay cannot read it."""
        try:
            found = FeatureTable.model_validate(json.loads(self.text))
        except (ValidationError, ValueError) as error:
            raise FeatureError(
                f"Version {self.version} of the feature table {self.table} cannot be built any more.",
                where=DEFINITIONS, found=str(error).splitlines()[0], expected="a definition that this assay reads",
                do="train the models that read it again: assay train --as-of …",
            ) from error  # fmt: skip
        return found.located(Origin(f"{DEFINITIONS}, version {self.version} of {self.table}"))

    @property
    def older(self) -> FeatureTable:
        """The same as a feature table of its own, named by its version."""
        return self.definition.model_copy(update={"name": older_name(self.table, self.version)})


def older_name(table: str, version: int) -> str:
    """The name of an older version of a feature table."""
    return f"{table}__v{version}"


def version_of_name(name: str) -> tuple[str, int] | None:
    """The inverse of `older_name`; None for a table of the configuration."""
    found = re.fullmatch(r"(.+)__v([0-9]+)", name)
    return None if found is None else (found[1], int(found[2]))


def definition_key(table: FeatureTable) -> str:
    """The key under which the ledger has a feature table as done: what decides its values, and assay's version."""
    return ledger.key_of("features", table.name, features_of(table))


def features_of(table: FeatureTable) -> dict[str, str]:
    """Feature -> a hash of all that decides its values; descriptions and units do not."""
    found: dict[str, str] = {}
    for column in table.output:
        named = {word: found[word] for word in re.findall(r"\w+", _argument(table, column)) if word in found}
        text = json.dumps([decides(table, column), named], sort_keys=True, default=str)
        found[column.name] = ledger.hash_of(text)
    return found


def decides(table: FeatureTable, column: FeatureColumn) -> dict[str, Any]:
    """What decides the values of a feature, by the names of its settings; of an expression also what it is made of.

    Which entities have a row is not part of it: one without a row reads as empty, and so would one without an event.
    """
    feature = table.features[column.feature]
    settings = feature.model_dump(mode="json", exclude={*_FOR_PEOPLE, *_IN_COLUMN}, exclude_none=True)
    known = AGGREGATES.get(feature.aggregate)
    return {
        **settings,
        **({} if feature.is_expression else {"window": _told(column.window)}),
        **dict.fromkeys(feature.by or {}, column.by),
        "entity": ", ".join(table.keys),
        "source": table.source,
        "delay": _told(table.delay),
        **({"empty": known.empty} if known else {}),
    }


def _argument(table: FeatureTable, column: FeatureColumn) -> str:
    feature = table.features[column.feature]
    return feature.argument if feature.is_expression else ""


def _told(window: Any) -> str:
    return "lifetime" if window is None else format_duration(window) if window else "0"


def recorded(lakehouse: Lakehouse) -> tuple[Recorded, ...]:
    """All versions of all feature tables, in order of table and number; read again only after one was added."""
    if not lakehouse.tables.exists(DEFINITIONS):
        return ()
    version = lakehouse.tables.version(DEFINITIONS)
    if not lakehouse.definitions or lakehouse.definitions[0][0] != version:
        lakehouse.definitions[:] = [(version, _read(lakehouse, version))]
    found: tuple[Recorded, ...] = lakehouse.definitions[0][1]
    return found


def _read(lakehouse: Lakehouse, version: int) -> tuple[Recorded, ...]:
    rows = lakehouse.tables.read(DEFINITIONS, version).collect()
    by_version: dict[tuple[str, int], list[Any]] = {}
    for row in sorted(rows, key=lambda row: row["recorded_at"]):
        by_version.setdefault((row["feature_table"], row["version"]), []).append(row)
    return tuple(
        Recorded(
            table, number, frozenset(row["key"] for row in same), {row["key"]: row["code"] for row in same},
            min(row["as_of"] for row in same).replace(tzinfo=UTC), same[-1]["features"], same[-1]["definition"],
        )
        for (table, number), same in sorted(by_version.items())
    )  # fmt: skip


def record(lakehouse: Lakehouse, tables: Iterable[FeatureTable], as_of: datetime) -> None:
    """Put the definitions of tables that are to be built on record, those that are not yet."""
    known = recorded(lakehouse)
    rows = [
        {
            "feature_table": table.name,
            "version": version_of(known, table),
            "key": definition_key(table),
            "code": __version__,
            "as_of": as_of,
            "recorded_at": datetime.now(UTC),
            "features": features_of(table),
            "definition": table.model_dump_json(exclude_defaults=True),
        }
        for table in tables
        if not any(definition_key(table) in each.keys for each in known)
    ]
    if rows:
        lakehouse.tables.create(DEFINITIONS, T.StructType.fromDDL(SCHEMA))
        lakehouse.tables.append(DEFINITIONS, local_frame(lakehouse.spark, rows, SCHEMA).coalesce(1))


def version_of(known: Sequence[Recorded], table: FeatureTable) -> int:
    """The number of a table's definition: that of an equal one on record, or the next."""
    mine = [each for each in known if each.table == table.name]
    features = features_of(table)
    equal = (each.version for each in mine if each.features == features)
    return next(equal, 1 + max((each.version for each in mine), default=0))


def superseded(lakehouse: Lakehouse) -> dict[tuple[str, int], Recorded]:
    """(Table, version) -> the versions on record that are not what the configuration says today."""
    current = lakehouse.config.features
    return {
        (each.table, each.version): each
        for each in recorded(lakehouse)
        if each.table not in current or each.features != features_of(current[each.table])
    }


def differs(lakehouse: Lakehouse, old: Recorded, features: Iterable[str]) -> bool:
    """Whether some features of a version are not worked out today as they were."""
    table = lakehouse.config.features.get(old.table)
    today = {} if table is None else features_of(table)
    return any(today.get(name) != old.features.get(name) for name in features)


def older_tables(lakehouse: Lakehouse) -> list[FeatureTable]:
    """The older versions that have a table of their own, whether or not they are still built."""
    found = []
    for each in recorded(lakehouse):
        if lakehouse.tables.exists(f"gold.{older_name(each.table, each.version)}"):
            with suppress(FeatureError):  # of a version that cannot be read any more the table stays, for SQL
                found.append(each.older)
    return found


def written(lakehouse: Lakehouse, as_ofs: Sequence[datetime]) -> dict[tuple[datetime, str], Target]:
    """(Night, feature table) -> the newest write of its slice, from the first to the last of some nights."""
    found: dict[tuple[datetime, str], Target] = {}
    for (as_of, _), made in ledger.completed(lakehouse, "features", as_ofs).items():
        before = found.get((as_of, made.target))
        if before is None or before.version < made.version:
            found[as_of, made.target] = made
    return found


def built_by(known: Iterable[Recorded], made: Target) -> Recorded | None:
    """The version by which a slice was built; None where it is not on record."""
    older = version_of_name(made.target)
    return next(
        (each for each in known if older == (each.table, each.version) or (each.table == made.target and made.key in each.keys)),
        None,
    )  # fmt: skip
