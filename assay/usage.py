"""What a run costs: the CPU time of its processes, what it sends through shuffles, and what that is in money."""

import contextlib
from dataclasses import dataclass

import psutil
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from assay.java import as_java, java_class

_PATIENCE = 5_000
"""Milliseconds that Spark has for telling what its last tasks did."""


@dataclass(frozen=True)
class Usage:
    """What has been used since the beginning of a process, or between two moments."""

    cpu_seconds: float
    """Of this process, Spark's driver and all that they have started; of executors elsewhere, the time of their tasks."""
    shuffle_bytes: int
    """Written by tasks for others to read."""

    def since(self, before: "Usage") -> "Usage":
        """What was used after a moment."""
        return Usage(max(0.0, self.cpu_seconds - before.cpu_seconds), max(0, self.shuffle_bytes - before.shuffle_bytes))


def used(spark: SparkSession) -> Usage:
    """What this process and its Spark have used so far."""
    context = spark.sparkContext._jsc.sc()
    with contextlib.suppress(Py4JError):  # it is still being told: the rest counts for the next run
        context.listenerBus().waitUntilEmpty(_PATIENCE)
    executors = list(as_java(spark, context.statusStore().executorList(False)))
    elsewhere = sum(one.totalDuration() for one in executors if one.id() != "driver") / 1000
    return Usage(_cpu_here(spark) + elsewhere, sum(one.totalShuffleWrite() for one in executors))


def _cpu_here(spark: SparkSession) -> float:
    """CPU seconds of this process, of Java, which may be its child or its parent, and of all that they have started."""
    java = java_class(spark, "java.lang.ProcessHandle").current().pid()
    found = {}
    for root in (psutil.Process(), psutil.Process(java)):
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):  # it has just ended: its parent has its time
                found[process.pid] = sum(process.cpu_times()[:4])  # user, system, and both of children that have ended
    return sum(found.values())
