"""The stages score and shadow: champion and challenger applied to a night's inputs.

Each writes its own slice of `gold.<model>_predictions`, a night and a role. A slice is written whole and checked before
it is, so whatever stops a run leaves the predictions of before as they were.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from assay import ledger
from assay.config import Model
from assay.errors import AssayError, ModelError
from assay.frames import only_row, together
from assay.known import Input, Target
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from assay.session import compiled
from assay.stages import run_stage
from assay.tables import Commit, Tables, quoted
from model.contributions import FIELDS as CONTRIBUTIONS
from model.definitions import FEATURE_DEFINITIONS, as_trained, older_name
from model.predict import Asked, check_scores, finite_count, predict
from model.registry import CHALLENGER, CHAMPION, Registered, aliases, challenger, champion, uri
from model.tasks import TASKS

logger = logging.getLogger(__name__)

FEATURE_VERSIONS = "feature_versions"
"""A column of the inputs: feature table -> the Delta version that they were looked up in."""
SPINE = "spine"
"""A column of the inputs: how many rows the spine has, and a hash of their keys, of which none is there twice."""


def scored(lakehouse: Lakehouse, model: Model, as_of: datetime, stage: str = "score") -> bool:
    """Whether the ledger has a night as scored, or as scored in the `shadow`."""
    return (as_of, _key(stage, model, as_of)) in ledger.completed(lakehouse, stage, [as_of])


def _key(stage: str, model: Model, as_of: datetime) -> str:
    return ledger.key_of(stage, model.name, as_of)


def run(lakehouse: Lakehouse, model: Model, as_of: datetime, *, rewrite: bool = False) -> Outcome:
    """Write the champion's predictions of a night; a night that is scored stays as it is, unless `rewrite`.

    Raises:
        ModelError: There is no champion, its files are not those that were registered, the night has no inputs, they
            are not what it was trained on, or a row has no score.
    """
    return run_stage(lakehouse, "score", as_of, lambda outcome: _score(lakehouse, model, outcome, rewrite=rewrite))


def run_shadow(lakehouse: Lakehouse, model: Model, as_of: datetime, *, rewrite: bool = False) -> Outcome | None:
    """Write the challenger's predictions of a night beside the champion's; None where there is no challenger.

    A challenger that cannot score stops nothing: the ledger has the stage as failed, and the report says so.
    """
    held = aliases(lakehouse, model)
    if held.get(CHALLENGER) in (None, held.get(CHAMPION)):
        return None
    seen: list[Outcome] = []

    def work(outcome: Outcome) -> None:
        seen.append(outcome)
        outcome.notes.append(f"{model.name}: version {held[CHALLENGER]} is challenger")
        _shadow(lakehouse, model, outcome, rewrite=rewrite)

    try:
        return run_stage(lakehouse, "shadow", as_of, work)
    except AssayError as error:
        if not seen:  # another run holds the lease
            raise
        logger.error("the challenger of %s did not score: %s", model.name, error)
        return seen[0]


def _score(lakehouse: Lakehouse, model: Model, outcome: Outcome, *, rewrite: bool) -> None:
    if not rewrite and scored(lakehouse, model, outcome.as_of):
        return
    outcome.notes.append(f"{model.name}: its champion scores")  # whose run it is, however it ends
    current = champion(lakehouse, model)
    if current is None:
        waits = "a challenger waits: assay promote" if CHALLENGER in aliases(lakehouse, model) else ""
        raise ModelError(
            f"The model {model.name} has no champion to score with.", where=model.at("gates"),
            do=waits or "train it: assay train --as-of …; a training becomes champion only if it passes its gates",
        )  # fmt: skip
    _write(lakehouse, model, current, outcome, _key("score", model, outcome.as_of))


def _shadow(lakehouse: Lakehouse, model: Model, outcome: Outcome, *, rewrite: bool) -> None:
    if not rewrite and scored(lakehouse, model, outcome.as_of, "shadow"):
        return
    if (current := challenger(lakehouse, model)) is not None:
        _write(lakehouse, model, current, outcome, _key("shadow", model, outcome.as_of))


def _write(lakehouse: Lakehouse, model: Model, scorer: Registered, outcome: Outcome, key: str) -> None:
    """Score a night's inputs with a version, and replace the slice of the night and of its role."""
    table, source = f"gold.{model.name}_predictions", f"gold.{model.name}_inputs"
    _check_task(model, scorer)
    version = lakehouse.tables.version(source)
    inputs = lakehouse.tables.read(source, version).where(F.col("as_of") == F.lit(outcome.as_of))
    asked = [F.count("*").alias("rows"), F.any_value(FEATURE_VERSIONS).alias("versions")]
    if SPINE in inputs.columns:
        asked.append(F.any_value(SPINE).alias("spine"))
    if FEATURE_DEFINITIONS in inputs.columns:
        asked.append(F.any_value(FEATURE_DEFINITIONS).alias("definitions"))
    given = only_row(inputs.agg(*asked)).asDict()
    if not given["rows"]:
        raise ModelError(
            f"There is nothing for {model.name} to score as of {outcome.as_of:%Y-%m-%d %H:%M}.", where=source,
            found="no row of this night", expected="the rows of spine.score",
            do="see whether the sources of the spine have arrived; predictions of other nights are as they were",
        )  # fmt: skip
    loaded = scorer.artifact
    definitions = given.get("definitions")
    inputs = as_trained(lakehouse, model, loaded, inputs, definitions)
    _check_inputs(lakehouse, model, scorer, inputs, definitions or {})
    kept = dict.fromkeys([*model.key, "as_of", *model.rank_within])
    scored = predict(inputs, loaded, keep=[*kept], contributions=model.contributions)
    told = {
        "role": F.lit(scorer.role),
        "model": F.lit(model.name),
        "model_version": F.lit(scorer.version),
        "model_sha256": F.lit(loaded.sha256),
        "inputs_version": F.lit(version).cast("bigint"),
        FEATURE_VERSIONS: _map(given["versions"]),
        "run_id": F.lit(outcome.run_id),
    }
    slice_of: Mapping[str, Sequence[object]] = {"as_of": [outcome.as_of], "role": [scorer.role]}
    empty = ledger.holds_nothing(lakehouse, table, [outcome.as_of])
    asked_for = Asked(**given["spine"].asDict()) if given.get("spine") else Asked(given["rows"])
    commit = write(lakehouse.tables, model, scored, told, asked=asked_for, slice_of=slice_of, empty=empty)
    outcome.measure(model.name, rows=commit.rows, version=scorer.version)
    made_of = (Input(source, version), Input(uri(model), scorer.version))
    outcome.targets.append(Target(model.name, key, table, commit.version, made_of))


def write(
    tables: Tables, model: Model, scored: DataFrame, told: Mapping[str, Column], *, asked: Asked,
    slice_of: Mapping[str, Sequence[object]], empty: bool = False,
) -> Commit:  # fmt: skip
    """Replace a slice of a model's predictions, once every row that was asked for is known to have one finite score.

    Args:
        tables: Where the predictions lie.
        model: The model.
        scored: The scored rows, with the model's key.
        told: What else is written with each row: column -> value.
        asked: The rows that there are to be.
        slice_of: The slice.
        empty: Whether the slice is known to hold nothing yet.

    Raises:
        ModelError: A row, a key or a score is missing, or is there twice.
    """
    with compiled(tables.spark, rows=asked.rows):
        held = scored.persist()
        try:
            _check(model, held, asked)
            columns: list[Column | str] = [
                *map(quoted, dict.fromkeys([*model.key, "as_of"])),
                *TASKS[model.task].scored,
                *_rank(model),
                *(field.name for field in CONTRIBUTIONS if model.contributions),
                *(value.alias(name) for name, value in told.items()),
            ]
            table = f"gold.{model.name}_predictions"
            return tables.replace(table, held.select(*columns), slice_of=slice_of, evolve=True, empty=empty)
        finally:
            held.unpersist()


def _check(model: Model, scored: DataFrame, asked: Asked) -> None:
    """ModelError unless each row asked for has one finite score."""
    finite = finite_count(probability=TASKS[model.task].probability).alias("finite")
    found = only_row(scored.agg(F.count("*").alias("rows"), together(model.key).alias("keys"), finite))
    same = None if asked.keys is None else found["keys"] == asked.keys and found["rows"] == asked.rows
    key = F.struct(*map(quoted, model.key))
    keys = asked.rows if same else only_row(scored.agg(F.count_distinct(key).alias("keys")))["keys"]
    check_scores(model.name, found["rows"], keys, found["finite"], asked=asked.rows, others=same is False)


def _rank(model: Model) -> list[Column]:
    """Of a ranking: the place among the rows that it is ranked with, from 1; rows of equal score are in order of key."""
    if not model.rank_within:
        return []
    within = Window.partitionBy(*map(quoted, model.rank_within), "as_of")
    ordered = within.orderBy(F.desc("score"), *map(quoted, model.key))
    return [F.row_number().over(ordered).alias("rank")]


def _map(versions: Mapping[str, int] | None) -> Column:
    """A map as a column, the same in each row."""
    pairs = [part for pair in (versions or {}).items() for part in map(F.lit, pair)]
    made = F.create_map(*pairs) if versions is not None else F.lit(None)
    return made.cast("map<string,bigint>")


def _check_inputs(
    lakehouse: Lakehouse, model: Model, scorer: Registered, inputs: DataFrame, given: Mapping[str, int]
) -> None:
    """Raise ModelError unless the inputs are what a version was trained on: each column, of the same type.

    A column that the table still has from nights before is no input any more once the configuration does not name it.
    """
    found = dict(inputs.dtypes)
    columns: dict[str, str] = scorer.artifact.about["columns"]
    older = {table for table in scorer.artifact.reads if older_name(table, scorer.artifact.definition(table)) in given}
    missing = [
        name
        for name in columns
        if name not in found or not (name.partition("__")[0] in older or _is_given(lakehouse, model, name))
    ]
    other = [
        f"{name} is {found[name]}, was {kind}"
        for name, kind in columns.items()
        if name not in missing and found[name] != kind
    ]
    if missing or other:
        raise ModelError(
            f"The inputs of {model.name} are not what version {scorer.version} was trained on.",
            where=f"gold.{model.name}_inputs",
            found="; ".join([*(["missing " + ", ".join(missing)] if missing else []), *other]),
            do="bring the features back, or train again with the changed ones; then score with --rewrite",
        )


def _check_task(model: Model, scorer: Registered) -> None:
    trained = scorer.artifact.about.get("task", model.task)  # versions of before do not tell
    if trained != model.task:
        raise ModelError(
            f"Version {scorer.version} of {model.name} was trained for another kind of label.", where=model.at("task"),
            found=f"task {trained}", expected=f"task {model.task}",
            do="train again, and promote what comes of it: assay promote <model> <version> --why …",
        )  # fmt: skip


def _is_given(lakehouse: Lakehouse, model: Model, name: str) -> bool:
    """Whether the configuration still gives an input: features and request inputs; columns of the spine are looked up."""
    table, _, column = name.partition("__")
    if not column or name in model.xgboost.categorical or name in model.xgboost.encode:
        return True
    chosen = model.features.get(table, ())
    if chosen == "all":
        return any(column == output.name for output in lakehouse.config.features[table].output)
    return column in chosen
