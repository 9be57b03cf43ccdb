"""Starts and ends the server inside this process's Spark.

Every connection has a session of its own on the same catalog. Hive's server asks a Java class for the password, and Spark's
sessions have a parser that a Java class can stand before: both are in this folder, as text, and are compiled when the server
starts, by Janino, with which Spark compiles its own plans.
"""

import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from assay.config.environment import SqlServer
from assay.errors import ConfigError
from assay.java import java_class
from assay.sql_query import STEPS
from assay.tables import SCHEMAS

STATEMENTS = frozenset({
    "CurrentNamespace$", "DescribeColumn", "DescribeDeltaHistory", "DescribeFunction", "DescribeNamespace",
    "DescribeQueryCommand", "DescribeRelation", "ExplainCommand", "SetCatalogAndNamespace", "ShowCatalogsCommand",
    "ShowColumns", "ShowCurrentNamespaceCommand", "ShowFunctions", "ShowNamespacesCommand", "ShowTables", "ShowViews",
    "UnresolvedFunctionName", "UnresolvedNamespace", "UnresolvedTable", "UnresolvedTableOrView",
})  # fmt: skip
"""What a client may say beside queries, as Spark's parser names it."""
READING = STEPS | STATEMENTS | {"LimitAll", "RelationTimeTravel", "Sample", "WithWindowDefinition"}
REFUSED = frozenset({"java_method", "reflect", "try_reflect"})
"""Functions that call any method of Java."""

_ADDRESS = ("HIVE_SERVER2_THRIFT_BIND_HOST", "HIVE_SERVER2_THRIFT_PORT")
"""Environment variables that Hive's server would rather listen at."""
_TALKATIVE = ("org.apache.thrift", "org.apache.hive.service", "org.apache.spark.sql.hive.thriftserver")
"""They log what they answer a client anyway: that its password is wrong, that its statement is none."""


def check_address(host: str, port: int) -> None:
    """Whether the server can listen there, and whether only this machine reaches it: passwords and answers are not encrypted.

    Raises:
        ConfigError: It is another's address, or in use, or Hive has been told another one.
    """
    try:
        is_local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_local = False
    if not is_local:
        raise ConfigError(
            "The server listens at this machine's own addresses alone.", where="--host", found=host,
            expected="127.0.0.1, ::1 or localhost", do="from elsewhere, connect through a tunnel: ssh -L 10000:localhost:10000",
        )  # fmt: skip
    if given := [name for name in _ADDRESS if name in os.environ]:
        raise ConfigError("Hive's own variables say where to listen.", found=", ".join(given), do="unset them")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        found = f"{host}:{port}: {getattr(error, 'strerror', None) or error}"
        raise ConfigError("The port cannot be listened at.", where="--port, --host", found=found) from error


@contextmanager
def serving(spark: SparkSession, login: SqlServer, host: str, port: int, scratch: Path) -> Iterator[int]:
    """A server that answers inside the block; gives the port.

    Args:
        spark: The session whose catalog knows the tables.
        login: Who may connect.
        host: The address to listen at.
        port: The port; 0 for a free one.
        scratch: A folder for what Hive writes of its sessions.
    """
    thread = java_class(spark, "java.lang.Thread").currentThread()
    before = thread.getContextClassLoader()
    loader = _compiled(spark, before, "Login", "ReadOnly")
    _call(spark, loader, "assay.Login", "expect", login.user, login.password.get_secret_value())
    lists = [_set(spark, names) for names in (READING, [*SCHEMAS, "default"], REFUSED)]
    extensions: Any = spark._jsparkSession.extensions()
    extensions.injectParser(_call(spark, loader, "assay.ReadOnly", "parsers", *lists))
    _configure(spark, {
        "hive.server2.authentication": "CUSTOM",
        "hive.server2.custom.authentication.class": "assay.Login",
        "hive.server2.thrift.bind.host": host,
        "hive.server2.thrift.port": str(port),
        "hive.server2.transport.mode": "binary",
        "hive.server2.enable.doAs": "false",  # everybody reads as who runs assay
        "hive.server2.logging.operation.enabled": "false",
        "hive.exec.scratchdir": str(scratch / "scratch"),
        "hive.exec.local.scratchdir": str(scratch / "local"),
        "hive.downloaded.resources.dir": str(scratch / "resources"),
        "hive.internal.ss.authz.settings.applied.marker": "true",  # else who lists columns starts a metastore of Hive's
        "derby.stream.error.file": str(scratch / "derby.log"),  # as who asks for keys does: in memory, and empty
    })  # fmt: skip
    thread.setContextClassLoader(loader)  # the server's threads inherit it, and look for Login there
    try:
        thrift = java_class(spark, "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2")
        server = thrift.startWithSparkSession(spark._jsparkSession, False)  # an error does not end Java
    finally:
        thread.setContextClassLoader(before)
    try:
        yield next(
            int(one.getPortNumber()) for one in server.getServices() if one.getName() == "ThriftBinaryCLIService"
        )
    finally:
        server.stop()


def _compiled(spark: SparkSession, loader: Any, *names: str) -> Any:
    """A loader of classes of this folder, and of all that another one knows."""
    for name in names:
        compiler = java_class(spark, "org.codehaus.janino.SimpleCompiler")()
        compiler.setParentClassLoader(loader)
        compiler.cook((Path(__file__).parent / f"{name}.java").read_text(encoding="utf-8"))
        loader = compiler.getClassLoader()
    return loader


def _call(spark: SparkSession, loader: Any, name: str, method: str, *arguments: Any) -> Any:
    """The answer of a static method of a class that only the loader knows."""
    given = java_class(spark, "java.util.ArrayList")()
    for argument in arguments:
        given.add(argument)
    methods = java_class(spark, "org.apache.commons.lang3.reflect.MethodUtils")
    return methods.invokeStaticMethod(loader.loadClass(name), method, given.toArray())


def _set(spark: SparkSession, names: Iterable[str]) -> Any:
    found = java_class(spark, "java.util.HashSet")()
    for name in names:
        found.add(name)
    return found


def _configure(spark: SparkSession, settings: Mapping[str, str]) -> None:
    """Settings of Hive's: those of Hadoop come first for its server, Java's properties for its classes; logs kept quiet."""
    hadoop: Any = spark.sparkContext._jsc.hadoopConfiguration()
    for name, value in settings.items():
        hadoop.set(name, value)
        java_class(spark, "java.lang.System").setProperty(name, value)
    off = java_class(spark, "org.apache.logging.log4j.Level").OFF
    for name in _TALKATIVE:
        java_class(spark, "org.apache.logging.log4j.core.config.Configurator").setLevel(name, off)
