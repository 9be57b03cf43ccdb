"""A definition changes between two nights: the champion goes on as if it had not, the next training takes the new one."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import bronze.stage
import gold.stage
import silver.stage
from assay.errors import ConfigError, FeatureError
from assay.lakehouse import Lakehouse, open_lakehouse
from gold.audit import run_replay
from gold.datasets import run_scoring
from jobs.backfill import run_backfill, stages_of
from jobs.common import kept
from jobs.nightly import run_night
from jobs.score import score_model
from jobs.train import train_model
from model import score
from model.registry import CHAMPION, PREVIOUS, connect, registered_name
from tests.parcels import COURIERS, Parcels, new_parcels

START, DAY = datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=1)
NIGHTS = [START + n * DAY for n in range(14)]
TRAINED, SECOND, THIRD = NIGHTS[11:]
OLD = "late_rate: {rate: late, windows: [7d], description: Share late}"
NEW = 'late_rate: {rate: late, where: weight > 5, windows: [7d], description: "Share late, of the heavy"}'
MORE = "  seen: {count: '*', windows: [3d], description: Parcels}\n"


def deliver(shop: Lakehouse, night: datetime) -> None:
    """The parcels of a night, and what became of those of the night before."""
    landing = Path(shop.root) / "landing" / "parcels"
    landing.mkdir(parents=True, exist_ok=True)
    rows = [parcel(night, n, known=False) for n in range(40)]
    rows += [parcel(night - DAY, n, known=True) for n in range(40)] if night > START else []
    (landing / f"{night:%Y-%m-%d}.csv").write_text("\n".join(["parcel,day,courier,weight,stops,late", *rows, ""]))


def parcel(night: datetime, n: int, *, known: bool) -> str:
    random = np.random.default_rng([night.day, n])
    courier, weight, stops = COURIERS[n % 4], round(random.random() * 10, 3), random.integers(1, 9)
    late = random.random() * 10 < weight * 0.6 + 3 * (courier == "ben")
    told = str(bool(late)).lower() if known else ""
    return f"{night.day * 100 + n},{night:%Y-%m-%dT%H:%M:%SZ},{courier or ''},{weight},{stops},{told}"


def edit(shop: Lakehouse, old: str, new: str) -> Lakehouse:
    """The lakehouse with another definition of its features."""
    path = shop.conf_dir / "features" / "courier_days.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return open_lakehouse(shop.conf_dir)


@pytest.fixture(scope="module")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """Eleven nights of history, a champion, and a night that it has scored; those to come are delivered."""
    made: Parcels = new_parcels(tmp_path_factory.mktemp("shop"))
    model = made.path.read_text().replace("min: 0.5", "min: 0.01")
    made.path.write_text(model.replace("heavy: weight * 2", "heavy: weight * courier_days__late_rate_7d"))
    for night in NIGHTS:
        deliver(made.lakehouse, night)
    opened = open_lakehouse(made.lakehouse.conf_dir)
    run_backfill(opened, NIGHTS[1], TRAINED)
    late = opened.config.models["late"]
    train_model(opened, late, TRAINED)
    score_model(opened, late, TRAINED)
    return opened


@pytest.fixture
def copied(shop: Lakehouse, tmp_path: Path) -> Lakehouse:
    """A lakehouse of its own; the registry's files stay where they are."""
    shutil.copytree(shop.conf_dir.parent.parent, tmp_path / "copied")
    return open_lakehouse(tmp_path / "copied" / "conf" / "shop")


def night(shop: Lakehouse, as_of: datetime) -> None:
    """What a night does before and with the model."""
    for stage in (bronze.stage, silver.stage):
        stage.run(shop, as_of)
    gold.stage.run(shop, as_of, kept=kept(shop))
    score_model(shop, shop.config.models["late"], as_of)


def predictions(shop: Lakehouse, as_of: datetime) -> list[tuple[Any, ...]]:
    found = shop.tables.read("gold.late_predictions").where(
        (F.col("as_of") == F.lit(as_of)) & (F.col("role") == CHAMPION)
    )
    return sorted((row["parcel"], row["model_version"], row["score"]) for row in found.collect())


def values(shop: Lakehouse, table: str, as_of: datetime) -> dict[str | None, float]:
    rows = shop.tables.read(table).where(F.col("event_timestamp") == F.lit(as_of)).collect()
    return {row["courier"]: row["late_rate_7d"] for row in rows}


def test_a_backfill_scores_the_nights_that_it_is_asked_for(copied: Lakehouse) -> None:
    first, second = NIGHTS[9:11]

    def runs() -> dict[datetime, str]:
        rows = copied.tables.read("gold.late_predictions").select("as_of", "run_id").distinct().collect()
        return {row["as_of"].replace(tzinfo=UTC): row["run_id"] for row in rows}

    before = runs()
    assert {*before} == {TRAINED}
    done = run_backfill(copied, first, TRAINED, stages=("score", "dbt"))
    assert [(one.stage, one.as_of) for one in done] == [
        (stage, night) for night in (first, second) for stage in ("scoring_set", "score")
    ]
    scored = runs()
    assert {*scored} == {first, second, TRAINED}
    assert scored[TRAINED] == before[TRAINED]
    assert run_backfill(copied, first, TRAINED, stages=("score",)) == []
    assert runs() == scored
    run_backfill(copied, second, second, stages=("score",), rewrite=True)
    again = runs()
    assert [again[night] == scored[night] for night in (first, second, TRAINED)] == [True, False, True]
    with pytest.raises(FeatureError, match=f"not built for {NIGHTS[0]:%Y-%m-%d}"):  # and the night after it is scored
        run_backfill(copied, NIGHTS[0], NIGHTS[1], stages=("score",))
    assert NIGHTS[1] in runs()


def test_a_backfill_has_no_stage_that_learns() -> None:
    assert stages_of("score, features") == ("score", "features")
    with pytest.raises(ConfigError, match="no such stage") as raised:
        stages_of("features,train")
    assert raised.value.found == "train"


def test_a_champion_scores_as_if_its_features_had_never_been_defined_in_another_way(
    shop: Lakehouse, copied: Lakehouse
) -> None:
    night(shop, SECOND)
    expected, unchanged = predictions(shop, SECOND), values(shop, "gold.courier_days", SECOND)
    assert kept(shop) == ()

    changed = edit(copied, OLD, NEW)
    assert [table.name for table in kept(changed)] == ["courier_days__v1"]
    night(changed, SECOND)
    assert predictions(changed, SECOND) == expected
    assert values(changed, "gold.courier_days__v1", SECOND) == unchanged
    assert values(changed, "gold.courier_days", SECOND) != unchanged
    late = changed.config.models["late"]
    told = changed.tables.read("gold.late_inputs").where(F.col("as_of") == F.lit(SECOND)).first()
    assert told is not None
    assert told["feature_definitions"] == {"courier_days": 2, "courier_days__v1": 1}

    run_backfill(changed, NIGHTS[1], SECOND)  # writes over what the first night was scored on
    assert values(changed, "gold.courier_days__v1", TRAINED) == values(shop, "gold.courier_days", TRAINED)
    replayed = run_replay(changed, late, TRAINED, SECOND)
    assert replayed.total("differing") == 0
    assert "late: compared with older versions: 1 nights of courier_days__v1" in replayed.notes

    train_model(changed, late, SECOND)
    night(changed, THIRD)
    versions = {version for _, version, _ in predictions(changed, THIRD)}
    assert versions == {2}, "the version that learned the new definition"
    inputs = changed.tables.read("gold.late_inputs").where(F.col("as_of") == F.lit(THIRD)).collect()
    assert {row["courier_days__late_rate_7d"] for row in inputs if row["courier"]} <= {
        *values(changed, "gold.courier_days", THIRD).values()
    }
    assert [table.name for table in kept(changed)] == ["courier_days__v1"], "one can go back to the version before"
    connect(changed).delete_registered_model_alias(registered_name(changed, late), PREVIOUS)
    assert kept(changed) == ()


def test_a_feature_that_is_added_needs_no_older_version(shop: Lakehouse, copied: Lakehouse) -> None:
    added = edit(copied, OLD, OLD + "\n" + MORE.rstrip())
    assert kept(added) == ()
    night(added, SECOND)
    night(shop, SECOND)
    assert predictions(added, SECOND) == predictions(shop, SECOND)


def test_a_version_whose_features_are_not_built_as_they_were_does_not_score(copied: Lakehouse) -> None:
    changed = edit(copied, OLD, NEW)
    late = changed.config.models["late"]
    for stage in (bronze.stage, silver.stage, gold.stage):  # as if nobody had said what models read
        stage.run(changed, SECOND)
    run_scoring(changed, late, SECOND, rewrite=True)
    with pytest.raises(FeatureError, match="are defined in another way now") as raised:
        score.run(changed, late, SECOND, rewrite=True)
    assert raised.value.found == "courier_days__late_rate_7d of version 2"
    assert raised.value.expected == "version 1"
    gold.stage.run(changed, SECOND, kept=kept(changed))
    score_model(changed, late, SECOND, rewrite=True)
    assert len(predictions(changed, SECOND)) == 40


def test_an_older_version_takes_over_its_nights_though_the_run_dies(
    copied: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = values(copied, "gold.courier_days", TRAINED)
    changed = edit(copied, OLD, NEW)

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(gold.stage, "apply", cut)
        patched.setattr("assay.stages.record", lambda *_: None)  # a dead process writes no ledger either
        with pytest.raises(KeyboardInterrupt):
            gold.stage.run(changed, TRAINED, kept=kept(changed))
    assert values(changed, "gold.courier_days", TRAINED) != old, "written over, and not on record"
    gold.stage.run(changed, TRAINED, kept=kept(changed))
    assert values(changed, "gold.courier_days__v1", TRAINED) == old


def test_a_night_builds_what_its_models_read(copied: Lakehouse) -> None:
    changed = edit(copied, OLD, NEW)
    run_night(changed, SECOND)
    assert values(changed, "gold.courier_days__v1", SECOND) != values(changed, "gold.courier_days", SECOND)
    assert {version for _, version, _ in predictions(changed, SECOND)} == {1}
