"""Trees fitted in this process, from the training set's rows in Parquet files, a batch of them in memory at a time."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from model.fitting.rows import GROUP, IS_VALIDATION, LABEL, WEIGHT, in_order, learned_columns
from model.inputs import Inputs

BATCH_ROWS = 500_000
"""Rows that are in memory as floats at once. Part of what the trees are: quantiles are sketched batch by batch."""


@dataclass(frozen=True)
class Matrices:
    """Rows as XGBoost holds them; `validation` is None where the model has no such range."""

    train: Any
    validation: Any


@contextmanager
def matrices(rows: DataFrame, model: Model, inputs: Inputs, *, external: bool = False) -> Iterator[Matrices]:
    """Rows quantised for training, as long as the block lasts.

    Args:
        rows: Prepared rows; Spark sorts them and writes them to local files.
        model: The model.
        inputs: Its inputs.
        external: Keep the quantised rows on disk, and not in memory.
    """
    with tempfile.TemporaryDirectory(prefix="assay-train-") as scratch:
        files = _write(rows, model, inputs, Path(scratch) / "rows")
        train = _matrix(files, model, inputs, scratch, external=external, part="train")
        validation = None
        if model.split.validation is not None:
            validation = _matrix(files, model, inputs, scratch, external=external, part="validation", like=train)
        yield Matrices(train, validation)


def boost(
    data: Matrices, model: Model, parameters: Mapping[str, Any], *, threads: int = 1
) -> tuple[Any, Mapping[str, list[float]]]:
    """The booster, and its losses by round, of splits where there is a validation range.

    With another number of threads, sums are in another order and trees may differ.
    """
    import xgboost as xgb

    evals = [] if data.validation is None else [(data.train, "train"), (data.validation, "validation")]
    losses: dict[str, dict[str, list[float]]] = {}
    booster = xgb.train(
        {**parameters, "nthread": threads, "verbosity": 0}, data.train, model.xgboost.rounds, evals=evals,
        early_stopping_rounds=model.xgboost.early_stopping, evals_result=losses, verbose_eval=False,
    )  # fmt: skip
    return booster, {split: [float(value) for value in next(iter(found.values()))] for split, found in losses.items()}


def _write(rows: DataFrame, model: Model, inputs: Inputs, folder: Path) -> list[Path]:
    """Rows in their order, in files whose names have the same order: however many there are, together they are one."""
    ordered = _in_one_order(rows, model).select(*learned_columns(model, inputs))
    plain = {"compression": "uncompressed", "parquet.enable.dictionary": "false"}  # read soon, by this process alone
    ordered.write.options(**plain).parquet(folder.as_uri())
    return sorted(folder.glob("part-*"))


def _in_one_order(rows: DataFrame, model: Model) -> DataFrame:
    """Rows in order over all partitions, each with about as many.

    The order begins with a hash, so its value says which partition a row belongs to: Spark need not look at the rows
    beforehand, as it does to sort them. What is ranked together goes by its number instead.
    """
    if model.rank_within:
        return rows.orderBy(*in_order(rows))
    count = rows.sparkSession.sparkContext.defaultParallelism
    place = F.floor((F.col("order.o0").cast("double") / 2.0**64 + 0.5) * count)
    dealt = rows.repartitionById(count, F.least(place, F.lit(count - 1)).cast("int"))
    return dealt.sortWithinPartitions(*in_order(dealt))


def _matrix(
    files: Sequence[Path],
    model: Model,
    inputs: Inputs,
    scratch: str,
    *,
    external: bool,
    part: str,
    like: Any = None,
) -> Any:
    import xgboost as xgb

    class Rows(xgb.DataIter):  # type: ignore[misc]  # xgboost has no types
        """Batches of one range, as XGBoost asks for them: again for each of its passes."""

        def __init__(self) -> None:
            self.batches = _batches(files, part)
            super().__init__(cache_prefix=f"{scratch}/{part}" if external else None)

        def next(self, input_data: Any) -> bool:
            batch = next(self.batches, None)
            if batch is None:
                return False
            told: dict[str, Any] = {"data": _numbers(batch, len(inputs.names)), "label": batch[LABEL].to_numpy()}
            if model.weight is not None:
                told["weight"] = batch[WEIGHT].to_numpy()
            if model.rank_within:
                told["qid"] = batch[GROUP].to_numpy()
            input_data(**told, feature_types=inputs.types)
            return True

        def reset(self) -> None:
            self.batches = _batches(files, part)

    asked: dict[str, Any] = {"nthread": model.xgboost.threads, "enable_categorical": True, "ref": like}
    return xgb.ExtMemQuantileDMatrix(Rows(), **asked) if external else xgb.QuantileDMatrix(Rows(), **asked)


def _batches(files: Sequence[Path], part: str) -> Iterator[pa.Table]:
    """The rows of a range in batches of a fixed size, whatever the files' sizes; the last is smaller."""
    waiting: list[pa.Table] = []
    have = 0
    for file in files:
        for read in pq.ParquetFile(file).iter_batches(batch_size=BATCH_ROWS):
            table = pa.Table.from_batches([read])
            chosen = table[IS_VALIDATION] if part == "validation" else pc.invert(table[IS_VALIDATION])
            waiting.append(table.filter(chosen))
            have += len(waiting[-1])
            while have >= BATCH_ROWS:
                whole = pa.concat_tables(waiting)
                yield whole.slice(0, BATCH_ROWS)
                waiting, have = [whole.slice(BATCH_ROWS)], have - BATCH_ROWS
    if have:
        yield pa.concat_tables(waiting)


def _numbers(batch: pa.Table, inputs: int) -> Any:
    """A batch's inputs as 32-bit floats, a missing one as NaN."""
    import numpy as np

    matrix = np.empty((len(batch), inputs), np.float32)
    for n in range(inputs):
        matrix[:, n] = batch[f"i{n}"].to_numpy()
    return matrix
