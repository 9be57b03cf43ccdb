"""Trees fitted in this process, from the training set's rows in Arrow files, a batch of them in memory at a time."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark import TaskContext
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from model.fitting.rows import GROUP, IS_VALIDATION, LABEL, WEIGHT, in_order, number_columns, told_columns
from model.inputs import Inputs, packed, unpacked

NUMBERS = "numbers"
"""The column of a row's inputs."""
HASHES = ("hash", "other_hash")
"""Columns of rows that are not in order yet."""
BATCH_ROWS = 500_000
"""Rows that are in memory as floats at once. Part of what the trees are: quantiles are sketched batch by batch."""


Batches = Callable[[], Iterator[dict[str, Any]]]
"""What begins a pass over rows: each batch as XGBoost is told it."""


@dataclass(frozen=True)
class Matrices:
    """Rows as XGBoost holds them; `validation` is None where the model has no such range."""

    train: Any
    validation: Any


@contextmanager
def matrices(rows: DataFrame, model: Model, inputs: Inputs, *, external: bool = False) -> Iterator[Matrices]:
    """Rows quantised for training, as long as the block lasts.

    Args:
        rows: Prepared rows; Spark writes them to local files.
        model: The model.
        inputs: Its inputs.
        external: Keep the rows on disk, and not in memory.
    """
    with tempfile.TemporaryDirectory(prefix="assay-train-") as scratch:
        on_disk = external or bool(model.rank_within)
        files = _write(rows, model, inputs, Path(scratch) / "rows", in_their_order=on_disk)
        read = _from_disk if on_disk else _from_memory

        def matrix(part: str, like: Any = None) -> Any:
            batches = read(files, model, inputs, part)
            return _matrix(batches, model, inputs, f"{scratch}/{part}" if external else None, like)

        train = matrix("train")
        yield Matrices(train, matrix("validation", like=train) if model.split.validation is not None else None)


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


def _write(rows: DataFrame, model: Model, inputs: Inputs, folder: Path, *, in_their_order: bool) -> list[Path]:
    """Rows in files: in their order from file to file, or as they come, with hashes to sort them by.

    In order, Spark shares rows out by the hash that their order begins with: its value says which file a row belongs to,
    so that Spark need not look at all rows beforehand, as it does to sort them. What is ranked together goes by its
    number instead.
    """
    told = [F.col(name) for name in told_columns(model)]
    learned = [packed([F.col(name) for name in number_columns(inputs)]).alias(NUMBERS), *told]
    if not in_their_order:
        found = rows.select(
            *learned, F.col("order.o0").alias(HASHES[0]), F.xxhash64(F.lit(1), "order").alias(HASHES[1])
        )
    elif model.rank_within:
        found = rows.orderBy(*in_order(rows)).select(*learned)
    else:
        count = rows.sparkSession.sparkContext.defaultParallelism
        place = F.floor((F.col("order.o0").cast("double") / 2.0**64 + 0.5) * count)
        dealt = rows.repartitionById(count, F.least(place, F.lit(count - 1)).cast("int"))
        found = dealt.sortWithinPartitions(*in_order(dealt)).select(*learned)
    folder.mkdir()

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of a task as they come from Spark, in a file whose name says which task: they stay in order."""
        task = TaskContext.get()
        first = next(batches := iter(batches), None)
        if task is not None and first is not None:
            with pa.ipc.new_file(folder / f"{task.partitionId():06d}.arrow", first.schema) as file:
                for batch in chain([first], batches):
                    file.write_batch(batch)
        return iter(())

    found.mapInArrow(write, "nothing boolean").collect()
    return sorted(folder.glob("*.arrow"))


def _read(file: Path) -> Iterator[pa.RecordBatch]:
    """The batches of a file, of which no more is in memory than is looked at."""
    with pa.memory_map(str(file)) as source, pa.ipc.open_file(source) as reader:
        for n in range(reader.num_record_batches):
            yield reader.get_batch(n)


def _all(files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    """The batches of some files."""
    return chain.from_iterable(map(_read, files))


def _matrix(batches: Batches, model: Model, inputs: Inputs, cache: str | None, like: Any = None) -> Any:
    import xgboost as xgb

    class Rows(xgb.DataIter):  # type: ignore[misc]  # xgboost has no types
        """Batches of one range, as XGBoost asks for them: again for each of its passes."""

        def __init__(self) -> None:
            self.batches = batches()
            super().__init__(cache_prefix=cache)

        def next(self, input_data: Any) -> bool:
            batch = next(self.batches, None)
            if batch is None:
                return False
            input_data(**batch, feature_types=inputs.types)
            return True

        def reset(self) -> None:
            self.batches = batches()

    asked: dict[str, Any] = {"nthread": model.xgboost.threads, "enable_categorical": True, "ref": like}
    return xgb.ExtMemQuantileDMatrix(Rows(), **asked) if cache else xgb.QuantileDMatrix(Rows(), **asked)


def _told(model: Model) -> dict[str, str]:
    """What XGBoost is told beside the inputs: its word -> our column."""
    weight = {"weight": WEIGHT} if model.weight is not None else {}
    return {"label": LABEL, **weight, **({"qid": GROUP} if model.rank_within else {})}


def _from_disk(files: Sequence[Path], model: Model, inputs: Inputs, part: str) -> Batches:
    """Batches of a range that are read again for each pass, from files in order."""

    def batches() -> Iterator[dict[str, Any]]:
        for batch in _batches(files, part):
            told = {word: _values(batch[name]) for word, name in _told(model).items()}
            yield {"data": unpacked(batch[NUMBERS].combine_chunks(), len(inputs.names)), **told}

    return batches


def _from_memory(files: Sequence[Path], model: Model, inputs: Inputs, part: str) -> Batches:
    """Batches of a range that stays in memory, sorted here: by two hashes of a row's key, in which no two are alike."""

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([_values(batch[name]) for batch in _all(files)])

    order = np.lexsort([column(HASHES[1]), column(HASHES[0])])
    order = order[column(IS_VALIDATION)[order] == (part == "validation")]
    matrix = np.empty((len(order), len(inputs.names)), np.float32)
    place = np.full(sum(map(len, _all(files))), -1)
    place[order] = np.arange(len(order))
    begin = 0
    for batch in _all(files):
        to = place[begin : begin + len(batch)]
        matrix[to[to >= 0]] = unpacked(batch[NUMBERS], len(inputs.names))[to >= 0]
        begin += len(batch)
    told = {word: column(name)[order] for word, name in _told(model).items()}

    def batches() -> Iterator[dict[str, Any]]:
        for begin in range(0, len(order), BATCH_ROWS):
            rows = slice(begin, begin + BATCH_ROWS)
            yield {"data": matrix[rows], **{word: values[rows] for word, values in told.items()}}

    return batches


def _batches(files: Sequence[Path], part: str) -> Iterator[pa.Table]:
    """The rows of a range in batches of a fixed size, whatever the files' sizes; the last is smaller."""
    waiting: list[pa.Table] = []
    have = 0
    for file in files:
        for read in _read(file):
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


def _values(column: Any) -> NDArray[Any]:
    """A column's values, a missing one as NaN."""
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values
