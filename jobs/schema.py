"""`assay schema`: write the JSON Schemas of the configuration files, for editors to complete and check YAML."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Sequence
from pathlib import Path

from assay.cli import parser, run
from assay.config.schema import schemas


def main(arguments: Sequence[str]) -> None:
    """Write the JSON Schemas of the configuration files into a folder."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("--to", default="docs/schemas", help="the folder")
    given = options.parse_args(arguments)
    folder = Path(given.to)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in schemas().items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        written.append(str(path))
    print(json.dumps(written) if given.json else "\n".join(written))  # noqa: T201  # a command's answer


if __name__ == "__main__":
    raise SystemExit(run(main))
