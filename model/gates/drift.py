"""A gate on drift: whether the rows that are scored now look like those that a model was trained on."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import Model
from assay.tables import quoted
from model.candidate import Candidate
from model.definitions import differing, given_to
from model.distances import of_categories, of_numbers
from model.gates.gate import Found, NotJudgedError, Number, Settings, gate, number
from model.gates.rows import brought, sample, split_of
from model.inputs import names_of
from model.split import HOLDOUT, TRAIN

MOST_VALUES = 10_000_000
"""Values that are brought to the driver, of all inputs together; of more rows a part is taken by a hash of their key."""


class Drift(Settings):
    """How far the newest inputs may be from those of training."""

    max: Annotated[Number, Field(gt=0)] = 0.2
    """The greatest population stability index of an input that passes."""

    inputs: tuple[str, ...] = ("*",)
    """Which inputs to look at, by name or pattern, as in `*_28d`."""

    rows: Annotated[int, Field(ge=1)] = 200
    """With fewer rows of the newest night nothing can be said, and the gate fails."""

    @property
    def limit(self) -> str:
        """As `at most 0.2`."""
        return f"at most {number(self.max)}"

    def check(self, model: Model, name: str, rows: DataFrame | None) -> None:
        """Every pattern fits an input."""
        if rows is None:
            return
        known = inputs_of(model, rows.columns)
        for at, pattern in enumerate(self.inputs):
            if not any(fnmatchcase(each, pattern) for each in known):
                raise model.error(
                    f"No input of {model.name} is named like {pattern!r}.", "gates", name, "inputs", at,
                    found=pattern, expected="an input or a pattern of inputs: " + ", ".join(known),
                )  # fmt: skip


@gate("drift", Drift)
def drift(candidate: Candidate, settings: Drift) -> Iterable[Found]:
    """The population stability index of the input that differs most between the training range and the newest night scored."""
    trained = split_of(candidate, TRAIN)
    newest, told = _newest(candidate)
    names = [
        name
        for name in inputs_of(candidate.model, trained.columns)
        if any(fnmatchcase(name, pattern) for pattern in settings.inputs)
    ]
    given = given_to(newest) if candidate.inputs is not None else None
    other = set(differing(candidate.lakehouse, candidate.artifact, given)) if given is not None else set()
    if not (names := [name for name in names if name not in other]):
        raise NotJudgedError(f"all inputs are defined in another way than those of {told}")
    if missing := [name for name in names if name not in newest.columns]:
        raise NotJudgedError(f"{told} lacks {', '.join(missing)}")
    key = [*candidate.model.key, "as_of"]
    columns = [_as_read(candidate.scored, name) for name in names]
    most = MOST_VALUES // max(1, len(names))
    now = brought(sample(newest, key, most / max(1, newest.count())), columns)
    if now.num_rows < settings.rows:
        raise NotJudgedError(f"{told} has {now.num_rows:,} rows, and {settings.rows:,} are needed")
    before = brought(sample(trained, key, most / max(1, candidate.metrics[TRAIN]["rows"])), columns)
    found = {name: _index(before.column(name), now.column(name)) for name in names}
    worst = max(sorted(found), key=lambda name: found[name])
    above = sum(value > settings.max for value in found.values())
    why = f"{worst} differs most of {len(names)} inputs, {before.num_rows:,} training rows against the {now.num_rows:,} of {told}"
    why += f"; {len(other)} are left out, which were defined in another way then" if other else ""
    yield Found(
        found[worst], settings.limit, above == 0, f"{why}; {above} of them above the limit" if above > 1 else why
    )


def inputs_of(model: Model, columns: Sequence[str]) -> list[str]:
    """The inputs of a model as they are in its training set: features, request inputs, and columns that are categories."""
    return list(dict.fromkeys([*names_of(model, columns), *model.xgboost.categorical, *model.xgboost.encode]))


def _newest(candidate: Candidate) -> tuple[DataFrame, str]:
    """The inputs of the newest night that was scored; before there is one, of the newest night whose labels are known."""
    if candidate.inputs is not None:
        return candidate.inputs, "the newest night scored"
    holdout = split_of(candidate, HOLDOUT)
    newest = holdout.agg(F.max("as_of")).collect()[0][0]
    if newest is None:
        raise NotJudgedError("no night has been scored, and the holdout has no rows")
    return holdout.where(F.col("as_of") == F.lit(newest)), "the holdout's newest night, as none has been scored yet"


def _as_read(rows: DataFrame, name: str) -> Column:
    """A number as double, anything else as text."""
    kind = rows.schema[name].dataType
    return F.col(quoted(name)).cast("double" if isinstance(kind, T.NumericType) else "string").alias(name)


def _index(before: Any, now: Any) -> float:
    if pa.types.is_floating(before.type):
        return of_numbers(before.to_numpy(), now.to_numpy())
    counts: list[dict[Any, int]] = [
        {each["values"]: each["counts"] for each in pc.value_counts(values).to_pylist()} for values in (before, now)
    ]
    return of_categories(counts[0], counts[1])
