"""Whether what a model's file says of gates can be asked at all, before anything is trained."""

import re

from pyspark.sql import DataFrame

from assay.config import Model
from assay.config.load import read_part
from assay.errors import nearest
from model.gates.gate import GATES, Settings, kind_of

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)?", re.IGNORECASE | re.ASCII)


def check_gates(model: Model, rows: DataFrame | None = None) -> None:
    """Raise ConfigError where a model names a gate that does not exist, or has settings that do not fit.

    Args:
        model: The model.
        rows: The training set, where there is one: then columns and SQL are checked too.
    """
    for name in model.gates:
        settings_of(model, name).check(model, name, rows)


def asks_for(model: Model, kind: str) -> bool:
    """Whether a model has a gate of a kind."""
    return any(kind_of(name) == kind for name in model.gates)


def settings_of(model: Model, name: str) -> Settings:
    """What a model's file says of a gate, typed."""
    kind = kind_of(name)
    if kind not in GATES:
        raise model.error(f"There is no gate {kind!r}.", "gates", name, found=name, expected=nearest(kind, GATES))
    if not _NAME.fullmatch(name):
        raise model.error(
            f"The gate {name!r} has a name that cannot be shown.", "gates", name, found=name,
            expected=f"{kind}, or {kind} and a word after a dot, as in {kind}.weekend",
        )  # fmt: skip
    return read_part(model, GATES[kind].settings, model.gates[name], "gates", name)
