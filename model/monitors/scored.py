"""What monitors of a model look at: the version that scored, its reference, the night's rows, and what became of earlier ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.lakehouse import Lakehouse
from assay.monitors import Night, NotToldError
from assay.tables import quoted
from model.definitions import as_trained, given_to
from model.gates.rows import brought, sample
from model.reference import Reference, as_read
from model.registry import CHAMPION, Registered, with_number
from model.remembering import share_of
from model.tasks import TASKS, Metrics
from model.tasks.ranking import GROUP

ALL = ""
"""The slice of all rows."""
Slice = tuple[str, str | None]
"""Column and value; of all rows the column is empty."""


@dataclass(frozen=True)
class Scored:
    """A model's night."""

    lakehouse: Lakehouse
    model: Model
    night: Night
    labels: Callable[[], DataFrame]
    """The labels that were known by the night: the model's key, `as_of`, `label`, its slices, and what it ranks within."""

    @property
    def as_of(self) -> datetime:
        """The night."""
        return self.night.as_of

    @cached_property
    def version(self) -> int:
        """The version whose predictions of the night count; NotToldError where nothing was scored."""
        found = self.night.stages.get(("score", self.model.name))
        version = found.numbers.get((self.model.name, "version")) if found else None
        if version is None:
            raise NotToldError("nothing was scored for the night")
        return int(version)

    @cached_property
    def registered(self) -> Registered:
        """That version, its files' hashes checked."""
        found = with_number(self.lakehouse, self.model, self.version)
        if found is None:
            raise NotToldError(f"the registry has no version {self.version}, which scored")
        return found

    @property
    def reference(self) -> Reference:
        """What is kept of its training."""
        found = self.registered.artifact.reference
        if found is None:
            raise NotToldError(
                f"version {self.version}, which scored, was trained before references were kept; one that is trained now has one"
            )
        return found

    @cached_property
    def inputs(self) -> Any:
        """The columns that the version's inputs are read from, of the night's rows, as Arrow: one Spark job."""
        artifact = self.registered.artifact
        rows = self._of_night(f"gold.{self.model.name}_inputs")
        rows = as_trained(self.lakehouse, self.model, artifact, rows, given_to(rows))
        columns = {name: kind for name, kind in artifact.about["columns"].items() if name in rows.columns}
        return self._brought(rows, as_read(columns, artifact.inputs), "scoring_set")

    @cached_property
    def scores(self) -> Any:
        """The champion's scores of the night, as Arrow: one Spark job."""
        rows = self._of_night(f"gold.{self.model.name}_predictions").where(F.col("role") == CHAMPION)
        return self._brought(rows, [F.col("score").cast("double").alias("score")], "score").column("score")

    def _of_night(self, table: str) -> DataFrame:
        return self.lakehouse.tables.read(table).where(F.col("as_of") == F.lit(self.as_of))

    def _brought(self, rows: DataFrame, columns: Any, stage: str) -> Any:
        """Some columns, of as many rows as there is room for: how many there are is in the ledger."""
        name = self.model.name
        found = self.night.stages.get((stage, name))
        known = found.numbers.get((name, "rows"), 0.0) if found else 0.0
        return brought(sample(rows, [*self.model.key, "as_of"], share_of(known, len(columns))), columns)

    def predictions(self, window: timedelta) -> DataFrame:
        """What was predicted on the nights of a window before this one, in every role."""
        nights = (F.col("as_of") >= F.lit(self.as_of - window)) & (F.col("as_of") < F.lit(self.as_of))
        return self.lakehouse.tables.read(f"gold.{self.model.name}_predictions").where(nights)

    def inputs_of(self, window: timedelta) -> DataFrame:
        """What was given to the versions that scored on those nights."""
        nights = (F.col("as_of") >= F.lit(self.as_of - window)) & (F.col("as_of") < F.lit(self.as_of))
        return self.lakehouse.tables.read(f"gold.{self.model.name}_inputs").where(nights)

    def known(self, window: timedelta) -> DataFrame:
        """The labels of those nights."""
        nights = (F.col("as_of") >= F.lit(self.as_of - window)) & (F.col("as_of") < F.lit(self.as_of))
        return self.labels().where(nights)

    def realised(self, window: timedelta) -> Mapping[Slice, Metrics]:
        """How the champions' predictions of a window turned out: in all, and per value of the model's slices."""
        task, model = TASKS[self.model.task], self.model
        key = [*model.key, "as_of"]
        scored = self.predictions(window).where(F.col("role") == CHAMPION).select(*map(quoted, key), *task.scored)
        each = [
            F.struct(F.lit(name).alias("column"), F.col(quoted(name)).cast("string").alias("value"))
            for name in model.slices
        ]
        whole = F.struct(F.lit(ALL).alias("column"), F.lit(None).cast("string").alias("value"))
        group = F.struct(*map(quoted, [*model.rank_within, "as_of"]))
        rows = (
            self.known(window)
            .join(scored, key, "inner")
            .select("*", *([group.alias(GROUP)] if model.rank_within else []))
            .select("*", F.explode(F.array(whole, *each)).alias("__slice"))
        )
        found: Any = task.evaluate(rows, "__slice")
        return {(key["column"], key["value"]): metrics for key, metrics in found.items()}
