"""A Feast offline store over Spark whose historical retrieval is assay's own as-of join.

A Feast project names it by `offline_store: {type: gold.offline_store.AssayOfflineStore}`. What is not retrieval of a
given entity frame is Feast's own Spark store.
"""

import warnings
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd
from feast import FeatureView, OnDemandFeatureView
from feast.infra.offline_stores import offline_utils
from feast.infra.offline_stores.contrib.spark_offline_store.spark import (
    SparkOfflineStore,
    SparkOfflineStoreConfig,
    SparkRetrievalJob,
    get_spark_session_or_start_new_with_repoconfig,
)
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.repo_config import RepoConfig
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.errors import FeatureError
from assay.frames import only_row
from assay.tables import quoted
from gold.as_of_join import Side, as_of_join

# Feast calls its Spark source experimental, for every view, and has just asked to be heard.
warnings.filterwarnings("ignore", "The spark data source API", RuntimeWarning)

_FEAST_SETS = "spark.sql.parser.quotedRegexColumnNames"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class AssayOfflineStoreConfig(SparkOfflineStoreConfig):  # type: ignore[misc]  # Feast has no types
    """The settings of Feast's Spark store."""

    type: Literal["gold.offline_store.AssayOfflineStore"] = "gold.offline_store.AssayOfflineStore"


class AssayRetrievalJob(SparkRetrievalJob):  # type: ignore[misc]
    """A retrieval that holds its frame; nothing is computed before it is asked for."""

    def __init__(self, frame: DataFrame, **given: Any) -> None:
        super().__init__(spark_session=frame.sparkSession, query="", **given)
        self._frame = frame

    def to_spark_df(self) -> DataFrame:
        """The spine with its features, lazily."""
        return self._frame


class AssayOfflineStore(SparkOfflineStore):  # type: ignore[misc]
    """Feast's Spark store with an as-of join that answers each row once, whatever its keys."""

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | DataFrame | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,  # noqa: FBT001, FBT002  # Feast's signature
        **kwargs: Any,
    ) -> RetrievalJob:
        """The entity frame with the features of some views as of each row's time, as Feast defines it.

        Without an entity frame (all entities of a range of time), or where rows written after a row's time shall not
        count (`filter_by_created_timestamp`), it is Feast's own retrieval.
        """
        if entity_df is None or kwargs.get("filter_by_created_timestamp"):
            return SparkOfflineStore.get_historical_features(
                config, feature_views, feature_refs, entity_df, registry, project, full_feature_names, **kwargs
            )
        spark = _session(config)
        spine, time = _spine(spark, entity_df)
        first, last = _range(spine, time)
        contexts = offline_utils.get_feature_view_query_context(
            feature_refs, feature_views, registry, project, (first, last)
        )
        views = {view.projection.name_to_use(): view for view in feature_views}
        sides = [
            _side(spark, views[context.name], context, (first, last), full=full_feature_names) for context in contexts
        ]
        keys = sorted({key for side in sides for key in side.keys})
        _check_columns(spine, keys, [name for side in sides for name in side.features])
        return AssayRetrievalJob(
            as_of_join(spine, time, sides),
            full_feature_names=full_feature_names,
            config=config,
            on_demand_feature_views=OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry),
            metadata=RetrievalMetadata(
                features=feature_refs, keys=keys, min_event_timestamp=first, max_event_timestamp=last
            ),
        )


def _session(config: RepoConfig) -> SparkSession:
    """The session that Feast uses, without the setting that Feast leaves on it."""
    spark: SparkSession = get_spark_session_or_start_new_with_repoconfig(config.offline_store)
    spark.conf.unset(_FEAST_SETS)
    return spark


def _spine(spark: SparkSession, entity_df: pd.DataFrame | str | DataFrame) -> tuple[DataFrame, str]:
    """The entity frame in Spark, and its time column, a timestamp."""
    if isinstance(entity_df, str):
        spine = spark.sql(entity_df)
    elif isinstance(entity_df, pd.DataFrame):
        time = offline_utils.infer_event_timestamp_from_entity_df(dict(entity_df.dtypes))
        spine = spark.createDataFrame(entity_df.assign(**{time: pd.to_datetime(entity_df[time], utc=True)}))
    else:
        spine = entity_df
    times = [name for name, kind in spine.dtypes if kind in ("timestamp", "timestamp_ntz")]
    time = "event_timestamp" if "event_timestamp" in spine.columns or len(times) != 1 else times[0]
    offline_utils.assert_expected_columns_in_entity_df(dict.fromkeys(spine.columns), set(), time)
    return spine.withColumn(time, F.col(quoted(time)).cast("timestamp")), time


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


def _range(spine: DataFrame, time: str) -> tuple[datetime, datetime]:
    """Least and greatest time of the spine; of one without times a moment at which nothing was known."""
    row = only_row(spine.agg(F.min(quoted(time)).alias("first"), F.max(quoted(time)).alias("last")))
    if row["first"] is None:
        return _NEVER, _NEVER
    return row["first"].replace(tzinfo=UTC), row["last"].replace(tzinfo=UTC)


def _side(
    spark: SparkSession, view: FeatureView, context: Any, times: tuple[datetime, datetime], *, full: bool
) -> Side:
    """One feature view, its rows restricted to what the spine's times can use."""
    ttl = view.ttl or None
    time = F.col(quoted(context.timestamp_field)).cast("timestamp")
    used = time <= F.lit(times[1])
    if ttl is not None:
        used &= time >= F.lit(times[0] - ttl)
    rows = spark.sql(f"SELECT * FROM {context.table_subquery}").where(used)
    if view.batch_source.path:  # Feast has made a temporary view of the folder
        spark.catalog.dropTempView(context.table_subquery.strip("`"))
    selected = [selection.rpartition(" AS ") for selection in context.entity_selections]
    names = {feature: context.field_mapping.get(feature, feature) for feature in context.features}
    return Side(
        rows=rows,
        keys={key: column for column, _, key in selected},
        time=context.timestamp_field,
        created=context.created_timestamp_column or None,
        ttl=ttl,
        features={f"{context.name}__{name}" if full else name: feature for feature, name in names.items()},
    )
