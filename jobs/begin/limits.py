"""What is asked of a column's values: what was seen, and room for what was not."""

from decimal import Decimal
from math import floor, log10
from typing import Any

from jobs.begin.columns import Column
from jobs.begin.keys import is_called_a_key

MOST_ALLOWED = 8
_OFTEN = 20
"""The values of a column seem to be all there are if the rarest was seen so often, and each on average ten times as often."""

_ROOM = 10
"""A limit lies so many times as far from zero as what was seen: wrong units and fillers such as 99999 break it, and an
unusual day does not. Zero itself is one where the least value is so many times nearer to it than the greatest."""

_EXACT = 1e15
"""Greater numbers have no range: it would not be read back as it was meant."""


def limits(column: Column, *, in_key: bool) -> tuple[dict[str, Any], str]:
    """The checks that are proposed of a column, as its contract has them, and what was seen."""
    settings: dict[str, Any] = {"required": True} if column.always else {}
    told = "never missing" if column.missing == 0 else f"missing in {_share(column.missing, column.rows)}"
    if is_closed(column):
        settings["allowed"] = [text for text, _ in sorted(column.values)]
        text, times = column.values[-1]
        return settings, f"{told}; these {column.distinct} values alone, the rarest ({text}) {times:,} times"
    if column.is_number and column.least is not None and column.most is not None:
        told += f"; {_number(column.least)} to {_number(column.most)}"
        identifies = is_called_a_key(column) or (in_key and column.distinct == column.rows)
        reach = max(_ROOM * max(abs(column.least), abs(column.most)), 0 if column.type == "double" else _ROOM**2)
        from_zero = 0 <= column.least <= column.most / _ROOM
        if not identifies and column.most > column.least and reach < _EXACT:
            settings |= {"min": 0 if from_zero else -_round(reach), "max": _round(reach)}
    elif column.type == "string":
        told += f"; {column.distinct:,} different"
    return settings, told


def is_closed(column: Column) -> bool:
    """Whether a text has few values, each of them often: a category."""
    return (
        column.type == "string"
        and 2 <= len(column.values) <= MOST_ALLOWED
        and column.values[-1][1] >= _OFTEN
        and column.rows >= 10 * _OFTEN * column.distinct
    )


def _round(value: float) -> int | float:
    """The least of 1, 2, 5, 10, 20, … that is not less; also of 0.1, 0.2, 0.5, …"""
    power = floor(log10(value))
    found = next(
        step for step in (Decimal(digit).scaleb(power) for digit in (1, 2, 5, 10, 20)) if step >= Decimal(repr(value))
    )
    return int(found) if found == found.to_integral_value() else float(found)


def _share(part: int, of: int) -> str:
    return f"{part:,} of {of:,}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
