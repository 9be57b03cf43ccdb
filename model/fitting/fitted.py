"""What comes out of fitting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fitted:
    """Trees, and how they came to be."""

    booster: bytes
    """In XGBoost's UBJSON."""

    best_iteration: int
    """The last round that counts, from 0."""

    path: str
    """`spark` or `native`."""

    why: str
    """Why that path."""

    seconds: float
    losses: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """`train` and `validation` -> the loss after each round; nothing without a validation range."""
    classes: tuple[str, ...] = ()
    """Of a label of several classes, those in the training range, in the trees' order."""
