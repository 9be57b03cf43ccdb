"""An environment: which Spark, which storage, which MLflow; `conf/env/<name>.yml`."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from assay.config.alerts import Alerts
from assay.config.base import Config, Document, Identifier


def _textfile(path: str) -> str:
    if not path.startswith("/") or not path.endswith(".prom") or "\0" in path:
        raise ValueError(f"{path!r} is not a whole path that ends in .prom, which is what node_exporter reads")
    return path


class Spark(Config):
    """The Spark that does the work."""

    master: str | None = "local[*]"
    """Spark's master; null when `spark-submit` or the platform decides."""

    conf: dict[str, str | int | float | bool] = {}
    """Further Spark settings."""


class MLflow(Config):
    """Where runs and models are kept."""

    tracking_uri: str | None = None
    """A server's address; by default SQLite and files in the lakehouse's `mlflow` folder."""


class Connection(Config):
    """A database that sources are read from. No value of it is ever shown."""

    url: SecretStr
    """Its JDBC address, `jdbc:postgresql://host:5432/shop`."""

    user: SecretStr | None = None
    """`"${SHOP_USER}"`: from an environment variable, never written here."""

    password: SecretStr | None = None
    """`"${SHOP_PASSWORD}"`: from an environment variable, never written here."""


class Metrics(Config):
    """Numbers of the last night, for Prometheus."""

    textfile: Annotated[str, AfterValidator(_textfile)] | None = None
    """The file that a night writes at its end, in the folder that node_exporter's textfile collector reads, or that
    `assay metrics --serve` does: `/var/lib/node_exporter/assay_flights.prom`. None by default."""


class Prices(Config):
    """What this Spark costs, for the estimates of `assay runs` and of the report."""

    core_hour: Annotated[float, Field(gt=0)]
    """The price of a core for an hour, as 0.05: what your provider asks for a machine an hour, by its cores."""

    currency: Annotated[str, Field(min_length=1, max_length=8)] = "USD"
    """As it is shown."""

    def of(self, cpu_seconds: float) -> float:
        """The price of some CPU seconds."""
        return cpu_seconds / 3600 * self.core_hour


class SqlServer(Config):
    """Who may ask the tables by JDBC or ODBC while `assay sql-server` runs."""

    user: Annotated[str, Field(min_length=1)]
    """The name to connect with; every tool may use the same."""

    password: Annotated[SecretStr, Field(min_length=8)]
    """`"${ASSAY_SQL_PASSWORD}"`, of 8 characters at least: from an environment variable, never written here."""


class Environment(Document):
    """Where a lakehouse runs. `${NAME}` in any text is replaced by the environment variable."""

    name: Identifier
    """The file's name without `.yml`."""

    description: str = ""
    """For people."""

    warehouse: str = "warehouse"
    """Folder or URI (`file:`, `s3a:`, `abfss:`, `gs:`) that holds a folder per lakehouse."""

    landing: str | None = None
    """Folder or URI that sources' globs are relative to; by default the lakehouse's own folder."""

    spark: Spark = Field(default=Spark())
    """The Spark that does the work."""

    mlflow: MLflow = Field(default=MLflow())
    """Where runs and models are kept."""

    connections: dict[Identifier, Connection] = {}
    """Databases, by the name that contracts give in `from.jdbc`."""

    alerts: Alerts = Field(default=Alerts())
    """Who is told when something is wrong."""

    prices: Prices | None = None
    """What this Spark costs; by default no run is said to cost anything."""

    metrics: Metrics = Field(default=Metrics())
    """Numbers of the last night, for Prometheus."""

    sql_server: SqlServer | None = None
    """Who may ask the tables by JDBC or ODBC; nobody by default, and there is no server then."""
