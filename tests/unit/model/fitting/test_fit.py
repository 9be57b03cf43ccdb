"""Fitting: the same trees whichever way, and in whichever order the rows come."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.config.model import Model
from assay.errors import ModelError
from model.artifact import Artifact
from model.fitting import native
from model.fitting.fit import fit_trees
from model.fitting.fitted import Fitted
from model.fitting.rows import check_learnable, classes_of, prepared
from model.inputs import Inputs, fit
from model.predict import predict

NIGHT = datetime(2013, 3, 1, tzinfo=UTC)
TASKS = ("binary", "multiclass", "regression", "ranking")


def model(task: str = "binary", **changes: Any) -> Model:
    more: dict[str, Any] = {"xgboost": {"rounds": 8, "max_depth": 3, "subsample": 0.8}, **changes}
    if task == "ranking":
        more["rank_within"] = ["shop"]
    return Model.model_validate(
        {
            "name": "late", "description": "d", "spine": {"train": "select 1", "score": "select 1"}, "key": ["id"],
            "features": {}, "split": {"holdout": "1d"}, "train": {"every": "1d", "window": "7d"},
            "gates": {}, "task": task, **more,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    """A thousand rows of two shops over three nights, the last for validation; a category, a missing number."""
    random = np.random.default_rng(8)
    made: list[tuple[Any, ...]] = []
    for n in range(1000):
        x, y = random.normal(size=2).tolist()
        kind = "abc"[n % 3]
        value = x + 0.5 * y + (kind == "b") + random.normal() * 0.3
        split = "validation" if n % 3 == 2 else "train"
        made.append(
            (
                n,
                f"s{n % 40}",
                NIGHT + timedelta(days=n % 3),
                kind,
                None if n % 7 == 0 else x,
                y,
                value,
                1.0 + n % 2,
                split,
            )
        )
    schema = "id int, shop string, as_of timestamp, kind string, x double, y double, value double, weight double, split string"
    return spark.createDataFrame(made, schema)


def labelled(rows: DataFrame, task: str) -> DataFrame:
    classes = F.when(F.col("value") > 0.7, "high").when(F.col("value") > -0.7, "middle").otherwise("low")
    labels = {
        "binary": F.col("value") > 0,
        "multiclass": classes,
        "regression": F.col("value"),
        "ranking": (F.col("value") > 0).cast("int"),
    }
    return rows.withColumn("label", labels[task])


def trees(rows: DataFrame, model: Model) -> Fitted:
    settings = model.xgboost.model_copy(update={"categorical": ("kind",)})
    return fit_trees(model, rows, fit(rows.where("split = 'train'"), ["x", "y"], settings))


@pytest.mark.parametrize("task", TASKS)
def test_fit_gives_the_same_trees_either_way_and_in_any_order(rows: DataFrame, task: str) -> None:
    told = {"weight": "weight"} if task != "ranking" else {}  # a ranking has weights of groups
    asked = {"rounds": 8, "max_depth": 3, "subsample": 0.8, "early_stopping": 3}
    split = {"holdout": "1d", "validation": "1d"}
    ways = {
        path: trees(labelled(frame, task), model(task, xgboost={**asked, "path": path}, split=split, **told))
        for path, frame in (("native", rows), ("spark", rows.repartition(3, "y")))
    }
    assert (ways["native"].path, ways["spark"].path) == ("native", "spark")
    assert ways["native"].booster == ways["spark"].booster
    assert ways["native"].best_iteration == ways["spark"].best_iteration
    assert ways["native"].losses["validation"] == pytest.approx(ways["spark"].losses["validation"])
    assert len(ways["native"].losses["train"]) > 0


def in_process(parts: DataFrame, *, external: bool = False) -> bytearray:
    asked = model()
    inputs = fit(parts, ["x", "y"], asked.xgboost)
    with native.matrices(prepared(parts, asked, inputs), asked, inputs, external=external) as data:
        booster, _ = native.boost(data, asked, {"objective": "binary:logistic", "max_depth": 3})
        found: bytearray = booster.save_raw("ubj")
        return found


def test_fit_from_disk_gives_the_same_trees(rows: DataFrame) -> None:
    parts = labelled(rows, "binary")
    assert in_process(parts) == in_process(parts, external=True)


def test_rows_are_read_in_batches_of_a_fixed_size_whatever_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "BATCH_ROWS", 100)
    files, begin = [], 0
    for n, size in enumerate((130, 1, 250)):
        ids = np.arange(begin, begin + size)
        files.append(tmp_path / f"{n}.arrow")
        rows = pa.table({"i0": ids.astype(np.float32), "is_validation": ids % 10 == 0})
        with pa.ipc.new_file(files[-1], rows.schema) as file:
            file.write_table(rows, max_chunksize=90)
        begin += size
    for part, wanted in (("train", [n for n in range(381) if n % 10]), ("validation", [*range(0, 381, 10)])):
        read = [batch["i0"].to_pylist() for batch in native._batches(files, part)]
        assert [len(batch) for batch in read] == ([100, 100, 100, 42] if part == "train" else [39])
        assert [int(number) for batch in read for number in batch] == wanted


def test_balance_weighs_positives_by_their_rarity(rows: DataFrame) -> None:
    parts = rows.withColumn("label", F.col("value") > 1.5)
    plain = trees(parts, model())
    balanced = trees(parts, model(xgboost={"rounds": 8, "max_depth": 3, "subsample": 0.8, "balance": True}))
    assert plain.booster != balanced.booster
    scores = [mean_score(found.booster, parts) for found in (plain, balanced)]
    assert scores[0] < 0.3 < scores[1]


def mean_score(booster: bytes, parts: DataFrame) -> float:
    inputs = Inputs(("kind", "x", "y"), {"kind": ("a", "b", "c")})
    return float(predict(parts, Artifact("late", booster, 7, inputs, {})).agg(F.avg("score")).collect()[0][0])


@pytest.mark.parametrize("task", TASKS)
def test_workers_get_rows_evenly_and_groups_whole(rows: DataFrame, task: str) -> None:
    asked = model(task, xgboost={"rounds": 4, "workers": 2})
    parts = labelled(rows, task)
    inputs = fit(parts, ["x", "y"], asked.xgboost)
    frame = prepared(parts, asked, inputs, classes_of(parts, asked)).repartition(
        2, "group" if task == "ranking" else "order"
    )
    counted = frame.groupBy(F.spark_partition_id().alias("part")).count().collect()
    least, most = sorted(row["count"] for row in counted)
    assert least + most == 1000
    assert most / least < (1.6 if task == "ranking" else 1.15)  # a hundred groups; a thousand rows
    if task == "ranking":
        where = frame.select("group", F.spark_partition_id().alias("part"))
        shared = where.groupBy("group").agg(F.count_distinct("part").alias("parts")).where("parts > 1")
        assert shared.isEmpty()
    found = [trees(parts, asked) for _ in range(2)]
    assert found[0].path == "spark"
    assert found[0].booster == found[1].booster


def test_more_workers_than_slots_are_refused_at_once(rows: DataFrame) -> None:
    with pytest.raises(ModelError, match="asks for more workers than Spark has slots") as raised:
        trees(labelled(rows, "binary"), model(xgboost={"workers": 3}))
    assert (raised.value.found, raised.value.expected) == ("3 workers", "at most 2")


def test_rows_that_do_not_fit_into_memory_are_refused_or_kept_on_disk(
    rows: DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory:
        available = 20_000

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    parts = labelled(rows, "binary")
    with pytest.raises(ModelError, match="A worker of late has not enough memory for its rows"):
        trees(parts, model(xgboost={"path": "spark"}))
    assert trees(parts, model()).why.endswith("more than half: rows stay on disk")


@pytest.mark.parametrize(
    ("task", "label", "weight", "found"),
    [
        ("binary", "true", "1.0", "labels from 1.0 to 1.0 in the training range; yes and no are both needed"),
        ("regression", "if(id = 3, double('NaN'), 1.0)", "1.0", "1 of 1000 rows have a label that is no number"),
        ("regression", "value", "if(id < 2, 0.0, 1.0)", "2 of 1000 rows have a weight that is not above 0"),
        ("ranking", "id", "1.0", "relevance is a number from 0 to 31"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    rows: DataFrame, task: str, label: str, weight: str, found: str
) -> None:
    parts = rows.withColumn("label", F.expr(label)).withColumn("weight", F.expr(weight))
    with pytest.raises(ModelError, match="late cannot learn from its training set") as raised:
        check_learnable(parts, model(task, weight="weight"), "gold.late_training")
    assert found in str(raised.value.found)


def test_a_weight_that_is_no_column_is_refused(rows: DataFrame) -> None:
    with pytest.raises(ModelError, match="has no weight"):
        check_learnable(labelled(rows, "binary"), model(weight="wait"), "gold.late_training")


def test_a_class_that_only_validation_has_is_not_learned(rows: DataFrame) -> None:
    parts = labelled(rows, "multiclass")
    new = parts.withColumn(
        "label", F.when((F.col("split") == "validation") & (F.col("id") % 2 == 0), "new").otherwise(F.col("label"))
    )
    asked = model("multiclass", split={"holdout": "1d", "validation": "1d"})
    found = trees(new, asked)
    assert found.classes == ("high", "low", "middle")
    without = new.where("label <> 'new'")
    assert trees(without, asked).booster == found.booster
    inputs = fit(new, ["x", "y"], asked.xgboost)
    assert prepared(new, asked, inputs, found.classes).count() == without.count()


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("if(value > 0, 'yes', 'no')", "2 classes in the training range: no, yes"),
        ("cast(id as string)", "101 or more classes in the training range: "),
    ],
)
def test_too_few_and_too_many_classes_are_refused(rows: DataFrame, label: str, found: str) -> None:
    with pytest.raises(ModelError, match="late cannot learn from its training set") as raised:
        trees(rows.withColumn("label", F.expr(label)), model("multiclass"))
    assert str(raised.value.found).startswith(found)
    assert "task: binary" in str(raised.value.expected)
