"""Candidates of literal rows."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from assay.config.model import Model
from model.artifact import Artifact
from model.candidate import Candidate
from model.evaluation import slices
from model.inputs import Inputs
from model.registry import Registered

MODEL: dict[str, Any] = {
    "name": "late",
    "description": "Will it be late?",
    "spine": {"train": "select 1", "score": "select 1"},
    "key": ["id"],
    "features": {},
    "request": {"hour": "hour"},
    "split": {"holdout": "1d"},
    "train": {"every": "1d", "window": "7d"},
}
NewCandidate = Callable[..., Candidate]


@pytest.fixture
def new_candidate(spark: SparkSession) -> NewCandidate:
    """Makes a candidate of scored rows, the columns of which are named in a schema; `split` is holdout by default.

    Metrics that are not given are the number of rows of each split. What else is given is said of the model.
    """

    def make(
        rows: Sequence[Sequence[object]] = (),
        schema: str = "id int",
        *,
        metrics: Mapping[str, Mapping[str, float]] | None = None,
        artifact: Artifact | None = None,
        champion: Registered | None = None,
        inputs: DataFrame | None = None,
        **model: Any,
    ) -> Candidate:
        names = cast("T.StructType", T.StructType.fromDDL(schema)).names
        if "split" not in names:
            rows, schema, names = [(*row, "holdout") for row in rows], f"{schema}, split string", [*names, "split"]
        at = names.index("split")
        counts = Counter(str(row[at]) for row in rows)
        frame = spark.createDataFrame([tuple(row) for row in rows], schema)
        asked = Model.model_validate({**MODEL, "gates": {}, **model})
        return Candidate(
            lakehouse=cast("Any", None),  # no gate asks for it
            model=asked,
            artifact=artifact or Artifact("late", b"trees", 0, Inputs(("hour",), {}), {}),
            metrics={split: {"rows": count} for split, count in counts.items()} if metrics is None else metrics,
            slices=slices(asked, frame) if rows else (),
            scored=frame,
            champion=champion,
            inputs=inputs,
        )

    return make
