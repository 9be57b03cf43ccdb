"""Why a row has its score: how far each input moved it, by TreeSHAP, the largest moves kept with the score.

A contribution is in the unit of the margin: log odds for a probability, the label's own unit for a number; of several
classes it is of the margin of the class that is predicted, whose softmax is its probability. The bias, what
the trees give when nothing is known of a row, and the contributions of all inputs add up to the margin (Lundberg et al.,
From local explanations to global understanding with explainable AI for trees, Nature Machine Intelligence 2020).
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import types as T

from model.inputs import Inputs

COLUMN, BIAS = "contributions", "bias"
_ENTRY = T.StructType(
    [
        T.StructField("input", T.StringType()),
        T.StructField("value", T.StringType()),
        T.StructField("contribution", T.DoubleType()),
    ]
)
FIELDS = (
    T.StructField(COLUMN, T.ArrayType(_ENTRY)),
    T.StructField(BIAS, T.DoubleType()),
)
"""What scored rows have beside their score: the inputs of most influence, the largest first, and the bias."""


def kept(found: NDArray[np.float32], most: int, inputs: Inputs, raw: Sequence[pa.Array]) -> list[pa.Array]:
    """The columns of `FIELDS` for some rows.

    Args:
        found: XGBoost's contributions, a row per row, a column per input, then the bias.
        most: How many inputs to keep of each row.
        inputs: The inputs; those that one column became count as that column.
        raw: The values of the columns that the inputs read, as they came.
    """
    rows, most = len(found), min(most, len(inputs.read))
    moved, bias = by_column(found, inputs)
    places = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :most]
    entries = pa.StructArray.from_arrays(
        [
            pa.array(inputs.read, pa.string()).take(pa.array(places.ravel())),
            _texts(places, raw),
            pa.array(np.take_along_axis(moved, places, axis=1).ravel()),
        ],
        names=["input", "value", "contribution"],
    )
    lists = pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * most), entries)
    return [lists, pa.array(bias)]


def of_prediction(found: NDArray[np.float32], scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """The contributions that a prediction is explained by: of several classes, those to the class that is predicted.

    Args:
        found: XGBoost's contributions, a row per row; of several classes a matrix per row, with a row per class.
        scores: What the trees gave: a number per row, or one per row and class.
    """
    return found if found.ndim == 2 else found[np.arange(len(found)), np.argmax(scores, axis=1)]


def by_column(found: NDArray[np.float32], inputs: Inputs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The contribution of each column that the inputs read, in order, and the bias, for some rows."""
    moved = found[:, :-1].astype(np.float64)
    if len(inputs.read) < len(inputs.names):
        read = [inputs.read.index(column) for column in map(inputs.column_of, inputs.names)]
        moved = moved @ np.eye(len(inputs.read))[read]
    return moved, found[:, -1].astype(np.float64)


def _texts(places: NDArray[np.intp], raw: Sequence[pa.Array]) -> pa.Array:
    """The value of the input at each place of each row, as text."""
    texts = np.full(places.size, None, dtype=object)
    row, place = np.arange(places.size) // max(1, places.shape[1]), places.ravel()
    for at, column in enumerate(raw):
        wanted = np.flatnonzero(place == at)
        if wanted.size:
            texts[wanted] = column.take(pa.array(row[wanted])).cast(pa.string()).to_numpy(zero_copy_only=False)
    return pa.array(texts, pa.string())
