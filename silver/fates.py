"""The fate of every record of a batch, and how many have which."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.frames import held, only_row
from silver.alone import apart
from silver.versions import DUPLICATE, PLACE, SUPERSEDED, UNCHANGED, VERSION, Rules, chain


@dataclass(frozen=True)
class Fates:
    """How many accepted records of a batch are what."""

    version: int
    unchanged: int
    duplicate: int
    superseded: int

    @property
    def rows(self) -> int:
        """All of them."""
        return self.version + self.no_version

    @property
    def no_version(self) -> int:
        """Those that are kept and valid at no time."""
        return self.unchanged + self.duplicate + self.superseded


@contextmanager
def fated(
    existing: DataFrame | None,
    incoming: DataFrame,
    rules: Rules,
    accepted: int,
    carried: Sequence[str],
    snapshots: Sequence[datetime],
) -> Iterator[tuple[DataFrame, Fates, int]]:
    """The records that `chain` gives, with columns as it gives them, and counted.

    Args:
        existing: As `chain` takes it.
        incoming: As `chain` takes it.
        rules: The contract's.
        accepted: How many rows are incoming.
        carried: As `chain` takes it.
        snapshots: As `chain` takes it.

    Yields:
        The records, how many of the batch's have which fate, and how many rows of the history change.
    """
    incoming = incoming.select(*dict.fromkeys([*rules.key, *rules.content]), *carried, *PLACE)
    with apart(existing, incoming, rules, accepted) as parts:
        if parts is None:
            known, together = existing, incoming
        elif parts.shared is None:
            yield parts.alone, Fates(accepted, 0, 0, 0), 0
            return
        else:
            known, together = parts.known, parts.shared
        with held(chain(known, together, rules, carried, snapshots)) as chained:
            fates, changes = _count(chained)
            if parts is None:
                yield chained, fates, changes
            else:
                more = replace(fates, version=fates.version + accepted - fates.rows)
                yield chained.unionByName(parts.alone), more, changes


def _count(records: DataFrame) -> tuple[Fates, int]:
    row = only_row(
        records.agg(
            *[
                F.count_if(F.col("is_new") & (F.col("fate") == fate)).alias(fate)
                for fate in (VERSION, UNCHANGED, DUPLICATE, SUPERSEDED)
            ],
            F.count_if("changes").alias("changes"),
        )
    )
    return Fates(row[VERSION], row[UNCHANGED], row[DUPLICATE], row[SUPERSEDED]), row["changes"]
