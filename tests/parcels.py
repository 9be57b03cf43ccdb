"""A lakehouse of one model, its gold and silver written as literal rows: no stage before training has to run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb

from assay.frames import local_frame
from assay.known import Target
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from assay.stages import run_stage
from gold import datasets
from model.artifact import Artifact
from model.gates import GateResult
from model.inputs import Inputs
from model.promotion import settle
from model.registration import register
from model.registry import Registered, connect, registered_name
from model.tracking import _experiment

SOURCE = """
description: Parcels. One row per parcel.
from: {files: "landing/parcels/*", available: file_name, format: csv}
key: [parcel]
event_time: day
columns:
  parcel: {type: int, required: true}
  day: {type: timestamp, required: true}
  courier: {type: string}
  weight: {type: double}
  stops: {type: int}
  late: {type: boolean}
"""
FEATURES = """
description: What is known of a courier. One row per courier and night.
entity: {courier: [courier]}
source: parcels
delay: 1d
features:
  late_rate: {rate: late, windows: [7d], description: Share late}
"""
MODEL = """
description: Will a parcel be late?
task: binary
spine:
  train: select parcel, day as as_of, courier, weight, stops, late as label, valid_from as label_known_at from parcels
  score: select parcel, day as as_of, courier, weight, stops from parcels where day = :as_of
key: [parcel]
features: {courier_days: all}
request: {heavy: weight * 2, many: stops}
split: {holdout: 3d}
xgboost: {rounds: 8, max_depth: 3, categorical: [courier], encode: {many: target}}
train: {every: 7d, window: 60d}
gates: {auc: {min: 0.5}}
promote: PROMOTE
"""
START = datetime(2026, 3, 1, tzinfo=UTC)
COURIERS = ("ada", "ben", "cy", None)


@dataclass(frozen=True)
class Parcels:
    """The lakehouse and its model's configuration file."""

    lakehouse: Lakehouse

    @property
    def path(self) -> Path:
        """The model's file."""
        return self.lakehouse.conf_dir / "models" / "late.yml"

    def edited(self, old: str, new: str) -> "Parcels":
        """The same lakehouse, its model's file changed."""
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))
        return Parcels(open_lakehouse(self.lakehouse.conf_dir))


def new_parcels(folder: Path, promote: str = "at_once") -> Parcels:
    """A lakehouse in a folder; nothing in it."""
    conf = folder / "conf"
    for name in ("env", "shop/sources", "shop/features", "shop/models"):
        (conf / name).mkdir(parents=True)
    (conf / "env" / "local.yml").write_text("warehouse: warehouse\n")
    (conf / "shop" / "lakehouse.yml").write_text("name: shop\ndescription: Parcels.\n")
    (conf / "shop" / "sources" / "parcels.yml").write_text(SOURCE)
    (conf / "shop" / "features" / "courier_days.yml").write_text(FEATURES)
    (conf / "shop" / "models" / "late.yml").write_text(MODEL.replace("PROMOTE", promote))
    return Parcels(open_lakehouse(conf / "shop"))


def rows(nights: Sequence[datetime], each: int, seed: int) -> list[dict[str, Any]]:
    """Parcels of some nights: heavy ones, and those of one courier, are late more often. Some values are missing."""
    random = np.random.default_rng(seed)
    made = []
    for n in range(len(nights) * each):
        weight = None if random.random() < 0.1 else float(random.random() * 10)
        courier = int(random.integers(0, len(COURIERS)))
        stops = None if random.random() < 0.1 else int(random.integers(1, 9))
        odds = (weight or 0) / 10 + (courier == 1) * 0.5 + random.random()
        made.append(
            {
                "parcel": n + 1, "as_of": nights[n // each], "courier": COURIERS[courier], "weight": weight,
                "stops": stops, "courier_days__late_rate_7d": None if courier == 3 else courier * 0.25,
                "heavy": None if weight is None else weight * 2, "many": stops, "label": bool(odds > 1.1),
            }
        )  # fmt: skip
    return made


INPUTS = (
    "parcel int, courier string, weight double, stops int, as_of timestamp, courier_days__late_rate_7d double, "
    "heavy double, many int"
)


def write_training(shop: Parcels, as_of: datetime, *, days: int = 20, each: int = 100, seed: int = 1) -> None:
    """The training set as of a night, the labels known a day after."""
    found = rows([as_of - timedelta(days=day) for day in range(2, days + 2)], each, seed)
    known = [{**row, "label_known_at": row["as_of"] + timedelta(days=1), "training_as_of": as_of} for row in found]
    schema = f"{INPUTS}, label boolean, label_known_at timestamp, training_as_of timestamp"
    _write(shop, "gold.late_training", known, schema, training_as_of=[as_of])


def write_inputs(shop: Parcels, nights: Sequence[datetime], *, each: int = 50, seed: int = 2) -> None:
    """The inputs of some nights, on record as done; and in silver what became of them, known a day later.

    The first row of each night is of a courier that no training has seen.
    """
    found = rows(nights, each, seed)
    for row in found[::each]:
        row["courier"] = "new"
    given = [{**row, "feature_versions": {"courier_days": 3}} for row in found]
    schema = f"{INPUTS}, feature_versions map<string, bigint>"
    version = _write(shop, "gold.late_inputs", given, schema, as_of=list(nights))
    for night in nights:
        key = datasets._key("scoring_set", shop.lakehouse.config.models["late"], night)
        target = Target("late", key, "gold.late_inputs", version)
        run_stage(shop.lakehouse, "scoring_set", night, partial(_done, target))
    silver = [
        {**row, "day": row["as_of"], "late": row["label"], "valid_from": row["as_of"] + timedelta(days=1)}
        for row in found
    ]
    schema = (
        "parcel int, day timestamp, courier string, weight double, stops int, late boolean, valid_from timestamp, "
        "valid_to timestamp"
    )
    _write(shop, "silver.parcels__history", silver, schema, day=list(nights))


def _done(target: Target, outcome: Outcome) -> None:
    outcome.targets.append(target)


def _write(
    shop: Parcels, table: str, literal: Sequence[Mapping[str, Any]], schema: str, **slice_of: Sequence[object]
) -> int:
    """Replace the slices of some nights; returns the table's version."""
    made = local_frame(shop.lakehouse.spark, literal, schema).coalesce(1)
    return shop.lakehouse.tables.replace(table, made, slice_of=slice_of).version


def register_version(shop: Parcels, as_of: datetime, *, passed: bool = True, seed: int = 1) -> Registered:
    """Trees of a few rows in the registry, without a training."""
    import mlflow

    found = rows([as_of], 200, seed)
    matrix = np.array([[row["weight"], row["heavy"]] for row in found], np.float64)
    data = xgb.DMatrix(matrix, [int(row["label"]) for row in found], nthread=1)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, 3)
    columns = {"weight": "double", "heavy": "double"}
    about = {"as_of": as_of.isoformat(), "run_id": f"run-{as_of.day}", "columns": columns}
    trained = Artifact("late", bytes(booster.save_raw("ubj")), 2, Inputs(("weight", "heavy"), {}), about)
    client, model = connect(shop.lakehouse), shop.lakehouse.config.models["late"]
    experiment = _experiment(shop.lakehouse, client, registered_name(shop.lakehouse, model))
    gates = [GateResult("auc", 0.7, "at least 0.6", passed, "auc is 0.7000, at least 0.6 is asked")]
    with mlflow.start_run(experiment_id=experiment):
        made = register(shop.lakehouse, model, trained, {"rows": 200, "auc": 0.7}, gates)
    settle(shop.lakehouse, model, made.version)
    return made
