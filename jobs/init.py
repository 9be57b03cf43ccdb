"""`assay init shop --from /data/shop`: look at a folder of files, and write a configuration that takes them in."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import json
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from pathlib import Path

from assay.cli import parser, run
from assay.errors import ConfigError
from assay.printable import printable
from jobs.begin.names import is_identifier
from jobs.begin.propose import Proposal, propose
from jobs.begin.source import Proposed, seen
from jobs.begin.write import refuse_what_is_there, write


def main(arguments: Sequence[str]) -> None:
    """Look at a folder of files, without Spark, and write a first configuration for them, beside that of --conf-dir."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("name", help="the new lakehouse")
    options.add_argument("--from", dest="folder", required=True, help="the folder that the files arrive in")
    options.add_argument("--label", help="what a model is to predict: <source>.<column>")
    given = options.parse_args(arguments)
    conf = Path(given.conf_dir).parent
    if not is_identifier(given.name) or given.name.lower() == "env":
        raise ConfigError(
            "This cannot be a lakehouse's name.", where="name", found=given.name,
            expected="letters, digits and single underscores, not starting with a digit; and not env",
        )  # fmt: skip
    refuse_what_is_there(conf, given.name)
    proposal = propose(Path(given.folder), given.name, given.label)
    written = [str(path) for path in write(conf, proposal.name, proposal.files, proposal.environment)]
    if given.json:
        found = {source.name: _found(source) for source in proposal.sources}
        print(json.dumps({"sources": found, "written": written, "next": list(_next(proposal, conf))}))  # noqa: T201
        return
    for line in [*_told(proposal), "", "Written:", *(f"    {path}" for path in written), "", *_advice(proposal, conf)]:
        print(printable(line))  # noqa: T201  # a command's answer


def _found(source: Proposed) -> dict[str, object]:
    """What was seen of a source, for machines."""
    looked = source.looked
    return {
        "files": len(looked.group.files), "records": looked.rows, "whole": looked.whole, "unreadable": looked.unreadable,
        "columns": {column.name: column.type for column in source.columns}, "key": list(source.key_names),
        "event_time": source.event_time,
    }  # fmt: skip


def _told(proposal: Proposal) -> Iterator[str]:
    """What was found, a few lines for each source."""
    for source in proposal.sources:
        yield f"{source.name}: {seen(source.looked)}, {len(source.columns)} columns"
        yield f"    key {', '.join(source.key_names)}; event time {source.event_time or 'none'}"
        if source.looked.unreadable:
            yield f"    cannot be read: {source.looked.unreadable:,} more, which will be in quarantine"
    for table in proposal.tables:
        yield f"{table.name}: features of each {table.entity.name}, from {table.source.name}"
    if proposal.label is not None and not proposal.asked:
        yield f"{proposal.label.name}: a model, as a draft; --label <source>.<column> asks for another"
    for path in proposal.left_out:
        yield f"{path}: left out, as its ending does not tell how to read it"


def _advice(proposal: Proposal, conf: Path) -> Iterator[str]:
    yield f'Read them, above all the lines with "decide:" (grep -rn decide: {conf / proposal.name}). Then:'
    yield from (f"    {command}" for command in _next(proposal, conf))


def _next(proposal: Proposal, conf: Path) -> Iterator[str]:
    """The commands that take the files in."""
    yield f"export ASSAY_CONF={conf / proposal.name} ASSAY_ENV={proposal.name}"
    yield "assay validate"
    known = _instant(proposal.known)
    yield f"assay bronze --as-of {known}"
    yield f"assay silver --as-of {known}"
    first = proposal.sources[0].name
    yield f'assay sql "select * from silver.{first} limit 10"'
    if proposal.nights is not None:
        begin, end = map(_instant, proposal.nights)
        yield f"assay backfill --from {begin} --to {end}"
        if proposal.label is not None and proposal.asked:
            yield f"assay train --as-of {end}"


def _instant(moment: datetime) -> str:
    """As `--as-of` takes it: a date for its midnight."""
    return f"{moment:%Y-%m-%d}" if moment.time() == time() else f"{moment:%Y-%m-%dT%H:%M}:00Z"


if __name__ == "__main__":
    raise SystemExit(run(main))
