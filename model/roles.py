"""How the roles of a model's versions change: MLflow's aliases, and `ops.promotions`, a row per change.

A change is several writes to MLflow and one to Delta. It is put down whole in a tag of the registered model, then done
write by write, then recorded, then the tag is taken off. Writes come in an order in which `champion` stands for a sound
version after each; and who finds the tag finishes what it says before anything else. So a change that was cut off is
repaired by running the same command again.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, cast

from pyspark.sql import functions as F
from pyspark.sql import types as T

from assay.config import Model
from assay.frames import local_frame
from assay.lakehouse import Lakehouse
from assay.redaction import redacted
from assay.who import user_at_host
from model.registry import answering, asked, connect, registered_name

PROMOTIONS = "ops.promotions"
SCHEMA = """
    at timestamp, who string, lakehouse string, model string, action string, role string, from_version int,
    to_version int, why string, gates string, despite_gates boolean, run_id string
"""
TRAIN, PROMOTE, ROLLBACK = "train", "promote", "rollback"
UNFINISHED = "assay.change"
"""The registered model's tag that has the change which is being made."""


@dataclass(frozen=True)
class Change:
    """A change of roles."""

    model: str
    action: str
    """`train`, `promote` or `rollback`."""
    role: str
    """What the version becomes: `champion` or `challenger`."""
    from_version: int | None
    """The version that had the role before."""
    to_version: int
    why: str
    gates: str
    """What the gates of `to_version` said when it was trained."""
    run_id: str
    """The run in `ops.runs` that trained `to_version`."""
    aliases: Sequence[tuple[str, int | None]]
    """Alias -> version, in the order in which they are written; None takes the alias away."""
    despite_gates: bool = False

    def __str__(self) -> str:
        """What the version is now, and which one was it before."""
        before = "" if self.from_version is None else f"; before, version {self.from_version} was"
        return f"version {self.to_version} of {self.model} is {self.role}{before}"


def make(lakehouse: Lakehouse, model: Model, change: Change) -> Change:
    """Make a change, whole."""
    made = {"id": uuid.uuid4().hex, "at": datetime.now(UTC).isoformat(), "who": user_at_host(), **asdict(change)}
    made["why"] = redacted(change.why.strip())
    client = connect(lakehouse)
    with answering(lakehouse):
        client.set_registered_model_tag(registered_name(lakehouse, model), UNFINISHED, json.dumps(made))
    return _do(lakehouse, model, made)


def finish(lakehouse: Lakehouse, model: Model) -> Change | None:
    """Finish a change that was cut off; None where none was."""
    found = unfinished(lakehouse, model)
    return None if found is None else _do(lakehouse, model, found)


def unfinished(lakehouse: Lakehouse, model: Model) -> Mapping[str, Any] | None:
    """A change that was cut off; None where none was."""
    name = registered_name(lakehouse, model)
    known = asked(lakehouse, lambda client: client.get_registered_model(name))
    return None if known is None or UNFINISHED not in known.tags else json.loads(known.tags[UNFINISHED])


def last(lakehouse: Lakehouse, model: Model) -> Any:
    """The newest row of `ops.promotions` about a model; None before the first."""
    if not lakehouse.tables.exists(PROMOTIONS):
        return None
    rows = lakehouse.tables.read(PROMOTIONS).where(F.col("model") == model.name)
    return rows.orderBy(F.desc("at"), F.desc("to_version")).first()


def given(lakehouse: Lakehouse, model: Model, version: int) -> bool:
    """Whether a version was given what its training had earned."""
    if not lakehouse.tables.exists(PROMOTIONS):
        return False
    rows = lakehouse.tables.read(PROMOTIONS).where((F.col("model") == model.name) & (F.col("action") == TRAIN))
    return not rows.where(F.col("to_version") == version).isEmpty()


def _do(lakehouse: Lakehouse, model: Model, made: Mapping[str, Any]) -> Change:
    """Write what a change says, as often as it takes: each write says what shall be, not what shall be different."""
    client, name = connect(lakehouse), registered_name(lakehouse, model)
    with answering(lakehouse):
        for alias, version in made["aliases"]:
            if version is None:
                client.delete_registered_model_alias(name, alias)
            else:
                client.set_registered_model_alias(name, alias, str(version))
    _record(lakehouse, made)
    with answering(lakehouse):
        client.delete_registered_model_tag(name, UNFINISHED)
    return Change(**{key: value for key, value in made.items() if key not in ("id", "at", "who")})


def _record(lakehouse: Lakehouse, made: Mapping[str, Any]) -> None:
    schema = cast("T.StructType", T.StructType.fromDDL(SCHEMA))
    row = {**made, "at": datetime.fromisoformat(made["at"]), "lakehouse": lakehouse.name}
    row = {name: row[name] for name in schema.names}
    lakehouse.tables.create(PROMOTIONS, schema)
    frame = local_frame(lakehouse.spark, [row], SCHEMA)
    lakehouse.tables.append_once(PROMOTIONS, frame, application=f"promotion {made['id']}", number=1)
