"""Scores of rows: a booster applied to Arrow batches inside Spark tasks, the same for evaluation and for scoring."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.errors import ModelError
from assay.tables import quoted
from model import contributions as why
from model.artifact import Artifact
from model.inputs import packed, unpacked
from model.tasks.multiclass import PREDICTED, PROBABILITIES


def predict(
    frame: DataFrame, trained: Artifact, *, keep: Sequence[str] | None = None, contributions: int = 0
) -> DataFrame:
    """The frame with a `score` column: the probability of the label, the number, or what rows are ranked by.

    Of several classes, `score` is the probability of the one that is most probable, and two more columns follow:
    `predicted`, that class, and `probabilities`, of each class. A score is NaN where an input is infinite, which no tree is
    trained on.

    Args:
        frame: Rows with the model's inputs.
        trained: The model.
        keep: Columns that go with the score, all by default: each costs its way through Python.
        contributions: How many inputs of most influence are kept too, in `contributions`, with the `bias`.
    """
    inputs, classes, rounds = trained.inputs, trained.classes, trained.rounds
    shared = frame.sparkSession.sparkContext.broadcast(trained.booster)
    kept = frame.columns if keep is None else list(keep)
    types, count = inputs.types, len(inputs.names)
    raw = [F.col(quoted(name)).alias(f"__raw_{name}") for name in inputs.read] if contributions else []

    def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import xgboost as xgb

        model = xgb.Booster(params={"nthread": 1})
        model.load_model(bytearray(shared.value))
        for batch in batches:
            matrix, infinite = _without_infinite(unpacked(batch.columns[-1], count))
            found = model.inplace_predict(matrix, iteration_range=rounds, validate_features=False).astype("float64")
            found[infinite] = np.nan
            columns = [*batch.columns[: len(kept)], *(_of_classes(found, classes) if classes else [pa.array(found)])]
            if contributions:
                data = xgb.DMatrix(matrix, feature_types=types, enable_categorical=True, nthread=1)
                moves = model.predict(data, pred_contribs=True, iteration_range=rounds, validate_features=False)
                moves = why.of_prediction(moves, found)
                columns += why.kept(moves, contributions, inputs, batch.columns[len(kept) : -1])
            yield pa.RecordBatch.from_arrays(columns, names=schema.names)

    schema = T.StructType([*frame.select(*map(quoted, kept)).schema.fields, T.StructField("score", T.DoubleType())])
    schema = T.StructType([*schema.fields, *(_CLASSES if classes else ()), *(why.FIELDS if contributions else ())])
    return frame.select(*map(quoted, kept), *raw, packed(inputs.columns()).alias("__numbers")).mapInArrow(score, schema)


_CLASSES = (
    T.StructField(PREDICTED, T.StringType()),
    T.StructField(PROBABILITIES, T.MapType(T.StringType(), T.DoubleType())),
)


def _of_classes(found: NDArray[np.float64], classes: Sequence[str]) -> list[pa.Array]:
    """The columns of rows with a probability for each class: the greatest, of which class it is, and all of them."""
    names, rows = pa.array(classes, pa.string()), len(found)
    best = np.argmax(found, axis=1)  # of a row with an infinite input the first, as all are NaN
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * len(classes))
    keys = names.take(pa.array(np.tile(np.arange(len(classes)), rows)))
    return [
        pa.array(found[np.arange(rows), best]), names.take(pa.array(best)),
        pa.MapArray.from_arrays(offsets, keys, pa.array(found.ravel())),
    ]  # fmt: skip


def _without_infinite(matrix: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Numbers with NaN for an infinite one; and which rows have one."""
    infinite = np.isinf(matrix)
    if infinite.any():
        matrix = np.where(infinite, np.float32(np.nan), matrix)
    return matrix, np.any(infinite, axis=1)


@dataclass(frozen=True)
class Asked:
    """The rows that are to have a score."""

    rows: int
    keys: int | None = None
    """A hash of their keys `together`, if no key is known to be there twice."""


def check_scores(model: str, rows: int, keys: int, finite: int, asked: int, *, others: bool = False) -> None:
    """Raise ModelError unless every row asked for has one finite score.

    Args:
        model: The model's name.
        rows: How many rows there are.
        keys: How many different keys they have.
        finite: How many of the scores are numbers.
        asked: How many rows were asked for.
        others: Whether the keys are known to be other ones than were asked for.
    """
    if others or not rows == keys == finite == asked:
        raise ModelError(
            f"The predictions of {model} are not what was asked for.",
            found=f"{rows} rows, {keys} different keys, {finite} finite scores" + (", of other keys" if others else ""),
            expected=f"{asked} of each",
            do="look at the inputs of that night in gold.<model>_inputs",
        )


def finite_count(*, probability: bool) -> Column:
    """An aggregate: how many scores are numbers, or numbers between 0 and 1."""
    end = float("inf")
    finite = F.col("score").between(0.0, 1.0) if probability else (F.col("score") > -end) & (F.col("score") < end)
    return F.count_if(finite & ~F.isnan("score"))
