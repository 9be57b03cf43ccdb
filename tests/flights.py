"""Lakehouses of real flights, thinned, with a model that learns from few days in little time."""

import csv
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from assay.copies import point
from assay.lakehouse import Lakehouse, open_lakehouse
from demo.replay import replay

CONF = Path(__file__).parents[1] / "conf"
ONE_IN = 6
"""Flights whose number is a multiple of this are kept: about 140 a day."""


def new_flights(folder: Path) -> Lakehouse:
    """Flights of January and half of February delivered, and nothing done."""
    _configure(folder)
    deliver(folder / "warehouse" / "flights" / "landing", date(2013, 1, 1), date(2013, 2, 14))
    return open_lakehouse(folder / "conf" / "flights")


def copy_of_flights(made: Path, folder: Path) -> Lakehouse:
    """A copy, in a folder that is there, of flights that some nights have run of.

    Args:
        made: Their folder, and in its file `where` the root that they were made in.
        folder: The copy's.
    """
    shutil.copytree(made, folder, dirs_exist_ok=True)
    lakehouse = open_lakehouse(folder / "conf" / "flights")
    point(Path(lakehouse.root) / "mlflow" / "mlflow.db", (made / "where").read_text(), lakehouse.root)
    return lakehouse


def deliver(landing: Path, first: date, last: date) -> None:
    """Deliver what there is of some days, thinned."""
    replay(landing, first, last)
    for path in [*landing.glob("schedule/*.csv"), *landing.glob("outcomes/*.csv")]:
        _thin(path)


def edit(path: Path, **changes: Any) -> None:
    """Change some keys of a file."""
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes, sort_keys=False))


def _configure(folder: Path) -> None:
    shutil.copytree(CONF / "flights", folder / "conf" / "flights")
    (folder / "conf" / "env").mkdir()
    (folder / "conf" / "env" / "local.yml").write_text("warehouse: warehouse\n")
    edit(folder / "conf" / "flights" / "lakehouse.yml", dbt=None)
    model = folder / "conf" / "flights" / "models" / "late_arrival.yml"
    quick = yaml.safe_load(model.read_text())["xgboost"] | {"rounds": 10, "min_child_weight": 5}
    edit(
        model,
        split={"validation": "2d", "holdout": "2d"},
        train={"every": "7d", "window": "12d"},
        gates={"auc": {"min": 0.01}},
        xgboost=quick,
    )


def _thin(path: Path) -> None:
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or ())
        rows = [row for row in reader if int(row["flight"]) % ONE_IN == 0]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
