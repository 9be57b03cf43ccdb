"""The version of a contract: a short hash of what in it decides about rows."""

import hashlib
import json
from typing import Any

from assay.config.source import Source

_FOR_PEOPLE = {"description", "unit"}
_LENGTH = 12


def contract_version(source: Source, time_zone: str) -> str:
    """Twelve hexadecimal digits that are equal for contracts that decide alike about every row.

    What is for people only (descriptions, units) and where files lie and how they are landed play no part; what is left
    to its default plays none either, so that a setting that assay gains changes no version.

    Args:
        source: The contract.
        time_zone: The lakehouse's zone, in which the contract's local times are read.
    """
    told = source.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    told.pop("name", None)
    told.pop("description", None)
    for of_batches in ("baseline", "expectations", "freshness"):
        told.pop(of_batches, None)
    told["from"] = {"available": source.model_dump(mode="json")["come_from"]["available"]}
    told["derived"] = [[name, item] for name, item in told.get("derived", {}).items()]  # each sees those above it
    for item in (
        *told["columns"].values(),
        *told.get("checks", {}).values(),
        *told.get("references", {}).values(),
        *(item for _, item in told["derived"]),
    ):
        for key in _FOR_PEOPLE & set(item):
            del item[key]
    return _hash([time_zone, told])


def _hash(told: Any) -> str:
    text = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
