"""A trained model before anyone has judged it, with the rows that it is judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame

from assay.config import Model
from assay.lakehouse import Lakehouse
from assay.report.training import SliceRow
from model.artifact import Artifact
from model.registry import Registered
from model.tasks import Metrics


@dataclass(frozen=True)
class Candidate:
    """What a gate may look at."""

    lakehouse: Lakehouse
    model: Model
    artifact: Artifact

    metrics: Mapping[str, Metrics]
    """Split -> metrics; a split without rows is not there."""

    slices: Sequence[SliceRow]
    """The holdout's metrics per value of the model's `slices`."""

    scored: DataFrame
    """The training set with `split` and the candidate's `score`, held in memory: all columns of the spine, the label,
    and the inputs as they are in `gold.<model>_training`."""

    champion: Registered | None
    """The version that scores now; None before there is one, and where no gate looks at it."""

    inputs: DataFrame | None
    """What the newest night before the training was scored on, a slice of `gold.<model>_inputs`; None before the first, and where
    no gate looks at it."""
