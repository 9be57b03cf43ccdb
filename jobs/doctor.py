"""`assay doctor`: whether this machine has what assay needs, and what to do where it has not."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from assay.cli import parser, run
from assay.doctor import machine
from assay.doctor.finding import Finding
from assay.errors import AssayError, ConfigError
from assay.printable import printable

BAD = ConfigError.exit_code


def main(arguments: Sequence[str]) -> int:
    """Look at Java, jars, packages, memory, disk, folders, servers and clock; exit code 2 if something is bad."""
    given = parser(main.__doc__ or "", as_of=False).parse_args(arguments)
    found = dict(_findings(given))
    if given.json:
        print(json.dumps({"findings": {name: asdict(finding) for name, finding in found.items()}}))  # noqa: T201
    else:
        for name, finding in found.items():
            print(printable(f"{finding.state if finding.state != 'bad' else 'BAD':<5} {name:<14}{finding.found}"))  # noqa: T201
            if finding.do:
                print(printable(f"{'':<20}do: {finding.do}"))  # noqa: T201
    return BAD if any(finding.state == "bad" for finding in found.values()) else 0


def _findings(given: argparse.Namespace) -> Iterator[tuple[str, Finding]]:
    for name, check in machine.CHECKS.items():
        yield name, check()
    try:
        from assay.doctor import places
        from assay.lakehouse import open_lakehouse

        lakehouse = open_lakehouse(given.conf_dir, given.env)
    except (AssayError, ImportError) as error:
        what = f"{error.what} {error.where}" if isinstance(error, AssayError) else f"a package is missing: {error}"
        yield (
            "configuration",
            Finding("bad", what, "assay validate tells more; memory, folders and servers wait for it"),
        )
        return
    yield "configuration", Finding("ok", f"{lakehouse.name}, environment {lakehouse.environment.name}")
    for name, look in places.CHECKS.items():
        yield name, look(lakehouse)


if __name__ == "__main__":
    raise SystemExit(run(main))
