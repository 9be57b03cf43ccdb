"""An environment: which Spark, which storage, which MLflow; `conf/env/<name>.yml`."""

from pydantic import Field, SecretStr

from assay.config.alerts import Alerts
from assay.config.base import Config, Document, Identifier


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
