"""Whether something has come that is not landed yet, without landing it."""

from collections.abc import Sequence
from datetime import datetime

from assay.config import Source
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from bronze import delta, files, jdbc  # noqa: F401  # each makes its kind known
from bronze.delivery import KINDS
from bronze.seen import seen_files


def arrived(lakehouse: Lakehouse, sources: Sequence[Source], as_of: datetime) -> set[str]:
    """The names of those sources that have something for a night to land. Nothing is written.

    Raises:
        SourceError: A source cannot be listed or read.
        ContractError: What has come lacks a column that the contract declares.
    """
    seen, unwritten = seen_files(lakehouse), Outcome("bronze", as_of)
    found = [
        delivery
        for origin, kind in KINDS.items()
        if (mine := [source for source in sources if type(source.come_from) is origin])
        for delivery in kind.look(lakehouse, mine, seen, unwritten).deliveries
    ]
    return {delivery.source.name for delivery in found if delivery.status == "landed"}
