"""The monitor of the version before: whether it would have been better than the champion, on what really happened."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from pydantic import Field
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.errors import FeatureError, ModelError
from assay.monitors import NotToldError, monitor
from assay.tables import quoted
from assay.watch import BAD, OK, Finding
from model.compare import compare
from model.definitions import FEATURE_DEFINITIONS, as_trained, given_to
from model.gates.gate import Number
from model.monitors.quality import SHARES, Realised
from model.monitors.scored import Scored
from model.predict import predict
from model.registry import CHALLENGER, CHAMPION, PREVIOUS, Registered, aliases, with_number
from model.tasks import TASKS

PREDECESSOR = "predecessor"
VERSION = "version"
"""The detail of a finding that says of which champion it is."""


class Behind(Realised):
    """How far the champion may be behind the version before it."""

    rows: Annotated[int, Field(ge=1)] = 500
    """With fewer rows whose labels are known nothing is said."""

    margin: Annotated[Number, Field(gt=0)] = 0.02
    """A lead of the version before by the main metric that is bad; of `rmse` and `log_loss` a part of the champion's."""


@monitor(PREDECESSOR, Behind, "model")
def predecessor(scored: Scored, settings: Behind) -> Iterable[Finding]:
    """The lead by the main metric that the version before would have had on the rows that the champion has scored and whose
    labels are known: it scores their inputs now. Of a model without a version before nothing is told.
    """
    held = aliases(scored.lakehouse, scored.model)
    before = held.get(PREVIOUS)
    if before is None or held.get(CHAMPION) in (None, before):
        return
    if held[CHAMPION] != scored.version:
        raise NotToldError(f"version {scored.version} scored the night, and version {held[CHAMPION]} is champion since")
    former = with_number(scored.lakehouse, scored.model, before)
    if former is None:
        raise NotToldError(f"the registry has no version {before}, which was champion before")
    theirs = _by(scored, former, settings.window)
    ours = scored.predictions(settings.window).where(
        (F.col("role") == CHAMPION) & (F.col("model_version") == held[CHAMPION])
    )
    both = ours.select(*map(quoted, theirs.columns)).unionByName(theirs)
    try:
        together = compare(both, scored.known(settings.window), scored.model)[-1]
    except ModelError as error:
        raise NotToldError("of what it has scored no label is known yet") from error
    now, then = together.metrics[CHAMPION], together.metrics[CHALLENGER]  # in whose place the version before is
    if now["rows"] < settings.rows:
        raise NotToldError(f"{now['rows']:,.0f} rows that it scored have a label, and {settings.rows:,} are needed")
    task = TASKS[scored.model.task]
    lead = (1 if task.greater_is_better else -1) * (then[task.main] - now[task.main])
    limit = settings.margin * (abs(now[task.main]) if task.main in SHARES else 1.0)
    why = (
        f"By {task.main} version {before}, the champion before, would have had {then[task.main]:.3f}, version "
        f"{held[CHAMPION]} had {now[task.main]:.3f} on the same {now['rows']:,.0f} rows; a lead of {limit:.3f} is bad."
    )
    details = {"rows": now["rows"], VERSION: float(held[CHAMPION])}
    yield Finding(
        f"model:{scored.model.name}",
        PREDECESSOR,
        task.main,
        lead,
        BAD if lead > limit else OK,
        why,
        0.0,
        limit,
        details,
    )


def _by(scored: Scored, former: Registered, window: timedelta) -> DataFrame:
    """What a version says of the inputs of a window, as rows of predictions in the role of a challenger."""
    model, artifact = scored.model, former.artifact
    rows = scored.inputs_of(window)
    given = given_to(rows.orderBy(F.desc("as_of")))
    for table, version in (given or {}).items():  # nights whose features are defined like those of the newest
        rows = rows.where(F.col(FEATURE_DEFINITIONS)[table] == version)
    try:
        rows = as_trained(scored.lakehouse, model, artifact, rows, given)
    except FeatureError as error:
        raise NotToldError(f"{error.what} {error.found}") from error
    if missing := [name for name in artifact.inputs.read if name not in rows.columns]:
        raise NotToldError(f"the inputs lack what version {former.version} was trained on: {', '.join(missing)}")
    kept = [*model.key, "as_of"]
    return (
        predict(rows, artifact, keep=kept)
        .select(*map(quoted, [*kept, *TASKS[model.task].scored]))
        .withColumns({"role": F.lit(CHALLENGER), "model_version": F.lit(former.version)})
    )
