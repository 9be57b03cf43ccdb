"""A Feast offline store over Spark whose historical retrieval is assay's own as-of join.

A Feast project names it by `offline_store: {type: gold.offline_store.AssayOfflineStore}`. Sources, configuration and
monitoring are those of Feast's Spark store; docs/decisions/0009-an-offline-store-of-our-own.md has where the two differ.
"""

import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
from feast import FeatureView, OnDemandFeatureView
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from feast.feature_view_utils import has_transformation
from feast.infra.offline_stores import offline_utils
from feast.infra.offline_stores.contrib.spark_offline_store.spark import (
    SparkOfflineStore,
    SparkOfflineStoreConfig,
    SparkRetrievalJob,
)
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SavedDatasetSparkStorage, SparkSource
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.repo_config import RepoConfig
from feast.saved_dataset import SavedDatasetStorage
from feast.utils import compute_non_entity_date_range
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.errors import FeatureError
from assay.frames import only_row
from assay.tables import quoted
from gold.as_of_join import as_of_join
from gold.as_of_window import orderable
from gold.on_demand import REQUEST, results, with_request
from gold.side import Side
from gold.slices import EMPTY, SLICES

# Feast calls its Spark source experimental, for every view, and has just asked to be heard.
warnings.filterwarnings("ignore", "The spark data source API", RuntimeWarning)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = "event_timestamp"


class AssayOfflineStoreConfig(SparkOfflineStoreConfig):  # type: ignore[misc]  # Feast has no types
    """The settings of Feast's Spark store."""

    type: Literal["gold.offline_store.AssayOfflineStore"] = "gold.offline_store.AssayOfflineStore"


class AssayRetrievalJob(SparkRetrievalJob):  # type: ignore[misc]
    """A retrieval that holds its frame; nothing is computed before it is asked for."""

    def __init__(self, frame: DataFrame, **given: Any) -> None:
        super().__init__(spark_session=frame.sparkSession, query="", **given)
        self._frame = frame

    def to_spark_df(self) -> DataFrame:
        """The spine with its features and request inputs, lazily. Views on demand that are functions of Python are worked
        out by `to_df` and `to_arrow` alone.
        """
        return self._frame

    def to_sql(self) -> str:
        """There is no query: the join is not written in SQL."""
        raise FeatureError(
            "A retrieval has no SQL text.", found="to_sql()", expected="to_spark_df(), to_df(), to_arrow() or persist()"
        )

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:  # noqa: ARG002  # Feast's signature
        """All rows, by Arrow: whole numbers with gaps stay whole. A map is a struct, as Feast writes it online."""
        found = self._frame.toArrow()
        for place, column in enumerate(found.columns):
            if pa.types.is_map(column.type):
                structs = pa.array([None if pairs is None else dict(pairs) for pairs in column.to_pylist()])
                found = found.set_column(place, found.column_names[place], structs)
        return found

    def persist(
        self,
        storage: SavedDatasetStorage,
        allow_overwrite: bool | None = False,  # noqa: FBT001, FBT002  # Feast's signature
        timeout: int | None = None,  # noqa: ARG002
    ) -> None:
        """Write the result to a folder or a table, in the format that the storage names: of a table format, in that."""
        if not isinstance(storage, SavedDatasetSparkStorage):
            raise FeatureError(
                "A retrieval cannot be written there.", found=type(storage).__name__,
                expected="SavedDatasetSparkStorage(path=…, table_format=DeltaFormat()), or table=…",
            )  # fmt: skip
        options = storage.spark_options
        writer = self._frame.write.format(_format(options)).mode("overwrite" if allow_overwrite else "error")
        if options.path:
            writer.save(options.path)
        else:
            writer.saveAsTable(options.table)


class AssayOfflineStore(SparkOfflineStore):  # type: ignore[misc]
    """Feast's Spark store with an as-of join that answers each row once, whatever its keys."""

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | DataFrame | pa.Table | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,  # noqa: FBT001, FBT002  # Feast's signature
        filter_by_created_timestamp: bool = False,  # noqa: FBT001, FBT002
        **kwargs: Any,
    ) -> RetrievalJob:
        """The entity frame with the features of some views as of each row's time, as Feast defines it.

        Without an entity frame: every entity at every time that the views have from `start_date` to `end_date`.

        Raises:
            FeatureError: The frame lacks a key or a time, a feature would be named like another column, or a view is
                the result of a transformation.
        """
        _check_views(feature_views)
        spark = _session(config)
        if entity_df is None:
            spine, time, rows = None, _TIME, None
            first, last = compute_non_entity_date_range(
                feature_views, start_date=kwargs.get("start_date"), end_date=kwargs.get("end_date")
            )
        else:
            spine, time = _spine(spark, entity_df)
            first, last, rows = _range(spine, time)
        contexts = offline_utils.get_feature_view_query_context(
            feature_refs, feature_views, registry, project, (first, last)
        )
        views = {view.projection.name_to_use(): view for view in feature_views}
        sides = [
            _side(
                spark, views[context.name], context, (first, last),
                full=full_feature_names, from_creation=filter_by_created_timestamp,
            )
            for context in contexts
        ]  # fmt: skip
        spine = _everyone(sides, first) if spine is None else spine
        keys = sorted({key for side in sides for key in side.keys})
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        requests = [view for view in on_demand if REQUEST in view.tags]
        asked = [name for view in requests for name in results(view, feature_refs, full=full_feature_names)]
        _check_columns(spine, keys, [*(name for side in sides for name in side.features), *asked])
        found = as_of_join(spine, time, sides, rows=rows)
        return AssayRetrievalJob(
            with_request(found, time, requests, feature_refs, full=full_feature_names),
            full_feature_names=full_feature_names,
            config=config,
            on_demand_feature_views=[view for view in on_demand if REQUEST not in view.tags],
            metadata=RetrievalMetadata(
                features=feature_refs, keys=keys, min_event_timestamp=first, max_event_timestamp=last
            ),
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: SparkSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """The newest row of each entity in a range of time, both ends included: what `feast materialize` writes online.

        Of rows of equal time it is the one created last, then the one whose features sort last, as in
        `get_historical_features`.
        """
        rows = _between(_rows(_session(config), data_source), timestamp_field, start_date, end_date)
        times = _times(timestamp_field, created_timestamp_column)
        row = F.struct(*_renamed(data_source, [*join_key_columns, *feature_name_columns, *times]))
        order = F.struct(*map(_of, times), orderable(rows, feature_name_columns))
        frame = rows.groupBy(*map(_of, join_key_columns)).agg(F.max_by(row, order).alias("row"))
        frame = frame.where("row IS NOT NULL").select("row.*")
        if not join_key_columns:
            frame = frame.withColumn(DUMMY_ENTITY_ID, F.lit(DUMMY_ENTITY_VAL))
        return AssayRetrievalJob(frame, full_feature_names=False, config=config)

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: SparkSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """All rows of a range of time, both ends included; without features named, all columns."""
        rows = _between(_rows(_session(config), data_source), timestamp_field, start_date, end_date)
        times = _times(timestamp_field, created_timestamp_column)
        if feature_name_columns:
            rows = rows.select(*_renamed(data_source, [*join_key_columns, *feature_name_columns, *times]))
        return AssayRetrievalJob(rows, full_feature_names=False, config=config)

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        """Add rows to the folder of a view's source: in one commit, where it is a Delta table.

        Raises:
            FeatureError: The columns are not those of the source, or it is not a folder.
        """
        spark, source = _session(config), feature_view.batch_source
        there = _rows(spark, source)
        if not source.path:
            raise FeatureError(
                f"Nothing can be written to the source of the feature view {feature_view.name}.",
                found="a table or a query", expected="a SparkSource with path",
            )  # fmt: skip
        if sorted(table.column_names) != sorted(there.columns):
            raise FeatureError(
                f"The rows do not fit the source of the feature view {feature_view.name}.",
                found="columns " + ", ".join(table.column_names), expected="columns " + ", ".join(there.columns),
            )  # fmt: skip
        given = _frame(spark, table).select(*[_of(name).cast(there.schema[name].dataType) for name in there.columns])
        given.write.format(_format(source)).mode("append").save(source.path)
        if progress:
            progress(table.num_rows)


def _session(config: RepoConfig) -> SparkSession:
    """The session there is, or one with the project's settings. Feast's own way to it changes how the session reads SQL."""
    active = SparkSession.getActiveSession()
    if active is None:
        builder = SparkSession.builder
        for name, value in (config.offline_store.spark_conf or {}).items():
            builder = builder.config(name, value)
        active = builder.getOrCreate()
    return active


def _rows(spark: SparkSession, source: Any) -> DataFrame:
    """All rows of a source, without a view of that name left behind."""
    if not isinstance(source, SparkSource):
        raise FeatureError(
            "A feature view's source cannot be read.", found=type(source).__name__, expected="SparkSource"
        )
    if source.table:
        return spark.table(source.table)
    if source.query:
        return spark.sql(source.query)
    reader = spark.read.format(_format(source))
    if source.table_format is not None:
        reader = reader.options(**(source.table_format.properties or {}))
    return reader.load(source.path)


def _format(source: Any) -> str:
    """Spark's name of a source's or storage's format: that of its table format, if it has one."""
    if source.table_format is not None:
        return str(source.table_format.format_type.value)
    return str(source.file_format or "parquet")


def _spine(spark: SparkSession, entity_df: pd.DataFrame | str | DataFrame | pa.Table) -> tuple[DataFrame, str]:
    """The entity frame in Spark, and its time column, a timestamp."""
    if isinstance(entity_df, str):
        spine = spark.sql(entity_df)
    elif isinstance(entity_df, pd.DataFrame):
        time = offline_utils.infer_event_timestamp_from_entity_df(dict(entity_df.dtypes))
        times = pd.to_datetime(entity_df[time], utc=True).dt.floor("us")
        spine = _frame(spark, pa.Table.from_pandas(entity_df.assign(**{time: times}), preserve_index=False))
    elif isinstance(entity_df, pa.Table):
        spine = _frame(spark, entity_df)
    else:
        spine = entity_df
    times = [name for name, kind in spine.dtypes if kind in ("timestamp", "timestamp_ntz")]
    time = _TIME if _TIME in spine.columns or len(times) != 1 else times[0]
    if time not in times and dict(spine.dtypes).get(time) != "date":
        raise FeatureError(
            "The entity frame has no time.", found=", ".join(f"{name} {kind}" for name, kind in spine.dtypes),
            expected=f"a column {_TIME}, or one other column, of type timestamp",
        )  # fmt: skip
    return spine.withColumn(time, _of(time).cast("timestamp")), time


def _frame(spark: SparkSession, table: pa.Table) -> DataFrame:
    """Rows of Arrow in Spark; categories as what they stand for."""
    plain = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return spark.createDataFrame(pa.table(dict(zip(table.column_names, plain, strict=True))))


def _everyone(sides: Sequence[Side], first: datetime) -> DataFrame:
    """Every entity of the sides at every time from the first on at which one of them says something of it."""
    asked = [
        side.rows.select(*[_of(column).alias(key) for key, column in side.keys.items()], _of(side.time).alias(_TIME))
        .withColumn(_TIME, _of(_TIME).cast("timestamp"))
        .where(_of(_TIME) >= F.lit(first))
        for side in sides
    ]
    return reduce(lambda some, more: some.unionByName(more, allowMissingColumns=True), asked).distinct()


def _check_views(views: Sequence[FeatureView]) -> None:
    if transformed := [view.name for view in views if has_transformation(view)]:
        raise FeatureError(
            f"The transformation of the feature view {transformed[0]} is not run here.", found=", ".join(transformed),
            expected="a feature view of a table that holds what the transformation makes",
        )  # fmt: skip


def _check_columns(spine: DataFrame, keys: list[str], features: list[str]) -> None:
    if missing := [key for key in keys if key not in spine.columns]:
        raise FeatureError(
            f"The entity frame lacks {', '.join(missing)}.",
            found="columns " + ", ".join(spine.columns),
            expected="the keys of the feature views that are asked: " + ", ".join(keys),
        )
    if taken := sorted({name for name in features if name in spine.columns or features.count(name) > 1}):
        raise FeatureError(
            f"The features {', '.join(taken)} would stand twice in the result.",
            found="a column of the entity frame, or features of several views, of that name",
            do="ask with full_feature_names=True, or rename the column",
        )


def _range(spine: DataFrame, time: str) -> tuple[datetime, datetime, int]:
    """Least and greatest time of the spine, of one without times a moment at which nothing was known; and its rows."""
    micros = F.unix_micros(_of(time))  # a number is the same in every time zone
    row = only_row(spine.agg(F.min(micros).alias("first"), F.max(micros).alias("last"), F.count("*").alias("rows")))
    first, last = (_EPOCH + timedelta(microseconds=row[name] or 0) for name in ("first", "last"))
    return first, last, row["rows"]


def _side(
    spark: SparkSession,
    view: FeatureView,
    context: Any,
    times: tuple[datetime, datetime],
    *,
    full: bool,
    from_creation: bool,
) -> Side:
    """One feature view, its rows restricted to what the spine's times can use."""
    ttl = view.ttl or None
    rows = _between(_rows(spark, view.batch_source), context.timestamp_field, ttl and times[0] - ttl, times[1])
    if view.batch_source.path:  # Feast has made a temporary view of the folder
        spark.catalog.dropTempView(context.table_subquery.strip("`"))
    selected = [selection.rpartition(" AS ") for selection in context.entity_selections]
    names = {feature: context.field_mapping.get(feature, feature) for feature in context.features}
    results = {f"{context.name}__{name}" if full else name: feature for feature, name in names.items()}
    tags = {field.name: field.tags for field in view.features}
    empty = {
        result: tags[names[feature]][EMPTY] for result, feature in results.items() if EMPTY in tags[names[feature]]
    }
    return Side(
        rows=rows,
        keys={key: column for column, _, key in selected},
        time=context.timestamp_field,
        created=context.created_timestamp_column or None,
        ttl=ttl,
        features=results,
        from_creation=from_creation,
        folder=_folder(view.batch_source),
        empty=empty if SLICES in view.tags else None,
    )


def _folder(source: SparkSource) -> str | None:
    """Where the newest version of a Delta table lies that is all of a source, if it is one."""
    options = source.table_format.properties if source.table_format is not None else None
    return source.path if source.path and not options and _format(source) == "delta" else None


def _between(rows: DataFrame, time: str, first: datetime | None, last: datetime | None) -> DataFrame:
    at = _of(time).cast("timestamp")
    if first is not None:
        rows = rows.where(at >= F.lit(first))
    return rows if last is None else rows.where(at <= F.lit(last))


def _times(timestamp_field: str, created_timestamp_column: str | None) -> list[str]:
    return [timestamp_field, *([created_timestamp_column] if created_timestamp_column else [])]


def _renamed(source: SparkSource, names: Sequence[str]) -> list[Column]:
    """Columns of a source under the names that Feast knows them by."""
    return [_of(name).alias(source.field_mapping.get(name, name)) for name in names]


def _of(name: str) -> Column:
    return F.col(quoted(name))
