"""The Feast feature store of a lakehouse: its registry, and when to write it anew."""

import hashlib
from typing import TYPE_CHECKING

from assay.lakehouse import Lakehouse
from gold.definitions import older_tables
from gold.feast_objects import objects

if TYPE_CHECKING:
    from feast import FeatureStore

_FEAST_SETS = "spark.sql.parser.quotedRegexColumnNames"
"""Feast looks at its sources and leaves the session with another way to read names in SQL."""


def feature_store(lakehouse: Lakehouse) -> "FeatureStore":
    """Feast over the lakehouse's gold tables, with our own join as its offline store; it uses the session that runs."""
    from feast import FeatureStore
    from feast.repo_config import RepoConfig

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
        *(model.model_dump_json(include={"name", "description", "features"}) for model in config.models.values()),
        *(name for name in config.features if lakehouse.tables.exists(f"gold.{name}")),
        lakehouse.root,
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
