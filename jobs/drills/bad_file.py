"""The newest file of a source is delivered again, cut off in the middle."""

import os
from datetime import datetime
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.catalog import HISTORY
from assay.config import Source
from assay.config.origins import Files
from assay.errors import ConfigError, ContractError, SourceError, nearest
from assay.lakehouse import Lakehouse
from assay.ledger import FILES
from jobs.drills.fault import Rehearsal, Wish
from jobs.nightly import run_night
from silver.pending import pending


def run(wish: Wish) -> Rehearsal:
    """Cut the file off, run the night again, and count what is in quarantine and which records are gone."""
    lakehouse, as_of = wish.lakehouse, wish.as_of
    source, name = _newest(lakehouse, wish.source, as_of)
    done = Rehearsal(
        f"{name} of {source.name} is delivered again, cut off {_cut(Path(lakehouse.landing) / name)}",
    )
    table = f"silver.{source.name}{HISTORY}"
    before = lakehouse.tables.version(table)
    done.attempt(lambda: run_night(lakehouse, as_of, ended=lambda one: done.outcomes.extend(one.outcomes)) and ())
    of_source = [
        found
        for one in done.outcomes
        if one.stage in ("bronze", "silver")
        for found in one.metrics
        if found.target == source.name and found.metric == "quarantined"
    ]
    files = int(sum(found.value for found in of_source if found.batch is None))
    rows = int(sum(found.value for found in of_source if found.batch is not None))
    then = _current(lakehouse.tables.read(table, before), source)
    gone = then.join(_current(lakehouse.tables.read(table), source), [*source.key], "left_anti").count()
    if files:
        done.found.append("the file is in quarantine whole, and no row of it landed")
    if rows:
        done.found.append(f"{rows:,} rows of {source.name} are in quarantine with their reasons")
    done.found.append(
        f"{gone:,} records of {source.name} are gone: its history is {source.history}, and what a file no longer has is over"
        if gone
        else f"silver.{source.name} has every record that it had"
    )
    waits = [landed.batch for landed in pending(lakehouse, as_of).get(source.name, [])]
    reject = [f'reject {source.name} {batch} --why "cut off"' for batch in waits]
    done.practise = ("status", *reject, f"quarantine show {source.name}", f"nightly --as-of {as_of:%Y-%m-%d}")
    noticed = bool(files or rows or isinstance(done.error, (ContractError, SourceError)))
    if not noticed:
        done.found.append("nothing of it was noticed")
    done.held = noticed and not gone
    return done


def _newest(lakehouse: Lakehouse, asked: str | None, as_of: datetime) -> tuple[Source, str]:
    """The file that was delivered last up to a night, of the source that was asked for or of any."""
    known = {name: source for name, source in lakehouse.config.sources.items() if isinstance(source.come_from, Files)}
    if asked is not None and asked not in known:
        raise ConfigError(
            f"There is no source {asked!r} that reads files.",
            where="--source",
            found=asked,
            expected=nearest(asked, known),
        )
    landed = lakehouse.tables.read(FILES).where(
        (F.col("status") == "landed")
        & F.col("source").isin([asked] if asked else [*known])
        & (F.col("available_at") <= F.lit(as_of))
    )
    found = landed.orderBy(F.desc("available_at"), "source", F.desc("source_file")).first()
    if found is None or not (Path(lakehouse.landing) / found["source_file"]).exists():
        raise ConfigError(
            "No file that was landed is still there.", where=asked or "all sources of files", do="name another --source"
        )
    return known[found["source"]], str(found["source_file"])


def _cut(path: Path) -> str:
    """Cut a file off after its first half, text within a line, as if it had been delivered so a second later."""
    content, changed = path.read_bytes(), path.stat().st_mtime_ns
    end, told = len(content) // 2, f"after {len(content) // 2:,} of {len(content):,} bytes"
    if _is_text(content) and (line_end := content.find(b"\n", end)) != -1 and line_end + 2 < len(content):
        end = line_end + 2
        lines, whole = (content.count(b"\n", 0, to) for to in (end, len(content)))
        told = f"within line {lines + 1:,} of {whole:,}"
    path.unlink()  # the original may be the same file by another name
    path.write_bytes(content[:end])
    os.utime(path, ns=(changed + 10**9, changed + 10**9))
    return told


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


def _current(history: DataFrame, source: Source) -> DataFrame:
    return history.where("valid_to IS NULL").select(*source.key)
