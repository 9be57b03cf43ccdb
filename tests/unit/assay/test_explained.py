"""Errors of the disk and of Spark, told with the table that they are about."""

import errno
import os

import pytest
from pyspark.errors import PySparkException

from assay.errors import ContractError, TableError
from assay.explained import explaining

ROOT = "s3a://bucket/warehouse/tiny"


def told(error: Exception) -> tuple[str, str, object]:
    """What, where and found, of an error in the stage silver."""
    with pytest.raises(TableError) as caught, explaining(ROOT, "stage silver"):
        raise error
    return caught.value.what, caught.value.where, caught.value.found


def test_a_full_disk() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{ROOT}/silver/readings__history/part-1.parquet")
    assert told(full)[:2] == ("There is no room left to write.", "silver.readings__history (stage silver)")
    java = PySparkException(
        message="[TASK_WRITE_FAILED]\n\tat x.y\nCaused by: java.io.IOException: No space left on device"
    )
    assert told(java) == (
        "There is no room left to write.", "stage silver", "Caused by: java.io.IOException: No space left on device",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("message", "what", "found"),
    [
        (
            f"[FAILED_READ_FILE.FILE_NOT_EXIST] Error while reading file {ROOT}/bronze/readings/batch=1/part-0.parquet. File gone",
            "A file of the table bronze.readings is gone.", "batch=1/part-0.parquet",
        ),
        (
            f"[FAILED_READ_FILE.NO_HINT] Error while reading file {ROOT}/bronze/readings/part-0.parquet.  SQLSTATE: KD001",
            "A file of the table bronze.readings cannot be read.", "part-0.parquet",
        ),
        (
            f"[FAILED_READ_FILE.NO_HINT] Error while reading file {ROOT}/ops/runs/_delta_log/0001.json.  SQLSTATE: KD001",
            "The log of the table ops.runs cannot be read.", "_delta_log/0001.json",
        ),
        (
            f"[DELTA_TRUNCATED_TRANSACTION_LOG] {ROOT}/gold/x/_delta_log/0000.json: Unable to reconstruct state",
            "The log of the table gold.x cannot be read.", "_delta_log/0000.json",
        ),
    ],
)  # fmt: skip
def test_a_damaged_table(message: str, what: str, found: str) -> None:
    place = what.replace(".", " ").split("table ")[1].split()[:2]
    assert told(PySparkException(message=message)) == (what, f"{ROOT}/{'/'.join(place)}", found)


def test_others_keep_their_first_lines_and_errors_of_assay_pass() -> None:
    assert told(PySparkException(message="[DIVIDE_BY_ZERO] no\n\nJVM stacktrace:\n\tat x")) == (
        "Spark failed.", "stage silver", "[DIVIDE_BY_ZERO] no",
    )  # fmt: skip
    assert told(ConnectionError("refused")) == ("A file or a service cannot be reached.", "stage silver", "refused")
    with pytest.raises(ContractError), explaining(ROOT, "stage silver"):
        raise ContractError("It breaks.")
