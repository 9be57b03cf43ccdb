"""A gate on how differently a model decides for groups of people or things."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.config.base import Identifier
from assay.tables import quoted
from model.candidate import Candidate
from model.gates.columns import check_column
from model.gates.gate import Found, NotJudgedError, Number, Settings, gate, number
from model.gates.rows import holdout_metrics, split_of
from model.split import HOLDOUT


class Fairness(Settings):
    """How alike the shares of positive decisions must be."""

    column: Identifier
    """The column whose values are the groups."""

    threshold: Annotated[Number, Field(ge=0, le=1)]
    """A score of at least this is a positive decision."""

    min: Annotated[Number, Field(gt=0, le=1)] = 0.8
    """The least ratio of the lowest share to the highest: by default the four-fifths rule."""

    rows: Annotated[int, Field(ge=1)] = 200
    """Groups with fewer rows are left out."""

    of: Literal["all", "label_true"] = "all"
    """Of which rows the share is: of all (demographic parity), or of those whose label is true (equal opportunity)."""

    @property
    def limit(self) -> str:
        """As `at least 0.8`."""
        return f"at least {number(self.min)}"

    def check(self, model: Model, name: str, rows: DataFrame | None) -> None:
        """Scores are probabilities, and the column is there."""
        if model.task != "binary":
            raise model.error(
                f"The gate {name!r} is for scores that are probabilities.", "gates", name,
                found=f"task {model.task}", expected="task binary",
            )  # fmt: skip
        check_column(model, self.column, rows, "gates", name, "column")


@gate("fairness", Fairness)
def fairness(candidate: Candidate, settings: Fairness) -> Iterable[Found]:
    """The lowest share of positive decisions of a group, divided by the highest.

    The four-fifths rule is that of the Uniform Guidelines on Employee Selection Procedures (29 CFR 1607.4 D, 1978); equal
    opportunity is that of Hardt, Price and Srebro (NIPS 2016).
    """
    holdout_metrics(candidate)
    rows = split_of(candidate, HOLDOUT)
    if settings.of == "label_true":
        rows = rows.where(F.col("label").cast("int") == 1)
    group = F.coalesce(F.col(quoted(settings.column)).cast("string"), F.lit("NULL"))
    decided = F.avg(F.when(F.col("score") >= settings.threshold, 1.0).otherwise(0.0))
    found = rows.groupBy(group.alias("group")).agg(F.count("*").alias("rows"), decided.alias("share")).collect()
    shares = {row["group"]: float(row["share"]) for row in found if row["rows"] >= settings.rows}
    if len(shares) < 2:
        raise NotJudgedError(
            f"{len(shares)} of {len(found)} groups have {settings.rows:,} rows or more; two are needed"
        )
    lowest, highest = (end(sorted(shares), key=lambda name: shares[name]) for end in (min, max))
    if not shares[highest]:
        raise NotJudgedError(f"no group has a score of {number(settings.threshold)} or more")
    value = shares[lowest] / shares[highest]
    why = f"{shares[lowest]:.1%} positive where {settings.column} = {lowest}, {shares[highest]:.1%} where {highest}"
    told = (
        f"; {len(shares)} of {len(found)} groups have {settings.rows:,} rows or more"
        if len(shares) < len(found)
        else ""
    )
    yield Found(value, settings.limit, value >= settings.min, why + told)
