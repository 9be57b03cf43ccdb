"""`assay metrics --as-of 2013-03-07`: a night's numbers for Prometheus; `assay metrics --serve 9464`: an endpoint of them."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import logging
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import functions as F

from assay import exposition, ledger
from assay.alerts import record
from assay.alerts.message import bounded
from assay.cli import parser, run
from assay.errors import ConfigError
from assay.exposition import Facts, Watched
from assay.lakehouse import Lakehouse
from assay.report.collect import stages_of
from assay.runs import model_of
from assay.watch import WATCH
from jobs.common import night, open_from

logger = logging.getLogger(__name__)

REACH = timedelta(days=30)
"""So many nights back it is looked for when a stage was done last."""
ROLES = {"score": "champion", "shadow": "challenger"}
"""Stage -> the role of the version that scores in it."""


def facts_of(lakehouse: Lakehouse, as_of: datetime) -> Facts:
    """What the tables say of a night."""
    stages, numbers = stages_of(lakehouse, as_of)
    versions = {
        (model, role): int(values["version"])
        for stage, role in ROLES.items()
        for model, values in numbers.get(stage, {}).items()
        if "version" in values
    }
    return Facts(
        lakehouse.name, as_of, datetime.now(UTC), stages, _successes(lakehouse, as_of), numbers.get("silver", {}), versions,
        _watched(lakehouse, as_of), _open(lakehouse),
    )  # fmt: skip


def _successes(lakehouse: Lakehouse, as_of: datetime) -> dict[tuple[str, str], datetime]:
    rows = (
        ledger.runs(lakehouse)
        .where((F.col("as_of") >= F.lit(as_of - REACH)) & (F.col("status") == "done"))
        .groupBy("stage", F.coalesce(model_of(tuple(lakehouse.config.models)), F.lit("")).alias("model"))
        .agg(F.max("ended_at").alias("at"))
        .orderBy("stage", "model")
        .collect()
    )
    return {(row["stage"], row["model"]): row["at"].replace(tzinfo=UTC) for row in rows}


def _watched(lakehouse: Lakehouse, as_of: datetime) -> list[Watched]:
    if not lakehouse.tables.exists(WATCH):
        return []
    rows = lakehouse.tables.read(WATCH).where(F.col("as_of") == F.lit(as_of)).orderBy("subject", "monitor", "name")
    return [
        Watched(row["subject"], row["monitor"], row["name"] or "", row["status"], row["value"], row["limit"])
        for row in rows.collect()
    ]


def _open(lakehouse: Lakehouse) -> Counter[str] | None:
    if not lakehouse.environment.alerts.channels:
        return None
    return Counter(one.last.severity for one in record.incidents(lakehouse).values() if one.is_open)


def write_metrics(lakehouse: Lakehouse, as_of: datetime) -> None:
    """Write a night's numbers to the file that the environment names, if any.

    Never raises: what the night did is done. Where it cannot be written, the file of before grows old, which the rule
    AssayNightMissing tells.
    """
    textfile = lakehouse.environment.metrics.textfile
    if textfile is None:
        return
    try:
        exposition.write(facts_of(lakehouse, as_of), Path(textfile))
    except Exception as error:  # noqa: BLE001  # told above
        logger.warning("the metrics were not written to %s: %s", textfile, bounded(str(error)))


def main(arguments: Sequence[str]) -> None:
    """Write a night's numbers for Prometheus to the environment's file, or serve that file over HTTP."""
    options = parser(main.__doc__ or "", as_of=False)
    what = options.add_mutually_exclusive_group(required=True)
    what.add_argument("--as-of", help="write the numbers of this night: a date, or an instant, UTC")
    what.add_argument(
        "--serve", type=int, metavar="PORT", help="serve what nights have written, at /metrics, until ended"
    )
    options.add_argument("--host", default="127.0.0.1", help="serve: the address to listen at")
    given = options.parse_args(arguments)
    lakehouse = open_from(given)
    textfile = lakehouse.environment.metrics.textfile
    if textfile is None:
        raise lakehouse.environment.error(
            "This environment names no file for metrics.", "metrics", "textfile",
            do="add metrics: {textfile: /var/lib/node_exporter/assay.prom}",
        )  # fmt: skip
    path = Path(textfile)
    if given.serve is None:
        exposition.write(facts_of(lakehouse, night(given, lakehouse)), path)
        print(path)  # noqa: T201  # a command's answer
        return
    try:
        server, thread = exposition.serve(path, given.host, given.serve)
    except (OSError, OverflowError) as error:
        found = f"{given.host}:{given.serve}: {getattr(error, 'strerror', None) or error}"
        raise ConfigError("The port cannot be listened at.", where="--serve, --host", found=found) from error
    print(f"serving {path} at http://{given.host}:{server.server_port}/metrics", flush=True)  # noqa: T201
    thread.join()


if __name__ == "__main__":
    raise SystemExit(run(main))
