"""Spark's own process, for what its Python side does not offer."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from pyspark.sql import SparkSession


def java_class(spark: SparkSession, name: str) -> Any:
    """A class of Spark's process, by its full name.

    It is looked for once and as a whole. Of `spark._jvm.org.apache.Some`, each part is first taken for a class and
    looked for in every jar: of a night of small tables, that was a twelfth of the time.
    """
    return _class(spark._jvm, name)


@cache
def _class(jvm: Any, name: str) -> Any:
    return getattr(jvm, name)


def no_option(spark: SparkSession) -> Any:
    """Scala's None."""
    return java_class(spark, "scala.Option").empty()


def delta_log(spark: SparkSession, path: str) -> Any:
    """Delta's log of the table at a path, as it is kept in memory."""
    return java_class(spark, "org.apache.spark.sql.delta.DeltaLog").forTable(spark._jsparkSession, path)


def as_java(spark: SparkSession, collection: Any) -> Any:
    """A collection of Scala's as one of Java's, over which Python iterates."""
    return java_class(spark, "scala.jdk.javaapi.CollectionConverters").asJava(collection)


@contextmanager
def silent(spark: SparkSession) -> Iterator[None]:
    """What Scala prints meanwhile on this process's standard output, where a command's answer goes, is heard by nobody."""
    console = getattr(java_class(spark, "scala.Console$"), "MODULE$")
    before = console.out()
    console.setOutDirect(
        java_class(spark, "java.io.PrintStream")(java_class(spark, "java.io.OutputStream").nullOutputStream())
    )
    try:
        yield
    finally:
        console.setOutDirect(before)
