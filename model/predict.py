"""Scores of rows: a booster applied to Arrow batches inside Spark tasks, the same for evaluation and for scoring."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.errors import ModelError
from model.inputs import Inputs


def predict(frame: DataFrame, booster: bytes, best_iteration: int, inputs: Inputs) -> DataFrame:
    """The frame with a `score` column: the probability of the label, the number, or what rows are ranked by.

    Args:
        frame: Rows with the model's inputs; all columns are kept.
        booster: The trees in XGBoost's UBJSON.
        best_iteration: The last round that counts, from 0.
        inputs: How columns become numbers.
    """
    shared = frame.sparkSession.sparkContext.broadcast(booster)
    kept = frame.columns
    numbers = [column.alias(f"__{name}") for name, column in zip(inputs.names, inputs.columns(), strict=True)]
    types, count = inputs.types, len(inputs.names)

    def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import numpy as np
        import xgboost as xgb

        model = xgb.Booster(params={"nthread": 1})
        model.load_model(bytearray(shared.value))
        for batch in batches:
            columns = [column.to_numpy(zero_copy_only=False) for column in batch.columns[-count:]]
            matrix = np.column_stack(columns).astype(np.float32) if batch.num_rows else np.empty((0, count), np.float32)
            data = xgb.DMatrix(matrix, feature_types=types, enable_categorical=True, nthread=1)
            scores = model.predict(data, iteration_range=(0, best_iteration + 1), validate_features=False)
            arrays = [*batch.columns[:-count], pa.array(scores.astype(np.float64))]
            yield pa.RecordBatch.from_arrays(arrays, names=[*batch.schema.names[:-count], "score"])

    schema = T.StructType([*frame.schema.fields, T.StructField("score", T.DoubleType())])
    return frame.select(*kept, *numbers).mapInArrow(score, schema)


def check_scores(model: str, rows: int, keys: int, finite: int, asked: int) -> None:
    """Raise ModelError unless every row asked for has one finite score."""
    if not rows == keys == finite == asked:
        raise ModelError(
            f"The predictions of {model} are not what was asked for.",
            found=f"{rows} rows, {keys} different keys, {finite} finite scores",
            expected=f"{asked} of each",
            do="look at the inputs of that night in gold.<model>_inputs",
        )


def finite_count(*, probability: bool) -> Column:
    """An aggregate: how many scores are numbers, or numbers between 0 and 1."""
    end = float("inf")
    finite = F.col("score").between(0.0, 1.0) if probability else (F.col("score") > -end) & (F.col("score") < end)
    return F.count_if(finite & ~F.isnan("score"))
