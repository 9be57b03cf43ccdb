"""The score stage: the champion applied to a night's inputs, one slice of `gold.<model>_predictions`."""

from datetime import datetime

from pyspark.sql import Column, Window
from pyspark.sql import functions as F

from assay import ledger
from assay.config import Model
from assay.errors import ModelError
from assay.frames import only_row
from assay.known import Target
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.stages import run_stage
from assay.tables import quoted
from model.contributions import FIELDS as CONTRIBUTIONS
from model.predict import check_scores, finite_count, predict
from model.registry import Champion, champion
from model.tasks import TASKS


def run(lakehouse: Lakehouse, model: Model, as_of: datetime, *, rewrite: bool = False) -> Outcome:
    """Write the predictions of a night; a night that is scored stays as it is, unless `rewrite`.

    Raises:
        ModelError: There is no champion, its trees were tampered with, or a score is not what its kind of label has.
    """
    return run_stage(lakehouse, "score", as_of, lambda outcome: _score(lakehouse, model, outcome, rewrite=rewrite))


def _score(lakehouse: Lakehouse, model: Model, outcome: Outcome, *, rewrite: bool) -> None:
    key = ledger.key_of("score", model.name, outcome.as_of)
    if not rewrite and (outcome.as_of, key) in ledger.completed(lakehouse, "score", [outcome.as_of]):
        return
    current = champion(lakehouse, model)
    if current is None:
        raise ModelError(
            f"The model {model.name} has no champion to score with.",
            where=model.at("gates"),
            do="train it: assay train --as-of …; a training becomes champion only if it passes its gates",
        )
    table = f"gold.{model.name}_predictions"
    inputs = lakehouse.tables.read(f"gold.{model.name}_inputs").where(F.col("as_of") == F.lit(outcome.as_of))
    _check_inputs(model, current, inputs.columns)
    loaded = current.artifact
    names = [*model.key, "as_of"]
    scored = predict(
        inputs,
        loaded.booster,
        loaded.best_iteration,
        loaded.inputs,
        keep=[*names, *(name for name in model.rank_within if name not in names)],
        contributions=model.contributions,
    )
    scored = scored.select(
        *map(quoted, names),
        "score",
        *_rank(model),
        *(field.name for field in CONTRIBUTIONS if model.contributions),
        F.lit(model.name).alias("model"),
        F.lit(current.version).alias("model_version"),
        F.lit(outcome.run_id).alias("run_id"),
    ).persist()  # fmt: skip
    try:
        row = only_row(
            scored.agg(
                F.count("*").alias("rows"),
                F.count_distinct(F.struct(*model.key)).alias("keys"),
                finite_count(probability=TASKS[model.task].probability).alias("finite"),
            )
        )
        check_scores(model.name, row["rows"], row["keys"], row["finite"], asked=inputs.count())
        empty = ledger.holds_nothing(lakehouse, table, [outcome.as_of])
        commit = lakehouse.tables.replace(table, scored, slice_of={"as_of": [outcome.as_of]}, evolve=True, empty=empty)
    finally:
        scored.unpersist()
    outcome.measure(model.name, rows=commit.rows, version=current.version)
    outcome.targets.append(Target(model.name, key, table, commit.version))


def _rank(model: Model) -> list[Column]:
    """Of a ranking: the place among the rows that it is ranked with, from 1; rows of equal score are in order of key."""
    if not model.rank_within:
        return []
    within = Window.partitionBy(*map(quoted, model.rank_within), "as_of")
    ordered = within.orderBy(F.desc("score"), *map(quoted, model.key))
    return [F.row_number().over(ordered).alias("rank")]


def _check_inputs(model: Model, current: Champion, columns: list[str]) -> None:
    if missing := [name for name in current.artifact.inputs.read if name not in columns]:
        raise ModelError(
            f"The inputs of {model.name} lack what version {current.version} was trained on.",
            where=f"gold.{model.name}_inputs",
            found="missing " + ", ".join(missing),
            do="train again with the changed features, then score with --rewrite",
        )
