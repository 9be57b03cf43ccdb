"""Feast over assay's offline store, as any Feast project would use it: every way to ask, every row answered once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from feast import BatchFeatureView, Entity, FeatureService, FeatureStore, FeatureView, Field, PushSource, RequestSource
from feast.data_source import PushMode
from feast.errors import FeatureViewNotFoundException, RequestDataNotFoundInEntityDfException
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SavedDatasetSparkStorage, SparkSource
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.on_demand_feature_view import on_demand_feature_view
from feast.repo_config import RepoConfig
from feast.table_format import DeltaFormat
from feast.types import Array, Bool, Bytes, Float32, Float64, Int32, Int64, Map, String, UnixTimestamp
from feast.value_type import ValueType
from pyspark.sql import SparkSession

from assay.errors import FeatureError
from gold.offline_store import AssayOfflineStore

pytestmark = pytest.mark.filterwarnings("ignore:On demand feature view is an experimental feature")

BASE = datetime(2013, 3, 10, tzinfo=UTC)
TTL = timedelta(hours=3, microseconds=1)


def at(hours: float, microseconds: int = 0) -> datetime:
    """A time of the tests' day."""
    return BASE + timedelta(hours=hours, microseconds=microseconds)


DRIVERS = [
    (1, at(1), at(1), 0.1, 10, {"car": "a"}),
    (1, at(4), at(4), 0.4, 40, {"car": "b"}),
    (1, at(4), at(7), 0.5, 50, {"car": "c"}),
    (2, at(2), at(2), 0.2, 20, None),
    (11, at(2), at(2), None, 110, {}),
]
SCHEMA = "driver_id bigint, at timestamp, created timestamp, rate double, trips bigint, notes map<string, string>"
PAIRS = [(1, 12, at(1), "one"), (11, 2, at(1), "other")]


def source(path: Path, name: str, **more: Any) -> SparkSource:
    return SparkSource(name=name, path=str(path / name), table_format=DeltaFormat(), timestamp_field="at", **more)


@pytest.fixture(scope="module")
def store(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """A Feast project beside no lakehouse: two tables, a feature on demand, a service, and a view of renamed columns."""
    folder = tmp_path_factory.mktemp("feast")
    spark.createDataFrame(DRIVERS, SCHEMA).write.format("delta").save(str(folder / "drivers"))
    spark.createDataFrame(PAIRS, "a bigint, b bigint, at timestamp, word string").write.format("delta").save(
        str(folder / "pairs")
    )
    driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
    drivers = FeatureView(
        name="drivers", entities=[driver], ttl=TTL, source=source(folder, "drivers", created_timestamp_column="created"),
        schema=[Field(name="rate", dtype=Float64), Field(name="trips", dtype=Int64), Field(name="notes", dtype=Map)],
    )  # fmt: skip
    renamed = FeatureView(
        name="renamed", entities=[driver], ttl=timedelta(0),
        source=SparkSource(
            name="renamed", path=str(folder / "drivers"), table_format=DeltaFormat(), timestamp_field="at",
            field_mapping={"trips": "journeys"},
        ),
        schema=[Field(name="journeys", dtype=Int64)],
    )  # fmt: skip
    keys = [Entity(name=name, join_keys=[name], value_type=ValueType.INT64) for name in "ab"]
    pairs = FeatureView(
        name="pairs", entities=keys, ttl=timedelta(0), source=source(folder, "pairs"),
        schema=[Field(name="word", dtype=String)],
    )  # fmt: skip
    asked = RequestSource(name="asked", schema=[Field(name="hours", dtype=Float64)])

    @on_demand_feature_view(sources=[drivers, asked], schema=[Field(name="per_hour", dtype=Float64)])  # type: ignore[untyped-decorator]
    def pace(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"per_hour": inputs["trips"] / inputs["hours"]})

    made = FeatureStore(
        config=RepoConfig(
            project="tests", provider="local", registry=str(folder / "registry.db"),
            offline_store={"type": "gold.offline_store.AssayOfflineStore"},
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            entity_key_serialization_version=3,
        )
    )  # fmt: skip
    service = FeatureService(name="service", features=[drivers[["trips"]], pairs])
    made.apply([driver, *keys, drivers, renamed, pairs, pace, service])
    return made


def frame(*rows: tuple[Any, datetime | None], **more: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({
        "driver_id": pd.array([key for key, _ in rows], dtype="Int64"),
        "event_timestamp": pd.to_datetime(pd.Series([time for _, time in rows], dtype="object"), utc=True),
        **more,
    })  # fmt: skip


def values(found: pd.DataFrame, *names: str) -> list[tuple[Any, ...]]:
    """Some columns, missing values as None."""
    rows = found[list(names)].astype(object)
    return [tuple(None if value is None or value != value else value for value in row) for row in rows.to_numpy()]  # noqa: PLR0124 - not a number


def test_every_row_is_answered_once(store: FeatureStore) -> None:
    asked = frame(
        (1, at(5)), (1, at(5)), (1, at(3)), (1, at(4, -1)), (2, at(5, 1)), (2, at(5, 2)), (3, at(5)), (None, at(5)),
        (1, None), n=list(range(9)),
    )  # fmt: skip
    found = store.get_historical_features(asked, ["drivers:rate", "drivers:trips"]).to_df().sort_values("n")
    assert values(found, "n", "rate", "trips") == [
        (0, 0.5, 50),
        (1, 0.5, 50),
        (2, 0.1, 10),
        (3, 0.1, 10),
        (4, 0.2, 20),
        (5, None, None),
        (6, None, None),
        (7, None, None),
        (8, None, None),
    ]


def test_what_was_created_later_does_not_count_where_that_is_asked(store: FeatureStore) -> None:
    asked = frame((1, at(3)), (1, at(5)), (1, at(7)), n=[0, 1, 2])
    found = store.get_historical_features(asked, ["drivers:trips"], filter_by_created_timestamp=True)
    assert values(found.to_df().sort_values("n"), "n", "trips") == [(0, 10), (1, 40), (2, 50)]


def given_as(kind: str, spark: SparkSession, asked: pd.DataFrame) -> Any:
    ways: dict[str, Callable[[], Any]] = {
        "pandas": lambda: asked,
        "arrow": lambda: pa.Table.from_pandas(asked, preserve_index=False),
        "spark": lambda: spark.createDataFrame(asked.astype({"driver_id": "int64"})),
        "sql": lambda: (
            "SELECT * FROM VALUES (1, timestamp'2013-03-10T05:00:00Z'), (2, timestamp'2013-03-10T02:00:00Z')"
            " AS t(driver_id, event_timestamp)"
        ),
        "a zone of its own": lambda: asked.assign(
            event_timestamp=asked["event_timestamp"].dt.tz_convert("America/New_York")
        ),
        "floats": lambda: asked.astype({"driver_id": "float64"}),
        "texts": lambda: asked.astype({"driver_id": "int64"}).astype({"driver_id": "str"}),
        "categories": lambda: asked.astype({"driver_id": "int64"}).astype({"driver_id": "category"}),
        "another name of time": lambda: asked.rename(columns={"event_timestamp": "moment"}),
    }
    return ways[kind]()


@pytest.mark.parametrize(
    "kind",
    ["pandas", "arrow", "spark", "sql", "a zone of its own", "floats", "texts", "categories", "another name of time"],
)
def test_an_entity_frame_may_be(store: FeatureStore, spark: SparkSession, kind: str) -> None:
    asked = given_as(kind, spark, frame((1, at(5)), (2, at(2))))
    found = store.get_historical_features(asked, ["drivers:trips"]).to_df().sort_values("trips")
    assert values(found, "trips") == [(20,), (50,)]


@pytest.mark.parametrize(
    "asked",
    [
        frame(),
        pd.DataFrame({"driver_id": [], "event_timestamp": []}),
        frame((None, at(5))),
        pd.DataFrame({"driver_id": [None], "event_timestamp": pd.to_datetime([at(5)])}),
        frame((1, None)),
    ],
    ids=["no rows", "no rows and no types", "no key", "no key of any type", "no time"],
)
def test_a_frame_that_asks_nothing_is_answered_with_its_rows(store: FeatureStore, asked: pd.DataFrame) -> None:
    found = store.get_historical_features(asked, ["drivers:trips"]).to_df()
    assert list(found.columns) == ["driver_id", "event_timestamp", "trips"]
    assert values(found, "trips") == [(None,)] * len(asked)


def test_half_a_key_is_nobody(store: FeatureStore) -> None:
    asked = frame((1, at(5)), (1, at(6)), n=[0, 1]).assign(driver_id=[1.5, 1.0])
    found = store.get_historical_features(asked, ["drivers:trips"]).to_df().sort_values("n")
    assert values(found, "trips") == [(None,), (50,)]


def test_keys_of_two_columns_are_not_taken_for_one_another(store: FeatureStore) -> None:
    asked = pd.DataFrame({"a": [1, 11, 11], "b": [12, 2, 12], "event_timestamp": pd.to_datetime([at(5)] * 3)})
    found = store.get_historical_features(asked, ["pairs:word"]).to_df().sort_values(["a", "b"])
    assert values(found, "word") == [("one",), ("other",), (None,)]


TYPES: list[tuple[str, Any, Any]] = [
    ("int", Int32, -7),
    ("bigint", Int64, 2**53 + 1),
    ("float", Float32, 0.5),
    ("double", Float64, float("inf")),
    ("string", String, "é"),
    ("boolean", Bool, False),
    ("binary", Bytes, b"\0x"),
    ("timestamp", UnixTimestamp, at(3, 1)),
    ("array<int>", Array(Int32), [1, -2]),
    ("array<bigint>", Array(Int64), []),
    ("array<float>", Array(Float32), [0.5]),
    ("array<double>", Array(Float64), [0.5, -1.0]),
    ("array<string>", Array(String), ["a", ""]),
    ("array<boolean>", Array(Bool), [True, False]),
    ("array<timestamp>", Array(UnixTimestamp), [at(3, 1)]),
]
"""Type in Spark, in Feast, and a value."""


def test_features_of_every_type_are_told_as_they_are_and_as_nothing(
    store: FeatureStore, spark: SparkSession, tmp_path: Path
) -> None:
    names = [f"f{place}" for place in range(len(TYPES))]
    columns = ", ".join(f"{name} {kind}" for name, (kind, _, _) in zip(names, TYPES, strict=True))
    rows = [(1, at(1), *(value for *_, value in TYPES)), (2, at(1), *(None for _ in TYPES))]
    spark.createDataFrame(rows, f"driver_id bigint, at timestamp, {columns}").write.format("delta").save(
        str(tmp_path / "typed")
    )
    fields = [Field(name=name, dtype=kind) for name, (_, kind, _) in zip(names, TYPES, strict=True)]
    entity = store.get_entity("driver")
    store.apply(FeatureView(name="typed", entities=[entity], source=source(tmp_path, "typed"), schema=fields))
    job = store.get_historical_features(frame((1, at(5)), (2, at(5)), (3, at(5))), [f"typed:{name}" for name in names])
    told = {row["driver_id"]: [row[name] for name in names] for row in job.to_arrow().to_pylist()}
    assert told == {1: [value for *_, value in TYPES], 2: [None] * len(TYPES), 3: [None] * len(TYPES)}
    assert sorted(job.to_df()["driver_id"]) == [1, 2, 3]


def test_two_views_of_one_table_are_asked_together(store: FeatureStore) -> None:
    found = store.get_historical_features(frame((1, at(5)), (11, at(9))), ["drivers:trips", "renamed:journeys"])
    rows = found.to_df().sort_values("driver_id")
    assert values(rows, "trips", "journeys") == [(50, 50), (None, 110)]  # the one forgets after three hours


def test_features_of_maps_are_told(store: FeatureStore) -> None:
    found = store.get_historical_features(frame((1, at(5))), ["drivers:notes"]).to_arrow()
    assert found["notes"].to_pylist() == [{"car": "c"}]


def test_columns_that_the_project_renames_have_their_new_names(store: FeatureStore) -> None:
    found = store.get_historical_features(frame((11, at(5))), ["renamed:journeys"], full_feature_names=True).to_df()
    assert values(found, "renamed__journeys") == [(110,)]


def test_a_service_asks_several_views(store: FeatureStore) -> None:
    asked = frame((1, at(5)), a=[1], b=[12])
    found = store.get_historical_features(asked, store.get_feature_service("service"), full_feature_names=True).to_df()
    assert values(found, "drivers__trips", "pairs__word") == [(50, "one")]


def test_one_view_answers_for_two_keys(store: FeatureStore) -> None:
    view = store.get_feature_view("drivers")
    both = FeatureService(
        name="both",
        features=[
            view.with_name("first").with_join_key_map({"driver_id": "first_id"})[["trips"]],
            view.with_name("second").with_join_key_map({"driver_id": "second_id"})[["trips"]],
        ],
    )
    store.apply(both)
    asked = pd.DataFrame({"first_id": [1], "second_id": [11], "event_timestamp": pd.to_datetime([at(4)])})
    found = store.get_historical_features(asked, both, full_feature_names=True).to_df()
    assert values(found, "first__trips", "second__trips") == [(50, 110)]


def test_features_on_demand_are_worked_out_of_the_frame_and_of_features(store: FeatureStore) -> None:
    asked = frame((1, at(5)), hours=[4.0])
    found = store.get_historical_features(asked, ["drivers:trips", "pace:per_hour"]).to_df()
    assert values(found, "trips", "per_hour") == [(50, 12.5)]


def test_without_a_frame_every_entity_and_time_of_the_range_is_answered(store: FeatureStore) -> None:
    job = store.get_historical_features(features=["drivers:trips"], start_date=at(2), end_date=at(4))
    found = job.to_df().sort_values(["event_timestamp", "driver_id"])
    assert values(found, "driver_id", "trips") == [(2, 20), (11, 110), (1, 50)]
    assert job.metadata.min_event_timestamp == at(2)


def test_the_session_keeps_its_settings_and_views(store: FeatureStore, spark: SparkSession) -> None:
    def state() -> tuple[Any, ...]:
        return spark.conf.getAll, [table.name for table in spark.catalog.listTables()]

    before = state()
    store.get_historical_features(frame((1, at(5))), ["drivers:trips", "renamed:journeys"]).to_df()
    store.get_historical_features(features=["drivers:trips"], start_date=at(2), end_date=at(4)).to_df()
    store.materialize(at(0), at(4), feature_views=["drivers"])
    assert state() == before


def test_threads_on_one_session_get_their_own_rows(store: FeatureStore) -> None:
    def ask(number: int) -> list[tuple[Any, ...]]:
        asked = frame((number, at(5)))
        return values(store.get_historical_features(asked, ["drivers:trips"]).to_df(), "driver_id", "trips")

    with ThreadPoolExecutor(max_workers=4) as pool:
        told = list(pool.map(ask, [1, 2, 11, 3] * 2))
    assert told == [[(1, 50)], [(2, 20)], [(11, 110)], [(3, None)]] * 2


def test_a_process_and_a_session_elsewhere_tell_the_same(
    store: FeatureStore, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    spark.conf.set("spark.sql.session.timeZone", "Asia/Kolkata")
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        found = store.get_historical_features(frame((2, at(5, 1)), (2, at(5, 2))), ["drivers:trips"]).to_arrow()
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        monkeypatch.undo()
        time.tzset()
    assert sorted(found["trips"].to_pylist(), key=str) == [20, None]


def test_materialize_writes_the_newest_row_of_each_entity_online(store: FeatureStore) -> None:
    store.materialize(at(0), at(4), feature_views=["drivers"])
    keys = [{"driver_id": key} for key in (1, 2, 11, 3)]
    found = store.get_online_features(["drivers:trips", "drivers:rate"], keys).to_dict()
    assert found["trips"] == [50, 20, 110, None]
    assert found["rate"] == [0.5, 0.2, None, None]


def test_all_rows_of_a_range_are_pulled(store: FeatureStore) -> None:
    view = store.get_feature_view("renamed")
    job = AssayOfflineStore.pull_all_from_table_or_query(
        store.config, view.batch_source, ["driver_id"], ["trips"], "at", None, at(2), at(2)
    )
    assert sorted(job.to_arrow().to_pylist(), key=str) == [
        {"driver_id": 11, "journeys": 110, "at": at(2)},
        {"driver_id": 2, "journeys": 20, "at": at(2)},
    ]


def test_what_is_written_is_found_and_is_one_commit_of_the_table(
    store: FeatureStore, spark: SparkSession, tmp_path: Path
) -> None:
    path = str(tmp_path / "written")
    spark.createDataFrame(PAIRS[:0], "a bigint, at timestamp, word string, b int").write.format("delta").save(path)
    keys = [store.get_entity(name) for name in "ab"]
    written = SparkSource(name="written", path=path, table_format=DeltaFormat(), timestamp_field="at")
    store.apply(FeatureView(name="written", entities=keys, source=written, schema=[Field(name="word", dtype=String)]))
    rows = pd.DataFrame({"a": [1, 2], "b": [3, 4], "word": ["x", "y"], "at": pd.to_datetime([at(1), at(2)])})
    store.write_to_offline_store("written", rows, reorder_columns=True)
    asked = pd.DataFrame({"a": [1, 2], "b": [3, 4], "event_timestamp": pd.to_datetime([at(5)] * 2)})
    found = store.get_historical_features(asked, ["written:word"]).to_df().sort_values("a")
    assert values(found, "word") == [("x",), ("y",)]
    history = spark.sql(f"DESCRIBE HISTORY delta.`{path}`").collect()
    assert [row["version"] for row in history] == [1, 0]
    with pytest.raises(ValueError, match="missing_expected_columns"):
        store.write_to_offline_store("written", rows.drop(columns="word"))


def test_what_is_pushed_and_written_in_turn_is_all_found(
    store: FeatureStore, spark: SparkSession, tmp_path: Path
) -> None:
    spark.createDataFrame([], "driver_id bigint, at timestamp, rate double").write.format("delta").save(
        str(tmp_path / "pushed")
    )
    pushed = PushSource(name="pushes", batch_source=source(tmp_path, "pushed"))
    store.apply([
        pushed,
        FeatureView(
            name="pushed", entities=[store.get_entity("driver")], ttl=timedelta(minutes=10), source=pushed,
            schema=[Field(name="rate", dtype=Float64)],
        ),
    ])  # fmt: skip
    asked = frame((1, at(3)), (1, at(4)), (1, at(5)))

    def rates() -> list[tuple[Any, ...]]:
        return values(
            store.get_historical_features(asked, ["pushed:rate"]).to_df().sort_values("event_timestamp"), "rate"
        )

    assert rates() == [(None,), (None,), (None,)]
    rows = pd.DataFrame({"driver_id": [1, 1], "at": pd.to_datetime([at(3), at(4)]), "rate": [0.3, 0.4]})
    store.push("pushes", rows, to=PushMode.OFFLINE)
    assert rates() == [(0.3,), (0.4,), (None,)]
    store.write_to_offline_store("pushed", rows.assign(at=pd.to_datetime([at(5), at(6)])))
    assert rates() == [(0.3,), (0.4,), (0.3,)]


def test_a_result_is_kept_as_delta_in_a_folder(store: FeatureStore, spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "kept")
    storage = SavedDatasetSparkStorage(path=path, table_format=DeltaFormat())
    job = store.get_historical_features(frame((1, at(5)), (2, at(2))), ["drivers:trips"])
    job.persist(storage)
    assert sorted(row["trips"] for row in spark.read.format("delta").load(path).collect()) == [20, 50]
    with pytest.raises(Exception, match=r"(?i)already exist"):
        job.persist(storage)
    job.persist(storage, allow_overwrite=True)
    assert spark.sql(f"DESCRIBE HISTORY delta.`{path}`").count() == 2


@pytest.mark.filterwarnings("ignore:(Saving|Retrieving) dataset")
def test_a_dataset_is_kept_as_a_table_of_delta(store: FeatureStore, spark: SparkSession) -> None:
    job = store.get_historical_features(frame((1, at(5)), (2, at(2))), ["drivers:trips"])
    storage = SavedDatasetSparkStorage(table="kept", table_format=DeltaFormat())
    try:
        kept = store.create_saved_dataset(from_=job, name="kept", storage=storage)
        assert sorted(kept.to_df()["trips"]) == [20, 50]
        assert spark.sql("DESCRIBE DETAIL kept").collect()[0]["format"] == "delta"
    finally:
        spark.sql("DROP TABLE IF EXISTS kept")


def test_a_result_is_not_kept_where_spark_cannot_write(store: FeatureStore, tmp_path: Path) -> None:
    job = store.get_historical_features(frame((1, at(5))), ["drivers:trips"])
    with pytest.raises(FeatureError, match="cannot be written there"):
        job.persist(SavedDatasetFileStorage(path=str(tmp_path / "kept.parquet")))
    with pytest.raises(FeatureError, match="no SQL text"):
        job.to_sql()


@pytest.mark.parametrize(
    ("asked", "features", "error", "words"),
    [
        (frame((1, at(5))), ["drivers:trip"], Exception, "trip"),
        (frame((1, at(5))), ["driver:trips"], FeatureViewNotFoundException, "driver"),
        (frame((1, at(5))).rename(columns={"driver_id": "id"}), ["drivers:trips"], FeatureError, "lacks driver_id"),
        (frame((1, at(5)), trips=[1]), ["drivers:trips"], FeatureError, "trips would stand twice"),
        (frame((1, at(5))), ["drivers:trips", "pace:per_hour"], RequestDataNotFoundInEntityDfException, "hours"),
        (
            frame((1, at(5))).assign(driver_id=pd.Series([[1]], dtype="object")),
            ["drivers:trips"],
            FeatureError,
            "key of the entity frame cannot be compared",
        ),
    ],
    ids=["unknown feature", "unknown view", "missing key", "name clash", "missing request data", "key of another type"],
)
def test_a_bad_request_is_told(
    store: FeatureStore, asked: pd.DataFrame, features: list[str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        store.get_historical_features(asked, features).to_df()


@pytest.mark.filterwarnings("ignore:Batch feature views are experimental")
def test_a_view_that_is_a_transformation_is_refused_by_name(store: FeatureStore) -> None:
    view = store.get_feature_view("drivers")
    transformed = BatchFeatureView(
        name="transformed", entities=[store.get_entity("driver")], source=view.batch_source, schema=view.features,
        udf=lambda rows: rows, udf_string="lambda rows: rows", mode="python",
    )  # fmt: skip
    with pytest.raises(FeatureError, match="transformation of the feature view transformed"):
        AssayOfflineStore.get_historical_features(
            store.config, [transformed], ["transformed:trips"], frame((1, at(5))), store.registry, store.project
        )


def test_a_frame_without_a_time_is_told(store: FeatureStore, spark: SparkSession) -> None:
    with pytest.raises(FeatureError, match="has no time"):
        store.get_historical_features(
            spark.createDataFrame([(1, "now")], "driver_id int, at string"), ["drivers:trips"]
        )
