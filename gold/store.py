"""The Feast feature store of a lakehouse: its registry, and when to write it anew."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import FeatureError
from assay.lakehouse import Lakehouse
from gold.definitions import older_tables
from gold.feast_objects import objects

if TYPE_CHECKING:
    from feast import FeatureStore

_FEAST_SETS = "spark.sql.parser.quotedRegexColumnNames"
"""Feast looks at its sources and leaves the session with another way to read names in SQL."""
_OF_MODEL = {"name", "description", "features", "request", "spine"}
_HOLDS = "empty values, request inputs"
"""What the registry has had since it was first written otherwise; one without is written anew."""


def feature_store(lakehouse: Lakehouse) -> "FeatureStore":
    """Feast over the lakehouse's gold tables, with our own join as its offline store; it uses the session that runs.

    Raises:
        FeatureError: The registry holds a pickle, which Feast would load.
    """
    from feast import FeatureStore
    from feast.repo_config import RepoConfig

    check_registry(lakehouse.folder("feast") / "registry.db")
    return FeatureStore(
        config=RepoConfig(
            project=lakehouse.name,
            provider="local",
            registry=str(lakehouse.folder("feast") / "registry.db"),
            offline_store={"type": "gold.offline_store.AssayOfflineStore"},
            online_store=None,
            entity_key_serialization_version=3,
        )
    )


def check_registry(registry: Path) -> None:
    """Raise FeatureError where a registry holds pickles: Feast keeps functions so, and loads them when it looks at views."""
    from feast.protos.feast.core.Registry_pb2 import Registry

    if not registry.exists():
        return
    held = Registry.FromString(registry.read_bytes())
    views: list[Any] = [*held.feature_views, *held.on_demand_feature_views, *held.stream_feature_views]
    if pickled := [view.spec.name for view in views if _has_pickle(view.spec)]:
        raise FeatureError(
            "Feast's registry of the lakehouse holds a pickle, which is not loaded.", where=str(registry),
            found="functions of " + ", ".join(pickled), expected="what assay writes: functions as their source",
            do="keep views with functions of your own in a registry of your own, and delete this one: it is written anew",
        )  # fmt: skip


def _has_pickle(spec: Any) -> bool:
    made = spec.feature_transformation
    before = getattr(spec, "user_defined_function", None)  # where Feast kept it once
    return bool(
        made.user_defined_function.body or made.substrait_transformation.ibis_function or (before and before.body)
    )


def apply(lakehouse: Lakehouse) -> None:
    """Write entities, views and services to the registry, if they differ from what was applied last."""
    folder = lakehouse.folder("feast")
    wanted = _fingerprint(lakehouse)
    applied = folder / "applied.sha256"
    if (folder / "registry.db").exists() and applied.exists() and applied.read_text() == wanted:
        return
    read = lakehouse.spark.conf.get(_FEAST_SETS) or "false"
    feature_store(lakehouse).apply(objects(lakehouse))
    lakehouse.spark.conf.set(_FEAST_SETS, read)
    applied.write_text(wanted)


def _fingerprint(lakehouse: Lakehouse) -> str:
    """A hash of what the registry is built from."""
    config = lakehouse.config
    parts = [
        *(table.model_dump_json() for table in (*config.features.values(), *older_tables(lakehouse))),
        *(model.model_dump_json(include=_OF_MODEL) for model in config.models.values()),
        *(name for name in config.features if lakehouse.tables.exists(f"gold.{name}")),
        lakehouse.root,
        _HOLDS,
    ]
    if any(model.request for model in config.models.values()):  # whose types are those of the spine
        parts += [source.model_dump_json() for source in config.sources.values()]
        parts += [name for name in config.sources if lakehouse.tables.exists(f"silver.{name}__history")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
