"""How to fit a model: by Spark tasks or in this process, and whether there is memory for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from pyspark.sql import SparkSession

from assay.config import Model
from assay.errors import ModelError
from model.inputs import Inputs

SPARK_CELL, NATIVE_CELL, ROW = 28, 10, 40
"""Bytes of a number with Spark's tasks and in this process, and of a row beside them; as measured, rounded up."""
SHARE = 0.5
"""Of the free memory that training may take."""


@dataclass(frozen=True)
class Plan:
    """How to fit."""

    path: str
    """`spark` or `native`."""

    external: bool
    """Of the native path: keep rows on disk."""

    why: str


def plan(spark: SparkSession, model: Model, inputs: Inputs, rows: int) -> Plan:
    """Choose how to fit a model on some rows.

    In this process, where Spark is on this machine too and one worker is asked for: it needs a third of the memory and
    half of the time. Where even that is more than half of the free memory, rows stay on disk.

    Raises:
        ModelError: There are fewer slots than workers, a worker's rows do not fit into its memory, or rows of a cluster
            would have to come into this process.
    """
    settings, master = model.xgboost, str(spark.sparkContext.master)
    local = master.startswith("local")
    cells = rows * len(inputs.names)
    native, each = cells * NATIVE_CELL + rows * ROW, (cells * SPARK_CELL + rows * ROW) // settings.workers
    wants_spark = settings.path == "spark" or settings.workers > 1 or (settings.path == "auto" and not local)
    if not wants_spark and not local:
        raise ModelError(
            f"{model.name} cannot train in this process.", where=model.at("xgboost", "path"),
            found=f"Spark at {master}, whose tasks have the rows", expected="a local Spark",
            do="set xgboost.path to auto or spark",
        )  # fmt: skip
    if settings.path == "native" and settings.workers > 1:
        raise ModelError(
            f"{model.name} cannot train with workers in this process.", where=model.at("xgboost", "workers"),
            found=f"{settings.workers} workers", expected="1", do="set xgboost.path to auto or spark",
        )  # fmt: skip
    free = free_memory()
    told = f"{rows:,} rows of {len(inputs.names)} inputs"
    if not wants_spark:
        external = native > free * SHARE
        size = f"about {_mb(native)} of {_mb(free)} free memory"
        return Plan("native", external, f"{told}, {size}{', more than half: rows stay on disk' if external else ''}")
    _check_slots(spark, model)
    limit = int(free * SHARE) // settings.workers if local else _executor_memory(spark)
    if limit is not None and each > limit:
        raise ModelError(
            f"A worker of {model.name} has not enough memory for its rows.", where=model.at("xgboost", "workers"),
            found=f"{told} for {settings.workers} workers: about {_mb(each)} each", expected=f"at most {_mb(limit)}",
            do="use more workers on more machines, a shorter train.window, or xgboost.path: native on one machine",
        )  # fmt: skip
    asked = "path: spark" if settings.path == "spark" else "Spark is a cluster" if not local else ""
    asked = f"{settings.workers} workers" if settings.workers > 1 else asked
    memory = (
        f" of {_mb(limit)}" if limit is not None else "; no limit is known: spark.executor.pyspark.memory is not set"
    )
    return Plan("spark", external=False, why=f"{asked}; {told}, about {_mb(each)} a worker{memory}")


def free_memory(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process may still take: what the machine has free, and no more than a container's limit leaves.

    What a container holds is told as Kubernetes tells it: without the files that Linux has cached and can let go.

    Args:
        groups: Where Linux shows the limits of the control group (version 2) that a container runs in.
    """
    free: int = psutil.virtual_memory().available
    try:
        limit = int((groups / "memory.max").read_text())  # "max" where there is none
        held = int((groups / "memory.current").read_text())
        stat = dict(line.split() for line in (groups / "memory.stat").read_text().splitlines())
        held -= int(stat["inactive_file"])
    except (OSError, ValueError, KeyError):
        return free
    return max(0, min(free, limit - held))


def _check_slots(spark: SparkSession, model: Model) -> None:
    """XGBoost's workers run all at once or not at all."""
    context: Any = spark.sparkContext._jsc.sc()  # the only one who knows
    profile = context.resourceProfileManager().defaultResourceProfile()
    slots = int(context.maxNumConcurrentTasks(profile))
    if model.xgboost.workers > slots:
        raise ModelError(
            f"Training {model.name} asks for more workers than Spark has slots.",
            where=model.at("xgboost", "workers"), found=f"{model.xgboost.workers} workers", expected=f"at most {slots}",
            do="lower workers, or give Spark more cores",
        )  # fmt: skip


def _executor_memory(spark: SparkSession) -> int | None:
    """Of a worker of a cluster: its part of what an executor's Python may take; None where nothing says how much."""
    conf = spark.sparkContext.getConf()
    given = conf.get("spark.executor.pyspark.memory")
    if given is None:
        return None
    java: Any = spark.sparkContext._jvm  # Spark's own way to read sizes
    size = java.org.apache.spark.network.util.JavaUtils.byteStringAsBytes(given)
    return int(size) // int(conf.get("spark.executor.cores") or 1)


def _mb(size: int) -> str:
    return f"{size / 2**20:,.0f} MB"
