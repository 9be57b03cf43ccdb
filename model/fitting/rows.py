"""The rows that trees are fitted to: numbers, labels, weights and groups, in an order of their own."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from assay.config import Model
from assay.errors import ModelError
from assay.frames import only_row
from assay.tables import quoted
from model.inputs import Inputs
from model.split import TRAIN, VALIDATION
from model.tasks.multiclass import LEAST, MOST

SHOWN = 5
"""Classes that an error names."""
LABEL, WEIGHT, IS_VALIDATION, GROUP = "label", "weight", "is_validation", "group"


def prepared(parts: DataFrame, model: Model, inputs: Inputs, classes: Sequence[str] = ()) -> DataFrame:
    """The rows to learn from: `i0`, `i1`, … as 32-bit floats, the label, and what else the trees are told.

    Args:
        parts: The training set with its split.
        model: Its weight, and what it ranks within.
        inputs: How columns become numbers.
        classes: Of a label of several classes, those of the training range: a label is the place of its class. Rows of
            the validation range with another class are left out.

    Returns:
        The columns of `number_columns` and `told_columns`, then `order`, which puts the rows in an order that says nothing
        of time; rows that are ranked together stand together.
    """
    rows = parts.where(F.col("split").isin(TRAIN, VALIDATION))
    key = [F.col(quoted(name)) for name in (*model.key, "as_of")]
    numbers = [column.cast("float").alias(f"i{n}") for n, column in enumerate(inputs.columns())]
    label = F.col("label")
    if classes:
        label = F.array_position(F.array(*map(F.lit, classes)), label.cast("string")) - 1
        rows = rows.where(label >= 0)
    told = [label.cast("float").alias(LABEL), (F.col("split") == VALIDATION).alias(IS_VALIDATION)]
    if model.weight is not None:
        told.append(F.col(quoted(model.weight)).cast("float").alias(WEIGHT))
    order = [F.xxhash64(*key), *key]
    if model.rank_within:
        rows = _numbered(rows, [*model.rank_within, "as_of"])
        told.append(F.col("__group").alias(GROUP))
        order = [F.col("__group"), *order]
    fields = [column.alias(f"o{n}") for n, column in enumerate(order)]
    return rows.select(*numbers, *told, F.struct(*fields).alias("order"))


def in_order(rows: DataFrame) -> list[Column]:
    """What prepared rows are sorted by: each field by itself, which Spark sorts faster than a struct."""
    return [F.col(f"order.{name}") for name in rows.select("order.*").columns]


def classes_of(parts: DataFrame, model: Model) -> tuple[str, ...]:
    """The classes in the training range of a label of several, in order; ModelError for too few or too many."""
    if model.task != "multiclass":
        return ()
    label = F.col("label").cast("string").alias("label")
    rows = parts.where(F.col("split") == TRAIN).select(label).distinct().limit(MOST + 1).collect()
    found = sorted(row["label"] for row in rows)
    if not LEAST <= len(found) <= MOST:
        some = ", ".join(found[:SHOWN]) + (", …" if len(found) > SHOWN else "")
        raise ModelError(
            f"{model.name} cannot learn from its training set.", where=f"gold.{model.name}_training",
            found=f"{len(found)}{' or more' if len(found) > MOST else ''} classes in the training range: {some}",
            expected=f"{LEAST} to {MOST} classes; of two, task: binary", do="correct spine.train, or land more history",
        )  # fmt: skip
    return tuple(found)


def number_columns(inputs: Inputs) -> list[str]:
    """The columns of prepared rows that are inputs."""
    return [f"i{n}" for n in range(len(inputs.names))]


def told_columns(model: Model) -> list[str]:
    """The columns of prepared rows beside inputs and order."""
    return [LABEL, IS_VALIDATION, *([WEIGHT] if model.weight else []), *([GROUP] if model.rank_within else [])]


def _numbered(rows: DataFrame, columns: list[str]) -> DataFrame:
    """Rows with the number of their group, as XGBoost asks for: groups are few, so one task can count them."""
    named = F.struct(*[quoted(name) for name in columns])  # equal where both are missing, too
    groups = rows.select(named.alias("__named")).distinct()
    counted = groups.select("*", F.row_number().over(Window.orderBy("__named")).alias("__group"))
    return rows.join(F.broadcast(counted), named.eqNullSafe(F.col("__named")), "inner")


def check_learnable(parts: DataFrame, model: Model, table: str) -> int:
    """How many rows there are to learn from; ModelError where a label or a weight is none.

    A yes or no needs both among the rows of the training range; a weight is above 0.
    """
    if model.weight is not None and model.weight not in parts.columns:
        raise ModelError(
            f"The training set of {model.name} has no weight.", where=model.at("weight"),
            found=f"no column {model.weight}", do="select it in spine.train",
        )  # fmt: skip
    train = F.col("split") == TRAIN
    label = F.lit(0.0) if model.task == "multiclass" else F.col("label").cast("double")
    weight = F.col(quoted(model.weight)).cast("double") if model.weight else F.lit(1.0)
    row = only_row(
        parts.where(F.col("split").isin(TRAIN, VALIDATION)).agg(
            F.count("*").alias("rows"),
            F.count_if(F.col("label").isNull() | F.isnan(label)).alias("no label"),
            F.count_if(weight.isNull() | F.isnan(weight) | (weight <= 0)).alias("no weight"),
            F.min(F.when(train, label)).alias("least"),
            F.max(F.when(train, label)).alias("most"),
        )
    )
    wrong = ""
    if row["no label"]:
        wrong = f"{row['no label']} of {row['rows']} rows have a label that is no number"
    elif row["no weight"]:
        wrong = f"{row['no weight']} of {row['rows']} rows have a weight that is not above 0"
    elif model.task == "binary" and (row["least"], row["most"]) != (0.0, 1.0):
        wrong = f"labels from {row['least']} to {row['most']} in the training range; yes and no are both needed"
    elif model.task == "ranking" and (row["least"] < 0 or row["most"] > 31):  # XGBoost's limit for NDCG
        wrong = f"labels from {row['least']} to {row['most']}; relevance is a number from 0 to 31"
    if wrong:
        raise ModelError(
            f"{model.name} cannot learn from its training set.", where=table, found=wrong,
            do="correct spine.train, or land more history",
        )  # fmt: skip
    return int(row["rows"])
