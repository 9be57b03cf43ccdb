"""Request inputs of a model: declared once, and never told as they were declared before."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

import bronze.stage
import gold.stage
import silver.stage
from assay.errors import FeatureError
from assay.lakehouse import Lakehouse, open_lakehouse
from gold.retrieval import ADDED, check_spine, retrieve
from gold.spine import Spine, spine_of
from gold.store import feature_store

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
FEATURES = """
description: What a station measured. One row per station and night.
entity: {station: [station]}
source: readings
windows: [28d]
features:
  readings: {count: "*", description: Readings}
"""
MODEL = """
description: Will a reading be warm?
spine:
  train: >-
    select station, hour, temp, timestamp'2013-03-02' as as_of, temp > 9 as label, valid_from as label_known_at
    from readings
  score: select station, hour, timestamp'2013-03-02' as as_of from readings
key: [station, hour]
features: {station_temps: all}
request: {share: hour / station_temps__readings_28d, evening: hour > 18}
split: {holdout: 1d}
train: {every: 7d, window: 7d}
gates: {auc: {min: 0.1}}
"""


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


@pytest.fixture
def lakehouse(new_readings: Callable[[str], Readings]) -> Lakehouse:
    """Two stations' readings, a feature table of theirs, and a model with request inputs."""
    made = new_readings("request")
    conf = made.lakehouse.conf_dir
    for folder, name, text in (("features", "station_temps", FEATURES), ("models", "warm", MODEL)):
        (conf / folder).mkdir()
        (conf / folder / f"{name}.yml").write_text(text)
    opened = open_lakehouse(conf)
    made.deliver("2013-03-01.csv", "station,hour,temp\na,1,10.5\na,20,9\nb,3,7\n")
    for stage in (bronze.stage, silver.stage, gold.stage):
        stage.run(opened, NIGHT)
    return opened


def spine(lakehouse: Lakehouse, which: Spine) -> DataFrame:
    return spine_of(lakehouse, lakehouse.config.models["warm"], which, NIGHT)


@pytest.mark.parametrize("name", ADDED)
def test_a_spine_has_no_column_that_the_inputs_would_write_over(lakehouse: Lakehouse, name: str) -> None:
    rows = spine(lakehouse, "score").withColumn(name, F.lit(1))
    with pytest.raises(FeatureError, match="has columns named like its inputs") as raised:
        check_spine(lakehouse, lakehouse.config.models["warm"], rows)
    assert raised.value.found == name


def test_request_inputs_are_those_of_the_configuration_of_now(lakehouse: Lakehouse) -> None:
    found = retrieve(lakehouse, lakehouse.config.models["warm"], spine(lakehouse, "score")).orderBy("station", "hour")
    assert [tuple(row) for row in found.select("share", "evening").collect()] == [
        (0.5, False),
        (10.0, True),
        (3.0, False),
    ]
    file = lakehouse.conf_dir / "models" / "warm.yml"
    file.write_text(MODEL.replace("hour / station_temps__readings_28d", "temp * 2"))  # scoring does not have it
    changed = open_lakehouse(lakehouse.conf_dir)
    gold.stage.run(changed, NIGHT)  # goes on for all others
    with pytest.raises(FeatureError, match="does not have the model warm as it is now") as raised:
        retrieve(changed, changed.config.models["warm"], spine(changed, "train"))
    assert raised.value.where.endswith("spine.score")
    file.write_text(MODEL.replace("hour / station_temps__readings_28d", "hour * 2"))
    mended = open_lakehouse(lakehouse.conf_dir)
    again = retrieve(mended, mended.config.models["warm"], spine(mended, "train"))
    assert sorted(row["share"] for row in again.collect()) == [2, 6, 40]
    (view,) = feature_store(mended).list_on_demand_feature_views()
    assert {
        (source.name, *[field.name for field in source.schema]) for source in view.source_request_sources.values()
    } == {("warm__requested", "hour")}
