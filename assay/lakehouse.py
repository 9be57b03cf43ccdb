"""A lakehouse that is open: its configuration, its Spark session, its tables."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.config import Environment, LakehouseConfig, load_environment, load_lakehouse
from assay.control import Control
from assay.known import Known, SeenLeases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from assay.tables import Tables


@dataclass(frozen=True)
class Lakehouse:
    """What every stage is given.

    Args:
        conf_dir: The configuration folder.
        config: All of its YAML, typed.
        environment: Where it runs.
    """

    conf_dir: Path
    config: LakehouseConfig
    environment: Environment
    leases: set[str] = field(default_factory=set)
    """Stages that this process holds the lease of."""
    seen_leases: list[SeenLeases] = field(default_factory=list)
    """What this process has last seen of the table of leases, if anything; for `assay.lease` alone."""
    known: list[Known] = field(default_factory=list)
    """What this process has last read of the ledger, if anything; for `assay.ledger` alone."""
    definitions: list[tuple[int, Any]] = field(default_factory=list)
    """What this process has last read of the feature tables' definitions; for `gold.definitions` alone."""
    control: Control = field(default_factory=Control)
    """How the stages of this process are ended from outside."""

    @property
    def name(self) -> str:
        """The lakehouse's name."""
        return self.config.name

    @property
    def time_zone(self) -> str:
        """Zone of times in sources that carry none."""
        return self.config.file.time_zone

    @cached_property
    def root(self) -> str:
        """Folder or URI of the lakehouse in the warehouse; a relative one lies beside the `conf` folder."""
        warehouse = self.environment.warehouse
        if ":" not in warehouse.partition("/")[0]:
            warehouse = str(self.conf_dir.resolve().parent.parent / warehouse)
        return f"{warehouse.rstrip('/')}/{self.name}"

    @property
    def landing(self) -> str:
        """Folder or URI that sources' globs are relative to."""
        return self.environment.landing or self.root

    @cached_property
    def spark(self) -> "SparkSession":
        """The session, started when first needed."""
        from assay.session import session

        return session(self.environment)

    @cached_property
    def tables(self) -> "Tables":
        """The Delta tables."""
        from assay.tables import Tables

        return Tables(self.spark, self.root)

    def folder(self, name: str) -> Path:
        """A local folder for files that tools write themselves (`reports`, `mlflow`, `feast`), made if need be."""
        path = self.place(name)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def place(self, name: str) -> Path:
        """Where such a folder is or would be."""
        base = Path(self.root.removeprefix("file://").removeprefix("file:"))
        if ":" in self.root.partition("/")[0] and not self.root.startswith("file:"):
            base = self.conf_dir.resolve().parent.parent / "warehouse" / self.name
        return base / name


def open_lakehouse(conf_dir: str | Path, environment: str = "local") -> Lakehouse:
    """Read and check the configuration; nothing else is started.

    Raises:
        ConfigError: The configuration is wrong.
    """
    folder = Path(conf_dir)
    return Lakehouse(folder, load_lakehouse(folder), load_environment(folder, environment))
