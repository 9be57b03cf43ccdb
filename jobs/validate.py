"""`assay validate`: check the whole configuration, without Spark."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Sequence
from pathlib import Path

from assay.cli import parser, run
from assay.lakehouse import open_lakehouse


def main(arguments: Sequence[str]) -> None:
    """Check the whole configuration, without Spark: files, keys, names, checks, aggregates, gates, monitors."""
    given = parser(main.__doc__ or "", as_of=False).parse_args(arguments)
    lakehouse = open_lakehouse(given.conf_dir, given.env)
    config = lakehouse.config
    from assay.dag import check_limits
    from bronze.database import check_connections
    from gold.aggregates import check_aggregates
    from jobs.watch import monitors_of
    from model.gates import check_gates
    from model.policy import check_policy
    from silver.asked import check_handling
    from silver.profile import check_baseline
    from silver.user_suites import check_suites

    if config.file.night.limits:
        from jobs.night.stages import STAGES

        check_limits(STAGES, config.file)
    check_connections(lakehouse)
    for source in config.sources.values():
        check_handling(source)
        check_suites(source, Path(given.conf_dir))
        check_baseline(source)
    for table in config.features.values():
        check_aggregates(table)
    for model in config.models.values():
        check_gates(model)
        check_policy(model)
    monitors_of(config)
    found = {"sources": len(config.sources), "feature tables": len(config.features), "models": len(config.models)}
    told = ", ".join(f"{count} {what}" for what, count in found.items())
    print(json.dumps(found) if given.json else f"{config.name}: {told}, all valid")  # noqa: T201  # a command's answer


if __name__ == "__main__":
    raise SystemExit(run(main))
