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

from assay.errors import FeatureError
from assay.lakehouse import Lakehouse
from gold.retrieval import input_columns
from gold.store import apply, feature_store

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


def test_the_request_inputs_of_a_model_are_a_view_on_demand_of_its_service(flights: Flights) -> None:
    store = feature_store(flights.lakehouse)
    (view,) = store.list_on_demand_feature_views()
    (source,) = view.source_request_sources.values()
    assert [(field.name, field.dtype.name) for field in source.schema] == [("sched_dep_time", "INT32")]
    assert [(field.name, field.dtype.name) for field in view.features] == [("hour", "DECIMAL")]
    of_service = store.get_feature_service("late_arrival").feature_view_projections
    assert [(one.name, [field.name for field in one.features]) for one in of_service][-1] == (view.name, ["hour"])


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


def test_writing_the_registry_leaves_the_session_as_it_was(flights: Flights, spark: SparkSession) -> None:
    spark.conf.set("spark.sql.parser.quotedRegexColumnNames", "false")
    (Path(flights.lakehouse.root) / "feast" / "applied.sha256").unlink()
    apply(flights.lakehouse)
    assert (Path(flights.lakehouse.root) / "feast" / "applied.sha256").exists()
    assert spark.conf.get("spark.sql.parser.quotedRegexColumnNames") == "false"


def test_historical_features_of_a_pandas_frame_are_the_rows_of_gold(flights: Flights, spark: SparkSession) -> None:
    later = [night + timedelta(hours=hours) for night, hours in zip(flights.nights, (0, 7), strict=True)]
    entities = pd.DataFrame(
        {"carrier": ["B6", "UA", "B6", "??"], "event_timestamp": pd.to_datetime([later[0], *later, later[1]])}
    )
    names = ["flights_7d", "late_rate_7d", "spread_7d"]
    setting = "spark.sql.parser.quotedRegexColumnNames"
    before = [table.name for table in spark.catalog.listTables()], spark.conf.get(setting)
    found = feature_store(flights.lakehouse).get_historical_features(
        entity_df=entities, features=[f"carrier_delays:{name}" for name in names]
    )
    rows = found.to_spark_df().select("carrier", "event_timestamp", *names).collect()
    assert ([table.name for table in spark.catalog.listTables()], spark.conf.get(setting)) == before
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
        ("??", served): (0, None, None),  # nobody has seen this carrier: no flights, and of none no rate
    }


def test_a_model_is_told_by_its_service_what_its_night_was_given(flights: Flights) -> None:
    lakehouse, night = flights.lakehouse, flights.nights[1]
    model = lakehouse.config.models["late_arrival"]
    stored = lakehouse.tables.read("gold.late_arrival_inputs").where(F.col("as_of") == night).orderBy(*model.key)
    inputs = [*input_columns(lakehouse, model), *model.request]
    spine = stored.drop(*inputs, "feature_versions").withColumnRenamed("as_of", "event_timestamp").toPandas()
    store = feature_store(lakehouse)
    job = store.get_historical_features(spine, store.get_feature_service("late_arrival"), full_feature_names=True)
    found = job.to_arrow().sort_by([(key, "ascending") for key in model.key])
    given = stored.toArrow()
    assert given.num_rows > 50
    for name in inputs:
        result = f"late_arrival__request__{name}" if name in model.request else name
        assert found[result].type == given[name].type, name
        assert found[result].to_pylist() == given[name].to_pylist(), name


def test_a_plane_that_has_not_flown_has_no_flights_and_no_plane_is_unknown(flights: Flights) -> None:
    inputs = flights.lakehouse.tables.read("gold.late_arrival_inputs")
    rows = inputs.select("tailnum", "tail_delays__flights_28d", "tail_delays__late_rate_28d").collect()
    quiet = [row for row in rows if row[1] == 0]
    assert quiet
    assert {row[2] for row in quiet} == {None}
    assert {row[0] for row in rows if row[1] is None} <= {None}


def test_an_entity_frame_without_rows_is_answered_without_rows(flights: Flights, spark: SparkSession) -> None:
    nobody = spark.createDataFrame([], "carrier string, event_timestamp timestamp, note string")
    found = feature_store(flights.lakehouse).get_historical_features(
        entity_df=nobody, features=["carrier_delays:flights_7d"], full_feature_names=True
    )
    frame = found.to_spark_df()
    assert frame.columns == ["carrier", "event_timestamp", "note", "carrier_delays__flights_7d"]
    assert frame.collect() == []


def test_entities_of_a_sql_query_get_the_same_features_as_a_frame(flights: Flights, spark: SparkSession) -> None:
    night = flights.nights[1].replace(tzinfo=None)
    query = f"SELECT 'B6' AS carrier, timestamp'{night}' AS event_timestamp"
    store = feature_store(flights.lakehouse)
    features = ["carrier_delays:late_rate_7d", "carrier_delays:flights_7d"]
    asked = store.get_historical_features(entity_df=query, features=features).to_df()
    given = store.get_historical_features(entity_df=spark.sql(query), features=features).to_df()
    assert list(asked.columns) == ["carrier", "event_timestamp", "late_rate_7d", "flights_7d"]
    pd.testing.assert_frame_equal(asked, given)
    assert asked["flights_7d"][0] > 0


def test_a_view_without_its_key_in_the_frame_is_refused_by_name(flights: Flights, spark: SparkSession) -> None:
    night = flights.nights[1].replace(tzinfo=None)
    with pytest.raises(FeatureError, match="lacks carrier"):
        feature_store(flights.lakehouse).get_historical_features(
            entity_df=spark.sql(f"SELECT 'B6' AS airline, timestamp'{night}' AS event_timestamp"),
            features=["carrier_delays:flights_7d"],
        )


def test_a_feature_named_like_a_column_of_the_frame_is_refused_by_name(flights: Flights, spark: SparkSession) -> None:
    night = flights.nights[1].replace(tzinfo=None)
    query = f"SELECT 'B6' AS carrier, 1 AS flights_7d, timestamp'{night}' AS event_timestamp"
    store = feature_store(flights.lakehouse)
    with pytest.raises(FeatureError, match="flights_7d would stand twice"):
        store.get_historical_features(entity_df=query, features=["carrier_delays:flights_7d"])
    named = store.get_historical_features(
        entity_df=query, features=["carrier_delays:flights_7d"], full_feature_names=True
    )
    assert named.to_spark_df().columns == ["carrier", "flights_7d", "event_timestamp", "carrier_delays__flights_7d"]
