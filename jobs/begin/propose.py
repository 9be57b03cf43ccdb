"""All that is proposed for the files of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from jobs.begin.columns import profile
from jobs.begin.features import Table, feature_table, table_of
from jobs.begin.files import Group, groups_of
from jobs.begin.keys import key_of
from jobs.begin.model import Label, label_of, model
from jobs.begin.records import look
from jobs.begin.source import Proposed, contract
from jobs.begin.times import times_of
from jobs.begin.yaml_text import comment, decide, document, entry

DAY = timedelta(days=1)
_NIGHTS = 28


@dataclass(frozen=True)
class Proposal:
    """A lakehouse that is proposed."""

    name: str
    folder: Path
    sources: tuple[Proposed, ...]
    tables: tuple[Table, ...]
    label: Label | None
    asked: bool
    """Whether the label was asked for; the model of another is only a draft."""

    left_out: tuple[str, ...]
    """Files that are of no source."""

    @property
    def files(self) -> dict[str, str]:
        """Path in the lakehouse's folder -> text. A draft has an ending that is not read."""
        written = {"lakehouse.yml": _lakehouse(self)}
        written |= {f"sources/{source.name}.yml": contract(source) for source in self.sources}
        written |= {f"features/{table.name}.yml": feature_table(table) for table in self.tables}
        if self.label is not None:
            ending = "yml" if self.asked else "yml.draft"
            written[f"models/{self.label.name}.{ending}"] = model(self.label)
        return written

    @property
    def environment(self) -> str:
        """The text of the environment, which says where the files are on this machine."""
        return document([
            entry("description", "One process on this machine. The files stay where they are; all else lies below ./warehouse."),
            entry("landing", str(self.folder)),
            entry("warehouse", "warehouse"),
        ])  # fmt: skip

    @property
    def known(self) -> datetime:
        """A time as of which all records are known: a midnight, or now."""
        newest = max(source.times.known for source in self.sources)
        return _time_after(newest)

    @property
    def nights(self) -> tuple[datetime, datetime] | None:
        """The first and the last night that features can be built of; None without features."""
        if not self.tables:
            return None
        last = min(_time_after(max(table.source.times.known for table in self.tables)), _midnight(datetime.now(UTC)))
        oldest = min(table.source.times.oldest or last for table in self.tables)
        return max(_midnight(oldest) + DAY, last - _NIGHTS * DAY), last


def propose(folder: Path, name: str, label: str | None) -> Proposal:
    """Look at the files of a folder, and propose a lakehouse of them.

    Args:
        folder: Where they are.
        name: The lakehouse's name.
        label: What a model is to predict, `<source>.<column>`; None for a draft of the likeliest one.

    Raises:
        SourceError: There is nothing to read, or something that cannot be.
        ConfigError: The label is none of the columns, or cannot be predicted.
    """
    groups, left_out = groups_of(folder)
    with duckdb.connect() as connection:
        sources = [_proposed(connection, folder, group) for group in groups]
    tables = [table for source in sources if (table := table_of(source)) is not None]
    found = label_of(label, sources, tables)
    return Proposal(
        name, folder.resolve(), tuple(sources), tuple(tables), found, label is not None, tuple(left_out)
    )  # fmt: skip


def _proposed(connection: duckdb.DuckDBPyConnection, folder: Path, group: Group) -> Proposed:
    looked = look(connection, folder, group)
    columns, nulls = profile(connection, looked)
    key = key_of(connection, looked, columns)
    return Proposed(looked, tuple(columns), tuple(nulls), key, times_of(connection, looked, columns))


def _lakehouse(proposal: Proposal) -> str:
    local: Sequence[str] = sorted(
        f"{source.name}.{column.name}" for source in proposal.sources for column in source.columns if column.local
    )
    return document([
        *comment(f"Proposed by `assay init` from the files in {proposal.folder}. Each `decide:` asks something."),
        entry("name", proposal.name),
        *decide("say what it is for."),
        entry("description", f"What the files of {proposal.folder.name} tell."),
        *decide(
            "the time zone of times that carry none"
            + (f" ({', '.join(local)})" if local else "")
            + ", and of delivery times in files' names, such as America/New_York."
        ),
        entry("time_zone", "UTC"),
        *decide("when does a night begin? What is known by then is what it sees."),
        'night: {as_of: "00:00 UTC"}',
    ])  # fmt: skip


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _time_after(moment: datetime) -> datetime:
    """The midnight after a time, or if that is yet to come the next full minute."""
    midnight = _midnight(moment) if moment == _midnight(moment) else _midnight(moment) + DAY
    if midnight <= datetime.now(UTC):
        return midnight
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
