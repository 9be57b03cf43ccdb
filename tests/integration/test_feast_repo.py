"""The Feast repository over real feature tables: what it holds, and what it returns."""

import runpy
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.lakehouse import Lakehouse
from gold.store import feature_store

REPOSITORY = Path(__file__).parents[2] / "feature_repo"


class Flights(Protocol):
    """What the fixture gives."""

    lakehouse: Lakehouse
    nights: tuple[datetime, datetime]


def tables(lakehouse: Lakehouse) -> dict[str, list[str]]:
    """Name -> keys of every feature table that the configuration names."""
    return {name: list(table.keys) for name, table in lakehouse.config.features.items()}


def views(store: Any) -> dict[str, tuple[list[str], timedelta]]:
    """Name -> keys and time to live of every feature view in a registry."""
    return {view.name: (list(view.entities), view.ttl) for view in store.list_feature_views()}


def test_the_registry_holds_a_view_per_table_with_its_keys(flights: Flights) -> None:
    store = feature_store(flights.lakehouse)
    night = timedelta(hours=23, minutes=59, seconds=59)
    assert tables(flights.lakehouse)["route_delays"] == ["origin", "dest"]
    assert views(store) == {name: (keys, night) for name, keys in tables(flights.lakehouse).items()}
    assert [service.name for service in store.list_feature_services()] == ["late_arrival"]


def test_definitions_are_those_of_the_configuration_that_the_environment_names(
    flights: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CONF", str(flights.lakehouse.conf_dir.resolve()))
    found = runpy.run_path(str(REPOSITORY / "definitions.py"))
    assert {name for name in found if name.startswith("featureview_")} == {
        f"featureview_{name}" for name in tables(flights.lakehouse)
    }
    assert {name for name in found if name.startswith("entity_")} == {
        f"entity_{key}" for keys in tables(flights.lakehouse).values() for key in keys
    }
    assert [name for name in found if name.startswith("featureservice_")] == ["featureservice_late_arrival"]


def test_feast_apply_works_in_a_copy_of_the_folder(flights: Flights, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner
    from feast import FeatureStore
    from feast.cli.cli import cli

    beside_conf = flights.lakehouse.conf_dir.resolve().parent.parent / "feature_repo"
    shutil.copytree(REPOSITORY, beside_conf)
    (Path(flights.lakehouse.root) / "feast" / "registry.db").unlink()
    monkeypatch.chdir(beside_conf)
    monkeypatch.delenv("ASSAY_CONF", raising=False)
    done = CliRunner().invoke(cli, ["apply"])
    assert done.exit_code == 0, done.output
    assert set(views(FeatureStore(repo_path=str(beside_conf)))) == set(flights.lakehouse.config.features)


def test_historical_features_of_a_pandas_frame_are_the_rows_of_gold(flights: Flights, spark: SparkSession) -> None:
    later = [night + timedelta(hours=hours) for night, hours in zip(flights.nights, (0, 7), strict=True)]
    entities = pd.DataFrame(
        {"carrier": ["B6", "UA", "B6", "??"], "event_timestamp": pd.to_datetime([later[0], *later, later[1]])}
    )
    names = ["flights_7d", "late_rate_7d", "spread_7d"]
    try:
        found = feature_store(flights.lakehouse).get_historical_features(
            entity_df=entities, features=[f"carrier_delays:{name}" for name in names]
        )
        rows = found.to_spark_df().select("carrier", "event_timestamp", *names).collect()
    finally:
        spark.conf.unset("spark.sql.parser.quotedRegexColumnNames")
    gold = {
        (row["carrier"], row["event_timestamp"]): tuple(row[name] for name in names)
        for row in flights.lakehouse.tables.read("gold.carrier_delays")
        .where(F.col("carrier").isin("B6", "UA"))
        .collect()
    }
    first, second = (night.replace(tzinfo=None) for night in flights.nights)
    served = later[1].replace(tzinfo=None)
    assert {(row[0], row[1]): tuple(row[2:]) for row in rows} == {
        ("B6", first): gold["B6", first],
        ("UA", first): gold["UA", first],
        ("B6", served): gold["B6", second],
        ("??", served): (None, None, None),
    }
