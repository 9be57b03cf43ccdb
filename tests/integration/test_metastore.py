"""A Hive metastore on PostgreSQL, named in an environment: other programs know the lakehouse's tables by name."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pyspark
import pytest
import yaml

import bronze.stage
from assay.lakehouse import Lakehouse
from assay.session import installed_jars
from tests.java import ENVIRONMENT

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
JARS = Path(pyspark.__file__).parent / "jars"
OPTION = "javax.jdo.option"
ANOTHER_PROGRAM = """
import json, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.config(map=json.load(sys.stdin)).getOrCreate()
rows = spark.sql("select station, hour from silver.readings order by hour").collect()
print(json.dumps([list(row) for row in rows]))
"""


class Postgres(Protocol):
    """What the fixture gives."""

    url: str
    password: str

    def execute(self, statements: str) -> None: ...


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


@pytest.fixture
def metastore(postgres: Postgres, tmp_path: Path) -> dict[str, str]:
    """The settings of a metastore whose tables are there, as Hive's schematool leaves them, with a password of its own."""
    postgres.execute(f"CREATE ROLE keeper LOGIN PASSWORD '{postgres.password}'")
    postgres.execute("CREATE DATABASE metastore OWNER keeper")
    settings = {
        f"{OPTION}.ConnectionURL": postgres.url.replace("/postgres", "/metastore"),
        f"{OPTION}.ConnectionDriverName": "org.postgresql.Driver",
        f"{OPTION}.ConnectionUserName": "keeper",
        f"{OPTION}.ConnectionPassword": postgres.password,
    }
    made = {
        **settings, "javax.jdo.PersistenceManagerFactoryClass": "org.datanucleus.api.jdo.JDOPersistenceManagerFactory",
        "datanucleus.identifierFactory": "datanucleus1", "datanucleus.rdbms.useLegacyNativeValueStrategy": "true",
    }  # fmt: skip
    (tmp_path / "jdo.properties").write_text("".join(f"{name}={value}\n" for name, value in made.items()))
    [hive] = JARS.glob("hive-metastore-*.jar")
    zipfile.ZipFile(hive).extract("package.jdo", tmp_path)
    tool = ["org.datanucleus.store.schema.SchemaTool", "-create", "-api", "JDO"]
    subprocess.run(
        ["java", "-cp", os.pathsep.join([f"{JARS}/*", *installed_jars()]), *tool, "-props", "jdo.properties", "package.jdo"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    return settings


def of(conf_dir: Path, settings: dict[str, str]) -> None:
    """Write the environment `shared` of a lakehouse: its names are kept in the metastore."""
    conf = {"spark.sql.catalogImplementation": "hive", "spark.hadoop.hive.metastore.schema.verification": False}
    conf |= {f"spark.hadoop.{name}": value for name, value in settings.items()}
    conf[f"spark.hadoop.{OPTION}.ConnectionPassword"] = "${METASTORE_PASSWORD}"
    env = {"warehouse": "warehouse", "spark": {"master": "local[1]", "conf": conf}}
    (conf_dir.parent / "env" / "shared.yml").write_text(yaml.safe_dump(env))


def assay(conf_dir: Path, password: str, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "assay.cli", *words, "--conf-dir", str(conf_dir), "--env", "shared"]
    environment = {**os.environ, **ENVIRONMENT, "METASTORE_PASSWORD": password, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=conf_dir, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_other_programs_know_the_tables_by_name(
    new_readings: Callable[[str], Readings], metastore: dict[str, str], postgres: Postgres, tmp_path: Path
) -> None:
    made = new_readings("first")
    conf_dir = made.lakehouse.conf_dir
    of(conf_dir, metastore)
    made.deliver("2013-03-01.csv", "station,hour,temp\na,1,7\na,2,8\n")
    night = assay(conf_dir, postgres.password, "nightly", "--as-of", f"{NIGHT:%Y-%m-%d}")
    assert night.returncode == 0, night.stderr

    jars = os.pathsep.join(installed_jars())
    settings = {
        "spark.master": "local[1]", "spark.driver.extraClassPath": jars, "spark.sql.catalogImplementation": "hive",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension", "spark.ui.enabled": "false",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.hadoop.hive.metastore.schema.verification": "false",
        **{f"spark.hadoop.{name}": value for name, value in metastore.items()},
    }  # fmt: skip
    other = subprocess.run(
        [sys.executable, "-c", ANOTHER_PROGRAM], input=json.dumps(settings), cwd=tmp_path, capture_output=True, text=True,
        check=False, env={**os.environ, **ENVIRONMENT}, timeout=300,
    )  # fmt: skip
    assert other.returncode == 0, other.stderr
    assert json.loads(other.stdout.splitlines()[-1]) == [["a", 1], ["a", 2]]

    second = new_readings("second")
    of(second.lakehouse.conf_dir, metastore)
    second.deliver("2013-03-01.csv", "station,hour,temp\nb,1,7\n")
    bronze.stage.run(second.lakehouse, NIGHT)
    refused = assay(second.lakehouse.conf_dir, postgres.password, "sql", "--engine", "spark", "select 1")
    assert refused.returncode == 5
    assert "The Hive metastore knows a table of another lakehouse by this name." in refused.stderr
    assert f"{made.lakehouse.root}/bronze/readings" in refused.stderr

    wrong = assay(conf_dir, "not-the-word", "sql", "--engine", "spark", "select 1 from silver.readings")
    assert wrong.returncode == 5
    assert "Traceback" not in wrong.stderr
    assert not any(word in night.stderr + wrong.stderr for word in (postgres.password, "not-the-word"))
