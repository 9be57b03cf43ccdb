"""Request inputs as views on demand: the same values by every way to ask, and no pickle in Feast's registry."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pandas as pd
import pyarrow as pa
import pytest
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from feast.on_demand_feature_view import OnDemandFeatureView, on_demand_feature_view
from feast.protos.feast.core.Registry_pb2 import Registry
from feast.repo_config import RepoConfig
from feast.table_format import DeltaFormat
from feast.types import Float64, Int32, Int64, String
from feast.value_type import ValueType
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from assay.errors import FeatureError
from gold.on_demand import REQUEST, request_view
from gold.store import check_registry

AT = datetime(2013, 3, 10, 7, tzinfo=UTC)
DRIVERS = [(1, AT, 0.1, 10), (2, AT, None, 3)]
EXPRESSIONS = {
    "tenth": "minutes / 10.0",
    "pace": "drivers__trips * 60 / nullif(minutes, 0)",
    "half_rate": "drivers__rate / 2",
    "morning": "hour(as_of) < 12",
    "who": "concat(upper(name), '\\'s \"drive\"')",
}
SCHEMA = "minutes int, name string, drivers__rate double, drivers__trips bigint, as_of timestamp"
RESULTS = [f"m__request__{name}" for name in EXPRESSIONS]


def view(drivers: FeatureView, expressions: dict[str, str]) -> OnDemandFeatureView:
    return request_view(
        "m__request", expressions, cast("T.StructType", T.StructType.fromDDL(SCHEMA)),
        columns=[Field(name="minutes", dtype=Int32), Field(name="name", dtype=String)],
        features=[drivers[["rate", "trips"]]],
        declared=[Field(name=name, dtype=Float64) for name in expressions],
        description="What is worked out of a row.",
    )  # fmt: skip


@pytest.fixture(scope="module")
def store(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """A Feast project with a table, a view on demand of ours, and a service of both."""
    folder = tmp_path_factory.mktemp("on_demand")
    path = str(folder / "drivers")
    spark.createDataFrame(DRIVERS, "driver_id bigint, at timestamp, rate double, trips bigint").write.format(
        "delta"
    ).save(path)
    driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
    drivers = FeatureView(
        name="drivers", entities=[driver], ttl=timedelta(days=1),
        source=SparkSource(name="drivers", path=path, table_format=DeltaFormat(), timestamp_field="at"),
        schema=[Field(name="rate", dtype=Float64), Field(name="trips", dtype=Int64)],
    )  # fmt: skip
    request = view(drivers, EXPRESSIONS)
    made = FeatureStore(
        config=RepoConfig(
            project="tests", provider="local", registry=str(folder / "registry.db"), online_store=None,
            offline_store={"type": "gold.offline_store.AssayOfflineStore"}, entity_key_serialization_version=3,
        )
    )  # fmt: skip
    made.apply([driver, drivers, request, FeatureService(name="m", features=[drivers, request])])
    return made


@pytest.fixture
def asked() -> pd.DataFrame:
    times = pd.to_datetime([AT, AT + timedelta(hours=6), AT])
    return pd.DataFrame({
        "driver_id": [1, 2, 9], "minutes": pd.array([45, 0, None], dtype="Int32"), "name": ["ann", None, "ö"],
        "event_timestamp": times,
    })  # fmt: skip


def by_driver(table: pa.Table, *names: str) -> pa.Table:
    return table.sort_by("driver_id").select(list(names)).combine_chunks()


def test_every_way_to_ask_gives_what_spark_works_out(store: FeatureStore, asked: pd.DataFrame) -> None:
    job = store.get_historical_features(asked, store.get_feature_service("m"), full_feature_names=True)
    by_spark, by_arrow = (by_driver(table, *RESULTS) for table in (job.to_spark_df().toArrow(), job.to_arrow()))
    assert by_arrow.equals(by_spark)
    assert [list(row.values()) for row in by_spark.to_pylist()] == [
        [pytest.approx(4.5), pytest.approx(600 / 45), 0.05, True, 'ANN\'s "drive"'],
        [0, None, None, False, None],
        [None, None, None, True, 'Ö\'s "drive"'],
    ]
    frame = job.to_df().sort_values("driver_id")
    assert list(frame.columns[-5:]) == RESULTS
    assert frame[RESULTS[2]].tolist()[0] == 0.05


def test_the_function_that_feast_itself_runs_gives_the_same_bit_for_bit(
    store: FeatureStore, asked: pd.DataFrame
) -> None:
    features = ["drivers:rate", "drivers:trips"]
    plain = store.get_historical_features(asked, features, full_feature_names=True).to_arrow().sort_by("driver_id")
    ours = store.get_historical_features(asked, store.get_feature_service("m"), full_feature_names=True).to_arrow()
    theirs = store.get_on_demand_feature_view("m__request").transform_arrow(plain, full_feature_names=True)
    for name in RESULTS:
        assert theirs[name].to_pylist() == by_driver(ours, name)[name].to_pylist(), name


def test_short_names_and_some_of_the_inputs_may_be_asked_for(store: FeatureStore, asked: pd.DataFrame) -> None:
    found = store.get_historical_features(asked, ["drivers:trips", "m__request:half_rate"]).to_arrow()
    assert found.column_names == [*asked.columns, "trips", "rate", "half_rate"]
    assert by_driver(found, "half_rate")["half_rate"].to_pylist() == [0.05, None, None]


def test_a_row_without_a_column_that_is_needed_is_told_by_name(store: FeatureStore, spark: SparkSession) -> None:
    given = spark.createDataFrame([(1, AT, "ann")], "driver_id bigint, event_timestamp timestamp, name string")
    with pytest.raises(FeatureError, match="The input m__request__tenth cannot be worked out") as raised:
        store.get_historical_features(given, store.get_feature_service("m"), full_feature_names=True)
    assert raised.value.found == "the column minutes"


def test_the_registry_holds_the_source_of_the_function_and_no_pickle(store: FeatureStore) -> None:
    path = Path(store.config.registry.path)
    check_registry(path)
    (held,) = Registry.FromString(path.read_bytes()).on_demand_feature_views
    function = held.spec.feature_transformation.user_defined_function
    assert (function.body, function.name) == (b"", "m__request")
    assert function.body_text.startswith("def m__request(inputs):\n    from gold.on_demand import computed\n")
    assert {f.name for f in store.get_on_demand_feature_view("m__request").features} == set(EXPRESSIONS)


def test_an_expression_that_somebody_put_into_the_registry_is_not_run(store: FeatureStore, asked: pd.DataFrame) -> None:
    for text in ("reflect('java.lang.System', 'exit', 0)", "(select 1)"):
        spoilt = view(store.get_feature_view("drivers"), EXPRESSIONS)
        spoilt.tags = {REQUEST: '{"tenth": "' + text + '"}'}
        store.apply(spoilt)
        with pytest.raises(FeatureError, match="cannot be worked out"):
            store.get_historical_features(asked, ["m__request:tenth"])
    store.apply(view(store.get_feature_view("drivers"), EXPRESSIONS))


def test_a_registry_with_a_pickle_is_refused(store: FeatureStore, tmp_path: Path) -> None:
    drivers = store.get_feature_view("drivers")

    @on_demand_feature_view(sources=[drivers], schema=[Field(name="more", dtype=Int64)])  # type: ignore[untyped-decorator]
    def theirs(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"more": inputs["trips"] + 1})

    registry = Registry()
    registry.on_demand_feature_views.append(theirs.to_proto())
    (tmp_path / "registry.db").write_bytes(registry.SerializeToString())
    with pytest.raises(FeatureError, match="holds a pickle") as raised:
        check_registry(tmp_path / "registry.db")
    assert raised.value.found == "functions of theirs"
