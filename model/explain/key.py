"""The predictions of a key on a night, by words from the command line; and where there are none, why."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pyspark.sql import functions as F

from assay.config import Model
from assay.errors import ConfigError, ModelError, nearest
from assay.frames import only_row
from assay.lakehouse import Lakehouse
from assay.tables import quoted
from model.registry import CHAMPION

SHOWN = 5
"""Keys that an error names."""


def given_key(model: Model, words: Sequence[str]) -> dict[str, str]:
    """Column -> value, of `carrier=UA` or of values in the order of the model's key."""
    found: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or (name not in model.key and not name.isidentifier()):
            rest = [column for column in model.key if column not in found]
            name, value = (rest[0] if rest else ""), word
        if name not in model.key or name in found:
            raise ConfigError(
                f"This is not a key of {model.name}.", where=model.at("key"), found=" ".join(words),
                expected="at most one value of each of " + ", ".join(model.key)
                + (f": {nearest(name, model.key)}" if sign and name not in found else ""),
                do=f"assay explain {model.name} {' '.join(f'{column}=…' for column in model.key)} --as-of …",
            )  # fmt: skip
        found[name] = value
    return found


def predictions_of(lakehouse: Lakehouse, model: Model, key: Mapping[str, str], as_of: datetime) -> list[dict[str, Any]]:
    """The predictions of a single key, the champion's first."""
    table = f"gold.{model.name}_predictions"
    night = lakehouse.tables.read(table).where(F.col("as_of") == F.lit(as_of))
    matching = night
    for name, value in key.items():
        kind = night.schema[name].dataType.simpleString()
        matching = matching.where(F.col(quoted(name)) == F.lit(value).try_cast(kind))
    found = [row.asDict(recursive=True) for row in matching.limit(10 * SHOWN).collect()]
    keys = sorted({tuple(row[name] for name in model.key) for row in found}, key=str)
    if len(keys) == 1:
        return sorted(found, key=lambda row: bool(row["role"] != CHAMPION))
    asked = " ".join(f"{name}={value}" for name, value in key.items())
    if keys:
        raise ModelError(
            f"Several keys of {model.name} are like this.", where=table, found=asked,
            expected="one, such as " + "; ".join(told(model, each) for each in keys[:SHOWN]),
            do="give more of the key: " + ", ".join(name for name in model.key if name not in key),
        )  # fmt: skip
    raise _nothing(lakehouse, model, table, asked, as_of)


def _nothing(lakehouse: Lakehouse, model: Model, table: str, asked: str, as_of: datetime) -> ModelError:
    """Why there is no prediction: the night has not been scored, or the key is not in it."""
    nights = F.sort_array(F.collect_set("as_of"))
    scored = only_row(lakehouse.tables.read(table).agg(nights.alias("nights")))["nights"]
    if as_of.replace(tzinfo=None) not in scored:
        range_ = f"{scored[0]:%Y-%m-%d} to {scored[-1]:%Y-%m-%d}" if scored else "none"
        return ModelError(
            f"{model.name} has not scored this night.", where=f"{table}, as_of {as_of:%Y-%m-%dT%H:%MZ}",
            found=f"nights scored: {len(scored)}, {range_}", do=f"assay score --as-of {as_of:%Y-%m-%d}",
        )  # fmt: skip
    one = lakehouse.tables.read(table).where(F.col("as_of") == F.lit(as_of)).select(*map(quoted, model.key)).first()
    return ModelError(
        f"{model.name} has no prediction of this key on this night.", where=f"{table}, as_of {as_of:%Y-%m-%dT%H:%MZ}",
        found=asked, expected=f"a key such as {told(model, tuple(one or ()))}",
        do=f'assay sql "select {", ".join(model.key)} from {table} where as_of = timestamp\'{as_of:%Y-%m-%d %H:%M}\'"',
    )  # fmt: skip


def told(model: Model, key: tuple[Any, ...]) -> str:
    """A key as it may be given on the command line."""
    return " ".join(f"{name}={value}" for name, value in zip(model.key, key, strict=True))
