"""A secret that an environment is given stands nowhere that people or other programs look."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq
import pytest

from assay.lakehouse import Lakehouse
from assay.redaction import SETTINGS, is_secret

ROOT = Path(__file__).parents[2]
MARK = "canary7f3a"
SECRETS = {"CANARY": f"{MARK}-one", "SHOP_PASSWORD": f"{MARK}-two", "LAKE_ACCOUNT_KEY": f"{MARK}-three"}
ENVIRONMENT = """
warehouse: warehouse
spark:
  master: local[2]
  conf:
    spark.ui.enabled: true
    spark.ui.port: 0
    spark.eventLog.enabled: true
    spark.eventLog.compress: false
    spark.eventLog.dir: {events}
    spark.driver.extraJavaOptions: -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m
    spark.hadoop.fs.s3a.secret.key: "${{CANARY}}"
    spark.hadoop.fs.azure.account.key.lake.dfs.core.windows.net: "${{LAKE_ACCOUNT_KEY}}"
    spark.hadoop.harmless.name: "user shop, ${{SHOP_PASSWORD}}"
    spark.executorEnv.SHOP: "${{SHOP_PASSWORD}}"
mlflow: {{tracking_uri: "http://night:${{CANARY}}@127.0.0.1:1"}}
"""
FEATURES = (
    "description: W.\nentity: {station: [station]}\nsource: readings\nwindows: [1d]\n"
    "features: {n: {count: '*', description: N}}\n"
)
MODEL = (
    "description: M.\nspine: {train: select 1, score: select 1}\nkey: [station]\nfeatures: {hot: all}\n"
    "split: {holdout: 1d}\ntrain: {every: 7d, window: 28d}\ngates: {auc: {min: 0.6}}\n"
)


class Readings(Protocol):
    """What the fixture makes."""

    lakehouse: Lakehouse

    def deliver(self, name: str, content: str | bytes) -> None: ...


def leaks(folder: Path) -> Iterator[str]:
    """Files that hold the mark in their bytes or, of Parquet, in their rows; every file was read."""
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if content[:4] == b"PAR1":
                content += repr(pq.read_table(path).to_pylist()).encode()
            if MARK.encode() in content:
                yield str(path.relative_to(folder))


def test_a_canary_is_not_seen(new_readings: Callable[[str], Readings], tmp_path: Path) -> None:
    made = new_readings("canary")
    conf = made.lakehouse.conf_dir
    (tmp_path / "events").mkdir()
    (conf.parent / "env" / "local.yml").write_text(ENVIRONMENT.format(events=(tmp_path / "events").as_uri()))
    for folder, name, text in (("features", "hot", FEATURES), ("models", "warm", MODEL)):
        (conf / folder).mkdir()
        (conf / folder / f"{name}.yml").write_text(text)
    made.deliver("2013-03-01.csv", "station,hour,temp\na,1,10.5\na,2,99\nb,1,7\n")
    command = [sys.executable, str(ROOT / "tests" / "faults" / "canary.py"), str(conf), str(tmp_path / "told.json")]
    once = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_ENABLE_DB_SDK": "false"}
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **SECRETS, **once, "PYTHONPATH": str(ROOT)}, check=False,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads((tmp_path / "told.json").read_text())
    assert told["codes"] == [0, 0, 0, 5, 7, 7, 1, 0]
    assert "MLflow does not answer" in done.stderr
    assert "RuntimeError: the settings are" in done.stderr
    for text in (done.stdout, done.stderr, told["page"], *told["lines"]):
        assert MARK not in text
    settings = dict(json.loads(told["page"])["sparkProperties"] + json.loads(told["page"])["hadoopProperties"])
    for name in ("spark.hadoop.harmless.name", "harmless.name", "fs.s3a.secret.key", "spark.executorEnv.SHOP"):
        assert settings[name] == "*********(redacted)"
    seen = {path.suffix for path in conf.parents[1].rglob("*")}
    assert {".parquet", ".html", ".json", ".yml"} <= seen
    assert list((tmp_path / "events").rglob("*"))
    assert list(leaks(tmp_path)) == []


@pytest.mark.parametrize(
    "name",
    [
        "spark.hadoop.fs.s3a.secret.key", "spark.hadoop.fs.s3a.access.key", "spark.hadoop.fs.s3a.session.token",
        "spark.hadoop.fs.azure.account.key.lake.dfs.core.windows.net", "fs.azure.sas.fixed.token.a", "spark.ssl.keyPassword",
        "fs.azure.account.oauth2.client.secret", "spark.hadoop.fs.s3a.encryption.key", "DB_PASSWORD", "PGPASSWD", "AWS_SECRET",
    ],
)  # fmt: skip
def test_a_settings_name_tells_that_it_holds_a_secret(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "spark.master",
        "spark.sql.shuffle.partitions",
        "fs.s3a.endpoint",
        "HOME",
        "key",
        "fs.s3a.aws.credentials.provider",
        "spark.security.credentials.hive.enabled",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ],
)
def test_other_settings_are_shown(name: str) -> None:
    assert not is_secret(name)
    assert SETTINGS
