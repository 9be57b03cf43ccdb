"""A gate on what a model's decisions cost, in the words of the business: one number by SQL over the holdout."""

import math
from collections.abc import Iterable

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import Model
from assay.frames import only_row
from assay.sql_expression import NotAllowedError, first_line
from assay.sql_query import aggregate_expression
from model.candidate import Candidate
from model.gates.gate import Found, Limits, NotJudgedError, gate
from model.gates.rows import holdout_metrics, split_of
from model.split import HOLDOUT
from model.tasks import TASKS
from model.tasks.multiclass import PREDICTED, PROBABILITIES


class Cost(Limits):
    """A number that the holdout is worth, and the limits of it."""

    sql: str
    """A SQL expression that makes one number of all rows: aggregates of `label`, `score` and the training set's other
    columns, as in `avg(case when label and score < 0.4 then 10 else 0 end)`; of several classes of `predicted` and
    `probabilities`, too."""

    def check(self, model: Model, name: str, rows: DataFrame | None) -> None:
        """The expression is allowed, and makes a number of the training set's columns."""
        if rows is None:
            return
        scored = rows.select("*", *[F.expr(_WOULD_BE[name]).alias(name) for name in TASKS[model.task].scored])
        try:
            kind = scored.agg(_number(self.sql, scored)).schema[0].dataType
            found = kind.simpleString()
        except NotAllowedError as error:
            raise model.error(
                f"The SQL of the gate {name!r} cannot be used.", "gates", name, "sql",
                found=error.found, expected=error.expected,
            ) from error  # fmt: skip
        except AnalysisException as error:
            kind, found = T.NullType(), first_line(error)
        if not isinstance(kind, T.NumericType):
            raise model.error(
                f"The SQL of the gate {name!r} makes no number of the rows.", "gates", name, "sql",
                found=found, expected="an aggregate such as avg(…) or sum(…) that is a number",
            )  # fmt: skip


@gate("cost", Cost)
def cost(candidate: Candidate, settings: Cost) -> Iterable[Found]:
    """A number by SQL over the holdout's rows, such as what wrong decisions cost on average."""
    count = holdout_metrics(candidate)["rows"]
    rows = split_of(candidate, HOLDOUT)
    value = only_row(rows.agg(_number(settings.sql, rows).cast("double").alias("value")))["value"]
    if value is None or math.isnan(value):
        raise NotJudgedError(f"the SQL gives no number of {count:,} rows of the holdout")
    yield settings.found(float(value), f"the SQL gives {value:.6g} on {count:,} rows of the holdout")


_WOULD_BE = {"score": "0.5D", PREDICTED: "''", PROBABILITIES: "CAST(NULL AS MAP<STRING, DOUBLE>)"}
"""Scored columns before anything is scored, in SQL."""


def _number(sql: str, rows: DataFrame) -> Column:
    return aggregate_expression(sql, rows.columns)
