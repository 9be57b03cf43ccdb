"""A version of a model reads the features that it was trained on, also once their definitions have changed.

Rows of inputs have each feature as it is defined today, in the column `<table>__<feature>`; and what an older definition
that is still read gives, in the column `<table>__v<version>__<feature>`.
"""

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.errors import FeatureError
from assay.lakehouse import Lakehouse
from assay.sql_expression import row_expression
from assay.tables import quoted
from model.artifact import Artifact

FEATURE_DEFINITIONS = "feature_definitions"
"""A column of the inputs: feature table -> the version of its definition that its slice of the night was built by."""
DEFINITIONS = "ops.definitions"


def as_trained(
    lakehouse: Lakehouse, model: Model, trained: Artifact, rows: DataFrame, given: Mapping[str, int] | None
) -> DataFrame:
    """Rows of inputs, or of a training set, as a version of a model is to see them.

    Args:
        lakehouse: The lakehouse.
        model: The model, as it is configured.
        trained: The version.
        rows: The rows.
        given: Table of features that the rows have, older versions among them -> the version of its definition; None where
            nobody noted it.

    Raises:
        FeatureError: A feature was defined in another way when the version was trained, and the rows have it not as it
            was.
    """
    if given is None:
        return rows
    older = _older(lakehouse, trained, given)
    names = {old: new for new, old in older.items()}
    rows = rows.select(
        *[F.col(quoted(name)).alias(names.get(name, name)) for name in rows.columns if name not in older]
    )
    asked = {
        name: text
        for name, text in trained.request.items()
        if name in rows.columns and (text != model.request.get(name) or any(each in text for each in older))
    }
    return rows.withColumns({name: row_expression(text, rows.columns) for name, text in asked.items()})


def differing(lakehouse: Lakehouse, trained: Artifact, given: Mapping[str, int]) -> list[str]:
    """The inputs of a version that are defined in another way where tables have given versions of their definitions."""
    return [
        f"{table}__{feature}"
        for table, features in trained.reads.items()
        if (version := trained.definition(table)) != given.get(table)
        if table in given or older_name(table, version) in given
        for feature in _changed(lakehouse, table, features, version, given.get(table))
    ]


def older_name(table: str, version: int) -> str:
    """The table, and the first part of the columns, of an older version of a feature table."""
    return f"{table}__v{version}"


def given_to(rows: DataFrame) -> dict[str, int] | None:
    """The versions of definitions that one night's rows of inputs are of; None where they do not tell, or are none."""
    if FEATURE_DEFINITIONS not in rows.columns:
        return None
    found = rows.select(FEATURE_DEFINITIONS).first()
    return None if found is None or found[0] is None else dict(found[0])


def _older(lakehouse: Lakehouse, trained: Artifact, given: Mapping[str, int]) -> dict[str, str]:
    """Input -> the column that has it as it was defined, for those that are defined in another way now."""
    older, missing = {}, {}
    for name in differing(lakehouse, trained, given):
        table, _, feature = name.partition("__")
        name_then = older_name(table, trained.definition(table))
        if name_then in given:
            older[name] = f"{name_then}__{feature}"
        else:
            missing[name] = name_then
    if missing:
        raise FeatureError(
            f"Features that {trained.model} was trained on are defined in another way now, and not built as they were.",
            where=", ".join(f"gold.{table}" for table in dict.fromkeys(missing.values())),
            found=", ".join(f"{name} of version {given[name.partition('__')[0]]}" for name in missing),
            expected=", ".join(f"version {trained.definition(name.partition('__')[0])}" for name in missing),
            do="build them: assay features --as-of …, then assay score --as-of … --rewrite; or train again on what they "
            "are now. assay plan --as-of … tells the old and the new definition",
        )  # fmt: skip
    return older


def _changed(lakehouse: Lakehouse, table: str, features: list[str], one: int, other: int | None) -> list[str]:
    """Which of some features two versions of a table define in two ways; all where one is not on record."""
    found = {}
    if lakehouse.tables.exists(DEFINITIONS):
        rows = lakehouse.tables.read(DEFINITIONS).where(F.col("feature_table") == table)
        found = {row["version"]: row["features"] for row in rows.select("version", "features").collect()}
    old, new = found.get(one, {}), found.get(other, {})
    return [name for name in features if name not in old or old[name] != new.get(name)]
