"""What versions of a model there are, by what MLflow's registry says of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assay.config import Model
from assay.lakehouse import Lakehouse
from model.registry import AS_OF, GATES, HOLDOUT, RUN, aliases, asked, registered_name


@dataclass(frozen=True)
class Version:
    """A version in the registry."""

    model: str
    version: int
    as_of: datetime | None
    """As of when it was trained; None for a version that assay did not register."""
    roles: tuple[str, ...]
    gates: str
    """`passed: …` or `failed: …`, with their names."""
    metrics: Mapping[str, float]
    """Its metrics on the holdout."""
    trained_at: datetime
    """Wall clock of the registration."""
    run_id: str
    """The run in `ops.runs`."""
    mlflow_run: str


def versions(lakehouse: Lakehouse, model: Model) -> list[Version]:
    """All versions of a model, newest first; none before the first training."""
    name = registered_name(lakehouse, model)
    held = aliases(lakehouse, model)
    found: list[Any] = []
    token: str | None = None
    while (page := _page(lakehouse, name, token)) is not None:
        found += page
        if not (token := page.token):
            break
    return sorted((_version(model, one, held) for one in found), key=lambda one: -one.version)


def _page(lakehouse: Lakehouse, name: str, token: str | None) -> Any:
    return asked(lakehouse, lambda client: client.search_model_versions(f"name = '{name}'", page_token=token))


def _version(model: Model, found: Any, held: Mapping[str, int]) -> Version:
    number, tags = int(found.version), found.tags
    return Version(
        model=model.name,
        version=number,
        as_of=datetime.fromisoformat(tags[AS_OF]) if AS_OF in tags else None,
        roles=tuple(sorted(alias for alias, version in held.items() if version == number)),
        gates=tags.get(GATES, "not on record"),
        metrics=json.loads(tags.get(HOLDOUT, "{}")),
        trained_at=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        run_id=tags.get(RUN, ""),
        mlflow_run=found.run_id or "",
    )
