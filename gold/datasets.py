"""Training sets and scoring inputs: a model's spine, and its features as of each row, written as Delta.

A training set is the slice `training_as_of` of `gold.<model>_training`; the inputs of a night's predictions are the
slice `as_of` of `gold.<model>_inputs`. What a model saw can so be read again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay import ledger
from assay.config import FeatureTable, Model
from assay.errors import FeatureError
from assay.known import Input, Target
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.stages import run_stage
from gold import recipe
from gold.definitions import built_by, definition_key, recorded, written
from gold.retrieval import FEATURE_DEFINITIONS, FEATURE_VERSIONS, SPINE, check_spine, retrieve
from gold.spine import Spine, sources_of, spine_of

Kept = Sequence[FeatureTable]
"""Older versions of feature tables that versions of models still read, as tables of their own."""


def run_training(lakehouse: Lakehouse, model: Model, as_of: datetime, kept: Kept = ()) -> Outcome:
    """Write the training set of a model as of a night: rows whose label was known by then.

    What versions before were trained on comes too, so that one can be compared with them.

    Raises:
        FeatureError: The spine's SQL is wrong, lacks a column, or gives no row.
    """
    return run_stage(lakehouse, "training_set", as_of, lambda outcome: _training(lakehouse, model, outcome, kept))


def run_scoring(
    lakehouse: Lakehouse, model: Model, as_of: datetime, kept: Kept = (), *, rewrite: bool = False
) -> Outcome:
    """Write what a model is given for the predictions of a night. Done once for a night, unless `rewrite`."""
    return run_stage(
        lakehouse, "scoring_set", as_of, lambda outcome: _scoring(lakehouse, model, outcome, kept, rewrite=rewrite)
    )


def _training(lakehouse: Lakehouse, model: Model, outcome: Outcome, kept: Kept) -> None:
    spine = spine_of(lakehouse, model, "train", outcome.as_of)
    known = (F.col("label_known_at") <= F.lit(outcome.as_of)) & F.col("label").isNotNull()
    first = outcome.as_of - model.train.window
    spine = spine.where(known & (F.col("as_of") >= F.lit(first)) & (F.col("as_of") < F.lit(outcome.as_of)))
    built = nights_built(lakehouse, model, first, outcome.as_of)
    spine = spine.where(F.col("as_of").isin(built))
    outcome.notes.append(f"{model.name}: rows of {len(built)} nights, those whose features were built")
    kept = [table for table in _with_keys(kept, spine) if lakehouse.tables.exists(f"gold.{table.name}")]
    inputs = _inputs(lakehouse, model, "train", kept)
    table, made_from = f"gold.{model.name}_training", recipe.recipe(lakehouse, model, outcome.as_of, built, kept)
    with _held(spine) as held:
        check_spine(lakehouse, model, held)
        rows = retrieve(lakehouse, model, held, kept).withColumns({"training_as_of": F.lit(outcome.as_of)})
        empty = ledger.holds_nothing(lakehouse, table, [outcome.as_of])
        commit = lakehouse.tables.replace(
            table, rows, slice_of={"training_as_of": [outcome.as_of]}, evolve=True, empty=empty
        )
    if commit.rows == 0:
        raise FeatureError(
            f"There is nothing to train {model.name} on.",
            where=model.at("spine", "train"),
            found=f"no row with as_of since {first:%Y-%m-%d}, a label known by {outcome.as_of:%Y-%m-%dT%H:%MZ} and "
            f"features; features were built for {len(built)} nights of that time",
            do=f"build them: assay backfill --from {first:%Y-%m-%d} --to {outcome.as_of:%Y-%m-%d}",
        )
    written = lakehouse.tables.read(table, commit.version).where(F.col("training_as_of") == F.lit(outcome.as_of))
    found = recipe.content_hash(written)
    recipe.write(lakehouse, model, outcome, commit, found, made_from)
    outcome.measure(model.name, rows=commit.rows)
    key = _key("training_set", model, outcome.as_of)
    outcome.targets.append(Target(model.name, key, table, commit.version, inputs))


def nights_built(lakehouse: Lakehouse, model: Model, first: datetime, last: datetime) -> list[datetime]:
    """The nights from first to before last for which all feature tables of a model hold rows as now defined."""
    keys = {name: definition_key(lakehouse.config.features[name]) for name in model.features}
    done = written(lakehouse, [first, last])
    nights = {as_of for as_of, _ in done if as_of < last}
    return sorted(
        as_of
        for as_of in nights
        if all((as_of, name) in done and done[as_of, name].key == key for name, key in keys.items())
    )


def _scoring(lakehouse: Lakehouse, model: Model, outcome: Outcome, kept: Kept, *, rewrite: bool) -> None:
    key = _key("scoring_set", model, outcome.as_of)
    if not rewrite and (outcome.as_of, key) in ledger.completed(lakehouse, "scoring_set", [outcome.as_of]):
        return
    spine = spine_of(lakehouse, model, "score", outcome.as_of).where(F.col("as_of") == F.lit(outcome.as_of))
    table = f"gold.{model.name}_inputs"
    built = _built(lakehouse, model, outcome.as_of)
    kept = [table for table in _with_keys(kept, spine) if table.name in built]
    looked_up = [*model.features, *(table.name for table in kept)]
    known = recorded(lakehouse)
    about = {
        FEATURE_VERSIONS: _map({name: lakehouse.tables.version(f"gold.{name}") for name in looked_up}, "bigint"),
        FEATURE_DEFINITIONS: _map(
            {name: by.version for name in looked_up if (by := built_by(known, built[name]))}, "int"
        ),
    }
    inputs = _inputs(lakehouse, model, "score", kept)
    with _held(spine) as held:
        number, keys = check_spine(lakehouse, model, held)
        about[SPINE] = F.struct(F.lit(number).alias("rows"), F.lit(keys).cast("bigint").alias("keys"))
        rows = retrieve(lakehouse, model, held, kept).withColumns(about)
        empty = ledger.holds_nothing(lakehouse, table, [outcome.as_of])
        commit = lakehouse.tables.replace(table, rows, slice_of={"as_of": [outcome.as_of]}, evolve=True, empty=empty)
    if commit.rows == 0:
        outcome.notes.append(f"{model.name}: the spine has no row for this night, there is nothing to score")
    outcome.measure(model.name, rows=commit.rows)
    outcome.targets.append(Target(model.name, key, table, commit.version, inputs))


def _inputs(lakehouse: Lakehouse, model: Model, which: Spine, kept: Kept) -> tuple[Input, ...]:
    """What a set is made of: the histories that the spine's query reads, and the feature tables."""
    names = [
        *(f"silver.{name}__history" for name in sources_of(lakehouse, model, which)),
        *(f"gold.{name}" for name in (*model.features, *(table.name for table in kept))),
    ]
    return tuple(Input(name, lakehouse.tables.version(name)) for name in names)


def _built(lakehouse: Lakehouse, model: Model, as_of: datetime) -> dict[str, Target]:
    """Feature table -> what the ledger has of its slice of a night; FeatureError where one that is needed has none."""
    built = {name: made for (of, name), made in written(lakehouse, [as_of]).items() if of == as_of}
    if missing := [name for name in model.features if name not in built]:
        raise FeatureError(
            f"Features that {model.name} is scored on are not built for {as_of:%Y-%m-%d %H:%M}.",
            where=model.at("features"), found="nothing of " + ", ".join(missing),
            do="build them: assay features --as-of …; predictions stay as they were",
        )  # fmt: skip
    return built


def _with_keys(kept: Kept, spine: DataFrame) -> list[FeatureTable]:
    """The older versions that a spine has the keys of."""
    return [table for table in kept if set(table.keys) <= set(spine.columns)]


def _map(numbers: Mapping[str, int], kind: str) -> Column:
    """The same map in every row."""
    return F.create_map(*[part for pair in numbers.items() for part in map(F.lit, pair)]).cast(f"map<string,{kind}>")


@contextmanager
def _held(spine: DataFrame) -> Iterator[DataFrame]:
    """The spine kept in memory: Feast reads it once per feature view."""
    held = spine.coalesce(spine.sparkSession.sparkContext.defaultParallelism).persist()
    try:
        yield held
    finally:
        held.unpersist()


def _key(stage: str, model: Model, as_of: datetime) -> str:
    return ledger.key_of(stage, model.name, model.spine.model_dump(), dict(model.features), model.request, as_of)
