"""Replay: batches that have rows in quarantine are cleaned again from bronze, under the contract as it is now.

The same code cleans them as on the first night, so that silver and quarantine end as if the contract had always been
this one. A row that is taken in was available when its file was, and its history says so.
"""

from datetime import datetime

from assay.lakehouse import Lakehouse
from assay.lease import lease
from assay.ledger import Outcome
from assay.stages import run_stage
from silver.asked import check_handling
from silver.baseline import open_gate
from silver.history import REPLAY
from silver.pending import Landed
from silver.quarantine import chosen, open_batches
from silver.stage import clean_batches, publish
from silver.transform import register_functions
from silver.user_suites import check_suites


def replay(
    lakehouse: Lakehouse, source: str, as_of: datetime, *, batch: int | None = None, check: str | None = None
) -> Outcome:
    """Clean the batches of a source that have rows in quarantine again.

    Args:
        lakehouse: The lakehouse.
        source: The source.
        as_of: The night that the ledger names.
        batch: This batch only.
        check: Only batches that have a row that breaks this check: `max`, or `max:temp`.

    Raises:
        ConfigError: There is no such source.
        ContractError: A batch breaks its contract as a whole.
        BusyError: Another run cleans at this moment.
    """
    names = chosen(lakehouse, source)

    def work(outcome: Outcome) -> None:
        batches = open_batches(lakehouse, source, batch=batch, check=check) if names else []
        if not batches:
            outcome.notes.append(f"{source}: no such row in quarantine")
            return
        contract = lakehouse.config.sources[source]
        check_handling(contract)
        check_suites(contract, lakehouse.conf_dir)
        register_functions(lakehouse.spark, lakehouse.time_zone)
        waiting = {source: [Landed(number, (), None) for number in batches]}
        publish(lakehouse, clean_batches(lakehouse, waiting, open_gate(lakehouse, {}, outcome), outcome))

    with lease(lakehouse, ["silver"]):
        return run_stage(lakehouse, REPLAY, as_of, work)
