"""The account of a run: what was seen is landed, a duplicate, quarantined or waiting, each delivery once."""

from collections.abc import Sequence

from assay.errors import TableError
from bronze.delivery import STATUSES, Delivery


def account(source: str, seen: Sequence[str], deliveries: Sequence[Delivery]) -> dict[str, float]:
    """How many deliveries of a source were seen, and what became of them.

    Args:
        source: The source's name.
        seen: Names of all that was there and not known.
        deliveries: What became of them.

    Returns:
        `seen`, and a number for each of `STATUSES`.

    Raises:
        TableError: A delivery is missing, is there twice or has no known status, or is landed without a batch.
    """
    counts = {status: sum(delivery.status == status for delivery in deliveries) for status in STATUSES}
    told = sorted(delivery.name for delivery in deliveries if delivery.status in STATUSES)
    astray = [delivery.name for delivery in deliveries if (delivery.batch is not None) != (delivery.status == "landed")]
    if told != sorted(seen) or astray:
        raise TableError(
            f"What was seen of source {source} does not add up.",
            where=", ".join(astray) or ", ".join(sorted(set(seen) ^ set(told))) or ", ".join(sorted(seen)),
            found=", ".join(f"{count} {status}" for status, count in counts.items()),
            expected=f"{len(seen)} seen",
            do="report this as a defect of assay, with the names of the files",
        )
    return {"seen": len(seen), **counts}
