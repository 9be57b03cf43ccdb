"""What scoring costs, Delta to Delta: assay against native XGBoost, MLflow's UDF and xgboost.spark.

`.venv/bin/python benchmarks/score.py`: 5 million rows of 30 inputs, one value in ten missing, by 300 trees of depth 6. In
one run, on the same table and with the same trees:

- native: one process reads the table's Parquet files, `inplace_predict` with a thread per core, writes Parquet.
- predict: `model.predict`, written as Delta.
- assay: as the stage `score` does it: rows are counted, scored and held, all keys and scores checked, and the night's
  slice is replaced.
- spark_udf: `mlflow.pyfunc.spark_udf`, written as Delta.
- xgboost.spark: its model's `transform`, written as Delta.

All give the same scores. Each way is timed as often as asked, turn by turn, and its fastest turn counts.
"""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder

import argparse
import json
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.config import Model
from assay.config.environment import Environment, Spark
from assay.frames import together
from assay.session import compiled, session
from assay.tables import Tables
from model.artifact import Artifact
from model.inputs import Inputs
from model.predict import Asked, predict
from model.score import write

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
COLUMNS = [f"x{n}" for n in range(30)]
TREES, DEPTH = 300, 6
CORES = len(os.sched_getaffinity(0))
INPUTS = "gold.meter_inputs"
KEPT = ["id", "as_of"]
BATCH, SAMPLE = 100_000, 50_000


MODEL = Model.model_validate({
    "name": "meter", "description": "d", "spine": {"train": "select 1", "score": "select 1"}, "key": ["id"],
    "features": {}, "split": {"holdout": "1d"}, "train": {"every": "1d", "window": "7d"}, "gates": {},
})  # fmt: skip


def made(spark: SparkSession, rows: int) -> DataFrame:
    """Rows: half of the inputs are rates of few values, half are numbers of many digits."""

    def value(at: int) -> Column:
        seed = F.xxhash64("id", F.lit(at))
        few = F.pmod(seed, F.lit(500)) / 500
        many = F.pmod(seed, F.lit(1_000_000_007)) / 1_000_000_007
        return F.when(F.pmod(F.shiftright(seed, 40), F.lit(10)) > 0, few if at % 2 else many)

    values = [value(at).alias(name) for at, name in enumerate(COLUMNS)]
    return spark.range(0, rows, 1, 4 * CORES).select("id", F.lit(NIGHT).alias("as_of"), *values)


def trained(sample: DataFrame) -> Any:
    """A model of xgboost.spark, whose trees all ways use."""
    from xgboost.spark import SparkXGBClassifier

    label = (F.coalesce("x1", F.lit(0.4)) + F.col("x2") * F.coalesce("x3", F.lit(0.5)) + F.rand(1) > 1.1).cast("int")
    rows = sample.select(*COLUMNS, F.coalesce(label, F.lit(0)).alias("label")).coalesce(1)
    estimator = SparkXGBClassifier(
        features_col=COLUMNS, label_col="label", num_workers=1, n_estimators=TREES, max_depth=DEPTH, tree_method="hist",
        random_state=7, verbosity=0, verbose=False,
    )  # fmt: skip
    return estimator.fit(rows)


def native(tables: Tables, booster: bytes, to: str) -> None:
    """Files to a file in this process."""
    import xgboost as xgb

    model = xgb.Booster(params={"nthread": CORES})
    model.load_model(bytearray(booster))
    folder = Path(tables.path(to))
    folder.mkdir(parents=True)
    schema = pa.schema({"id": pa.int64(), "score": pa.float64()})
    with pq.ParquetWriter(folder / "scores.parquet", schema, compression="snappy") as writer:
        for path in sorted(
            Path(tables.path(INPUTS)).glob("as_of=*/*.parquet")
        ):  # all of them live: it was written once
            for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=["id", *COLUMNS]):
                matrix = np.empty((batch.num_rows, len(COLUMNS)), np.float32)
                for at, name in enumerate(COLUMNS):
                    matrix[:, at] = batch[name].to_numpy(zero_copy_only=False)
                scores = pa.array(model.inplace_predict(matrix, validate_features=False).astype("float64"))
                writer.write_batch(pa.RecordBatch.from_arrays([batch["id"], scores], schema=schema))


def trained_of(booster: bytes) -> Artifact:
    """The trees as assay has them."""
    return Artifact("meter", booster, TREES - 1, Inputs(tuple(COLUMNS), {}), {})


def predicted(tables: Tables, booster: bytes, to: str) -> None:
    """Scores, and no question asked."""
    scored = predict(tables.read(INPUTS), trained_of(booster), keep=KEPT)
    tables.replace(to, scored, slice_of={"as_of": [NIGHT]}, evolve=True)


def assay(tables: Tables, booster: bytes, to: str) -> None:
    """As a night is scored."""
    trained = trained_of(booster)
    inputs = tables.read(INPUTS).where(F.col("as_of") == F.lit(NIGHT))
    slice_of: dict[str, list[object]] = {"as_of": [NIGHT], "role": ["champion"]}
    told = {"role": F.lit("champion"), "model_version": F.lit(1), "model_sha256": F.lit(trained.sha256)}
    model = MODEL.model_copy(update={"name": to.partition(".")[2].removesuffix("_predictions")})
    asked = Asked(*inputs.agg(F.count("*"), together(model.key)).collect()[0])
    write(tables, model, predict(inputs, trained, keep=KEPT), told, asked=asked, slice_of=slice_of)


def spark_udf(tables: Tables, model: str, to: str) -> None:
    """MLflow's own way."""
    import mlflow

    score = mlflow.pyfunc.spark_udf(tables.spark, model, result_type="double", env_manager="local")
    scored = tables.read(INPUTS).select(*KEPT, score(F.struct(*COLUMNS)).alias("score"))
    scored.write.format("delta").partitionBy("as_of").save(tables.path(to))


def transform(tables: Tables, model: Any, to: str) -> None:
    """The way of xgboost.spark."""
    probability = vector_to_array(F.col("probability"))[1].alias("score")
    scored = model.transform(tables.read(INPUTS)).select(*KEPT, probability)
    scored.write.format("delta").partitionBy("as_of").save(tables.path(to))


@contextmanager
def quiet(spark: SparkSession) -> Iterator[None]:
    """Warnings of the libraries to themselves, and plans compiled as Spark does by default, for all ways alike."""
    for name in ("mlflow", "XGBoost-PySpark"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings(), compiled(spark):
        warnings.simplefilter("ignore")
        yield


def cpu_seconds() -> float:
    """Of this process and all that it has started."""
    me = psutil.Process()
    times = [process.cpu_times() for process in [me, *me.children(recursive=True)]]
    return sum(each.user + each.system + each.children_user + each.children_system for each in times)


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Seconds and CPU seconds of some work."""
    cpu, begun = cpu_seconds(), time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - begun, "cpu_seconds": cpu_seconds() - cpu}


def check(tables: Tables, name: str, to: str, expected: str, rows: int) -> None:
    """Every row has the native score, to the last bit; xgboost.spark works out the sigmoid itself, nearly the same."""
    native_scores = tables.spark.read.parquet(tables.path(expected)).select("id", F.col("score").alias("expected"))
    off = F.max(F.abs(F.col("score") - F.col("expected"))).alias("off")
    row = tables.read(to).join(native_scores, "id", "inner").agg(F.count("*").alias("rows"), off).collect()[0]
    assert row["rows"] == rows, (name, row)  # noqa: S101
    assert row["off"] <= (1e-6 if name == "xgboost.spark" else 0), (name, row)  # noqa: S101


def measured(spark: SparkSession, rows: int, turns: int) -> dict[str, dict[str, float]]:
    """The fastest turn of each way."""
    import mlflow

    with tempfile.TemporaryDirectory() as folder, quiet(spark):
        tables = Tables(spark, folder)
        tables.replace(INPUTS, made(spark, rows), slice_of={"as_of": [NIGHT]})
        model = trained(tables.read(INPUTS).limit(SAMPLE))
        booster = bytes(model.get_booster().save_raw("ubj"))
        saved = f"{folder}/model"
        mlflow.xgboost.save_model(model.get_booster(), saved, pip_requirements=["xgboost"], model_format="ubj")
        ways: dict[str, Callable[[str], None]] = {
            "native": partial(native, tables, booster),
            "predict": partial(predicted, tables, booster),
            "assay": partial(assay, tables, booster),
            "spark_udf": partial(spark_udf, tables, saved),
            "xgboost.spark": partial(transform, tables, model),
        }
        best: dict[str, dict[str, float]] = {}
        for turn in range(turns):
            for at, (name, way) in enumerate(ways.items()):
                to = f"gold.scores_{turn}_{at}_predictions"
                found = timed(partial(way, to))
                if at:
                    check(tables, name, to, f"gold.scores_{turn}_0_predictions", rows)
                if name not in best or found["seconds"] < best[name]["seconds"]:
                    best[name] = found
        return best


def main() -> None:
    """Measure, and print a line each and the ratios."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true", help="100,000 rows")
    options.add_argument("--rows", type=int, help="as many rows")
    options.add_argument("--turns", type=int, default=1, help="how often each way is timed")
    given = options.parse_args()
    rows = given.rows or (100_000 if given.small else 5_000_000)
    spark = session(Environment(name="bench", spark=Spark(master=f"local[{CORES}]")))
    measured(spark, 20_000, 1)  # to warm up
    found = measured(spark, rows, given.turns)
    print(f"{rows:,} rows, {len(COLUMNS)} inputs, {TREES} trees; load of the machine {os.getloadavg()[0]:.1f}")
    for name, each in found.items():
        print(
            f"{name:<15}{each['seconds']:8.1f} s {each['cpu_seconds']:8.1f} CPU s {rows / each['seconds']:12,.0f} rows/s"
        )
    ratios = {
        f"{one} / {other}{of}": round(found[one][unit] / found[other][unit], 2)
        for other in ("predict", "assay")
        for one in ("native", "spark_udf", "xgboost.spark")
        for unit, of in (("seconds", ""), ("cpu_seconds", ", CPU"))
    }
    print(json.dumps({"rows": rows, "load": os.getloadavg()[0], **found, "ratios": ratios}))


if __name__ == "__main__":
    main()
