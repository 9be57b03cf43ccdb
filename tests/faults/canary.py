"""A process that does with a lakehouse what a night and a day's questions do, some of it failing.

Called by the test beside it: `canary.py <conf dir> <file>`. Into the file goes what Spark's web page says of its
settings, and the command lines of all processes; the rest is told as `assay` tells it.
"""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from pyspark.sql import SparkSession

import assay.cli
from assay.lakehouse import open_lakehouse
from assay.ledger import Outcome
from assay.stages import run_stage
from jobs.common import open_from
from model.registry import champion

NIGHT = datetime(2013, 3, 2, tzinfo=UTC)


def check(found: object) -> None:
    assert found is None


def champion_of(words: Sequence[str]) -> None:
    """Ask an MLflow that does not answer, as a stage."""
    lakehouse = open_lakehouse(words[0])
    model = lakehouse.config.models["warm"]
    run_stage(lakehouse, "score", NIGHT, lambda _: check(champion(lakehouse, model)))


def defect(words: Sequence[str]) -> None:
    """A stage with a defect, which quotes the settings."""
    lakehouse = open_from(assay.cli.parser("", as_of=False).parse_args(["--conf-dir", words[0], "-v"]))

    def work(outcome: Outcome) -> None:
        outcome.notes.append(f"the settings are {lakehouse.environment}")
        raise RuntimeError(f"the settings are {lakehouse.environment}")

    run_stage(lakehouse, "defect", NIGHT, work)


def main() -> None:
    conf_dir, told = sys.argv[1:]
    place = ["--conf-dir", conf_dir]
    night = [*place, "--as-of", "2013-03-02"]
    codes = [
        assay.cli.main(["validate", *place]),
        assay.cli.main(["bronze", *night, "-v"]),
        assay.cli.main(["silver", *night, "--json"]),
        assay.cli.main(["sql", *place, "select nothing from silver.readings"]),
        assay.cli.run(champion_of, [conf_dir]),
        assay.cli.run(champion_of, [conf_dir, "--json"]),
        assay.cli.run(defect, [conf_dir]),
        assay.cli.main(["report", *night, "--json"]),
    ]
    context = SparkSession.active().sparkContext
    assert context.uiWebUrl is not None
    port = context.uiWebUrl.rpartition(":")[2]
    with urlopen(f"http://127.0.0.1:{port}/api/v1/applications/{context.applicationId}/environment") as answer:
        page = answer.read().decode()
    lines = [path.read_bytes().decode(errors="replace") for path in Path("/proc").glob("[0-9]*/cmdline")]
    used = context._jsc.hadoopConfiguration().get("fs.s3a.secret.key")
    Path(told).write_text(json.dumps({"codes": codes, "page": page, "lines": lines, "used": hash(used)}))
    assert used == open_lakehouse(conf_dir).environment.spark.conf["spark.hadoop.fs.s3a.secret.key"]
    context.stop()


if __name__ == "__main__":
    main()
