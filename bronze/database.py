"""A PostgreSQL, asked by the driver that Spark reads it with; what it says of errors is told without any secret."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

from assay.config import Source
from assay.config.environment import Connection
from assay.config.origins import Jdbc
from assay.errors import AssayError, ConfigError, SourceError, nearest
from assay.lakehouse import Lakehouse

DRIVER = "org.postgresql.Driver"
SESSION = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1"
"""So that a value has one text, whatever the server's settings."""

_CLASSES = {
    "bool": "boolean", "float4": "floating", "float8": "floating", "numeric": "decimal", "date": "date",
    "timestamp": "timestamp", "timestamptz": "timestamp", "time": "time", "timetz": "time", "bytea": "binary",
    **dict.fromkeys(("int2", "int4", "int8", "smallserial", "serial", "bigserial"), "integer"),
}  # fmt: skip

_MEANINGS = (
    ("08", "The database of source {name} cannot be reached.", "see that the server runs and that the address is right"),
    ("28", "The database of source {name} refuses the user.", "see that the variables of the user and the password are right"),
    ("3D000", "The database of source {name} does not exist on its server.", "correct the connection's url"),
    ("42P01", "The table of source {name} does not exist.", "correct from.table: the schema and the case count"),
    ("3F000", "The table of source {name} does not exist.", "correct from.table: the schema and the case count"),
    ("42703", "A column of the table of source {name} does not exist.", "correct from.cursor, or the contract's columns"),
    ("42501", "The table of source {name} may not be read.", "let the user of the connection read it"),
)  # fmt: skip
"""Beginning of an SQLSTATE, what it means, and what to do. What the server says itself may have secrets in it."""


@dataclass(frozen=True)
class Database:
    """An open connection of the driver process."""

    source: Source
    connection: Any

    def ask(self, query: str) -> tuple[str | None, ...]:
        """The only row of a query, as text."""
        statement = self.connection.createStatement()
        try:
            found = statement.executeQuery(query)
            found.next()
            return tuple(found.getString(place + 1) for place in range(found.getMetaData().getColumnCount()))
        finally:
            statement.close()

    def types(self, query: str) -> dict[str, str]:
        """The columns of a query and the database's name for the type of each."""
        statement = self.connection.createStatement()
        try:
            found = statement.executeQuery(query).getMetaData()
            return {found.getColumnName(n): found.getColumnTypeName(n) for n in range(1, found.getColumnCount() + 1)}
        finally:
            statement.close()


def origin_of(source: Source) -> Jdbc:
    """What the contract says of its table."""
    assert isinstance(source.come_from, Jdbc)  # noqa: S101  # the registry gives this kind no others
    return source.come_from


def name_of(source: Source) -> str:
    """How the table is named in bronze, `ops.files` and messages: without its address."""
    come_from = origin_of(source)
    return f"{come_from.jdbc}/{come_from.table}"


def connection_of(lakehouse: Lakehouse, source: Source) -> Connection:
    """The environment's connection that a contract names.

    Raises:
        ConfigError: There is none of that name, or it is to no PostgreSQL.
    """
    name, known = origin_of(source).jdbc, lakehouse.environment.connections
    if name not in known:
        raise ConfigError(
            f"There is no connection {name!r} in environment {lakehouse.environment.name}.",
            where=source.at("from", "jdbc"), found=name, expected=nearest(name, known) if known else "connections",
            do=f"add it to {lakehouse.environment.at('connections')}",
        )  # fmt: skip
    if not known[name].url.get_secret_value().startswith("jdbc:postgresql:"):
        raise ConfigError(
            f"The address of connection {name} is of no database that is known.",
            where=lakehouse.environment.at("connections", name, "url"), expected="jdbc:postgresql://host:5432/database",
        )  # fmt: skip
    return known[name]


def check_connections(lakehouse: Lakehouse) -> None:
    """See that the environment has the connections that contracts name; nothing is connected to."""
    for source in lakehouse.config.sources.values():
        if isinstance(source.come_from, Jdbc):
            connection_of(lakehouse, source)


def options_of(connection: Connection) -> dict[str, str]:
    """Settings of Spark's reader for a connection."""
    given = {"user": connection.user, "password": connection.password}
    secrets = {name: value.get_secret_value() for name, value in given.items() if value is not None}
    return {
        "url": connection.url.get_secret_value(), "driver": DRIVER, "fetchsize": "1000",
        "sessionInitStatement": SESSION, "connectTimeout": "10", "ApplicationName": "assay", **secrets,
    }  # fmt: skip


@contextmanager
def connected(lakehouse: Lakehouse, source: Source) -> Iterator[Database]:
    """The database of a source; what goes wrong inside is told as a SourceError without a secret."""
    options = options_of(connection_of(lakehouse, source))
    jvm: Any = lakehouse.spark._jvm
    if not isinstance(jvm.org.postgresql.Driver, type(jvm.java.util.Properties)):
        raise ConfigError(
            "Spark does not have PostgreSQL's JDBC driver.", where=f"environment {lakehouse.environment.name}",
            do="run make setup, or give spark-submit --jars with the jars of .venv/jars",
        )  # fmt: skip
    properties = jvm.java.util.Properties()
    for name in ("user", "password", "connectTimeout", "ApplicationName"):
        if name in options:
            properties.setProperty(name, options[name])
    connection = None
    try:
        connection = jvm.org.postgresql.Driver().connect(options["url"], properties)
        statement = connection.createStatement()
        statement.execute(SESSION)
        yield Database(source, connection)
    except Py4JJavaError as error:
        raise database_error(lakehouse, source, state_of(error), message_of(error)) from None
    finally:
        if connection is not None:
            connection.close()


def state_of(error: Exception) -> str:
    """The SQLSTATE of an error of the driver's, also where Spark tells it as the cause of its own; else nothing."""
    cause = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    while cause is not None:
        if "SQLException" in cause.getClass().getName():
            return str(cause.getSQLState())
        if "PSQLException: " in str(cause.getMessage()):  # of a task: it comes to the driver process as text alone
            return "unknown"
        cause = cause.getCause()
    return ""


def message_of(error: Exception) -> str:
    """What an error says on the line that tells of the database, or on its first."""
    lines = str(error).splitlines()
    return next((line for line in lines if "SQLException" in line), lines[0]).rpartition("SQLException: ")[2]


def database_error(lakehouse: Lakehouse, source: Source, state: str, message: str) -> AssayError:
    """The error for an SQLSTATE; the server's words only where they are about the query, and without secrets."""
    where = f"{name_of(source)} against {source.at('from')}"
    for begin, what, do in _MEANINGS:
        if state.startswith(begin):
            return SourceError(what.format(name=source.name), where=where, found=f"SQLSTATE {state}", do=do)
    return SourceError(
        f"The database of source {source.name} failed.", where=where,
        found=f"SQLSTATE {state}: {without_secrets(connection_of(lakehouse, source), message)}", do="run bronze again",
    )  # fmt: skip


def without_secrets(connection: Connection, text: str) -> str:
    """A text in which no value of a connection can be read."""
    for value in (connection.url, connection.password, connection.user):
        if value is not None and value.get_secret_value():
            text = text.replace(value.get_secret_value(), "***")
    return text


def classes_of(types: Mapping[str, str]) -> dict[str, str]:
    """The class of each column, as of a typed file's."""
    return {name: "nested" if kind.startswith("_") else _CLASSES.get(kind, "string") for name, kind in types.items()}


def quoted_name(name: str) -> str:
    """A column, or a table with its schema, as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted_table(table: str) -> str:
    """A table with or without its schema."""
    return ".".join(quoted_name(part) for part in table.split("."))


def quoted_text(text: str) -> str:
    """A literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def must_have(source: Source, column: str, known: Sequence[str]) -> None:
    """See that the table has the cursor's column."""
    if column not in known:
        raise SourceError(
            f"The table of source {source.name} does not have its cursor.",
            where=f"{name_of(source)} against {source.at('from', 'cursor')}",
            found="columns " + ", ".join(known), expected=f"{column} ({nearest(column, known)})",
            do="correct from.cursor, as the database spells it",
        )  # fmt: skip
