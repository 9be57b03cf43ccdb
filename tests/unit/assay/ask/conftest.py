"""A lakehouse of two small Delta tables, written without Spark."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from assay.lakehouse import Lakehouse, open_lakehouse


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """`gold.routes`, two versions, and `silver.readings`."""
    folder = tmp_path_factory.mktemp("asked")
    (folder / "conf" / "env").mkdir(parents=True)
    (folder / "conf" / "env" / "local.yml").write_text("warehouse: warehouse\n")
    (folder / "conf" / "tiny").mkdir()
    (folder / "conf" / "tiny" / "lakehouse.yml").write_text("name: tiny\ndescription: No source.\n")
    lakehouse = open_lakehouse(folder / "conf" / "tiny")
    routes = pa.table(
        {"dest": ["BOS", None, "=x"], "flights": pa.array([1, 20, 300], pa.int32()), "rate": [0.5, None, 1]}
    )
    readings = {"k": [1, 1], "valid_from": [datetime(2013, 3, 1)] * 2, "valid_to": [datetime(2013, 3, 2), None]}  # noqa: DTZ001  # Delta's without a zone
    write_deltalake(f"{lakehouse.root}/gold/routes", routes)
    write_deltalake(f"{lakehouse.root}/gold/routes", routes.slice(0, 1), mode="append")
    Path(f"{lakehouse.root}/silver").mkdir()
    write_deltalake(f"{lakehouse.root}/silver/readings__history", pa.table(readings))
    return lakehouse
