"""Numbers and times as a reader wants them. The same on every machine: no locale is asked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

NOTHING = "–"
"""Stands for a value that is not known."""

MOST_WATCHED = 40
"""So many findings that are not as they should be are shown."""

_MONTHS = "January February March April May June July August September October November December"
_SPLITS = ("train", "validation", "holdout", "test")


def known(value: float | None) -> bool:
    """True for a number that can be shown: neither missing nor NaN nor infinite."""
    return value is not None and math.isfinite(value)


def count(value: float | None) -> str:
    """1234567 -> `1,234,567`."""
    return f"{value:,.0f}" if value is not None and known(value) else NOTHING


def compact(value: float) -> str:
    """A short number for an axis: 1500 -> `1.5k`, 20 -> `20`, 0.25 -> `0.25`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def short(value: float) -> str:
    """A number with three or more telling digits: 1876 -> `1,876`, 18.84 -> `18.8`."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ticks(values: Sequence[float]) -> list[str]:
    """Short numbers with the same decimals, as the ticks of one axis: 0.65, 0.70."""
    if any(abs(value) >= 1000 for value in values):
        return [compact(value) for value in values]
    places = max(len(compact(value).partition(".")[2]) for value in values)
    return [f"{value:.{places}f}" if value else "0" for value in values]


def share(value: float | None) -> str:
    """0.0123 -> `1.2 %`; a share above zero is never shown as zero, nor one below all as all."""
    if value is None or not known(value):
        return NOTHING
    percent = 100 * value
    if 0 < percent < 0.01:
        return "< 0.01 %"
    if 99.99 < percent < 100:
        return "> 99.99 %"
    if percent in (0, 100):
        return f"{percent:.0f} %"
    return f"{percent:.2f} %" if percent < 1 or percent > 99 else f"{percent:.1f} %"


def part(value: float, whole: float) -> str:
    """`value` as a share of `whole`; nothing of nothing is 0 %."""
    return share(value / whole if whole else 0.0)


def seconds(value: float | None) -> str:
    """0.42 -> `0.42 s`, 18.44 -> `18.4 s`, 192 -> `3 min 12 s`, 7260 -> `2 h 1 min`."""
    if value is None or not known(value):
        return NOTHING
    if value < 59.95:
        return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(value / 60)
    return f"{minutes // 60} h {minutes % 60} min"


COUNTS = ("rows", "positives", "groups")
"""Metrics that are numbers of things."""


def measured(name: str, value: float | None) -> str:
    """A metric's value: a count as one, however small."""
    return count(value) if name in COUNTS else metric(value)


def metric(value: float | None) -> str:
    """0.68512 -> `0.685`; a whole number from 100 up is a count: 38112 -> `38,112`."""
    if value is None or not known(value):
        return NOTHING
    return count(value) if abs(value) >= 100 and value == round(value) else f"{value:.3f}"


def difference(value: float | None, other: float | None) -> str:
    """How far `value` is above `other`, as `+0.025`, with a true minus sign."""
    if value is None or other is None or not known(value - other):
        return NOTHING
    return f"{value - other:+.3f}".replace("-", "\u2212")


def edges(values: Sequence[float]) -> list[str]:
    """Ends of bins of equal width, with so many decimals that they are told apart: 0.000, 0.050, 0.100."""
    width = (values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else 0.0
    places = max(0, 1 - math.floor(math.log10(width))) if width else 0
    return [f"{value:z,.{places}f}" for value in values]


def amount(value: float | None) -> str:
    """Money: 1234.5 -> `1,234.50`, 0.012345 -> `0.0123`; three telling digits of what is less than 1."""
    if value is None or not known(value):
        return NOTHING
    places = 2 if value >= 1 or value <= 0 else 2 - math.floor(math.log10(value))
    return f"{value:,.{places}f}"


def plural(number: float, one: str, many: str = "") -> str:
    """(1, "row") -> `1 row`, (1200, "row") -> `1,200 rows`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def of_model(name: str, model: str | None) -> str:
    """(`score`, `late_arrival`) -> `score of late_arrival`; the name alone where no model is given."""
    return f"{name} of {model}" if model else name


def utc(value: datetime) -> datetime:
    """The same instant in UTC; a naive time is taken as UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def moment(value: datetime | None) -> str:
    """`2013-03-05 00:00 UTC`."""
    return NOTHING if value is None else f"{utc(value):%Y-%m-%d %H:%M} UTC"


def day(value: datetime) -> str:
    """`5 March 2013`."""
    at = utc(value)
    return f"{at.day} {_MONTHS.split()[at.month - 1]} {at.year}"


def night(value: datetime) -> str:
    """`2013-03-05`, with the time where it is not midnight."""
    at = utc(value)
    return f"{at:%Y-%m-%d}" if at.hour == at.minute == 0 else f"{at:%Y-%m-%d %H:%M}"


def short_day(value: datetime) -> str:
    """`5 Mar`."""
    at = utc(value)
    return f"{at.day} {_MONTHS.split()[at.month - 1][:3]}"


def age(value: datetime, before: datetime) -> str:
    """How long `value` lies before another time: `1 h before`, `3 d before`."""
    hours = (utc(before) - utc(value)).total_seconds() / 3600
    if hours < 0:
        return "after it"
    if hours < 1:
        return f"{hours * 60:.0f} min before"
    return f"{hours:.0f} h before" if hours < 48 else f"{hours / 24:.0f} d before"


def splits(names: Iterable[str]) -> list[str]:
    """Splits in the order of time: train, validation, holdout, then any other by name."""
    order = {name: at for at, name in enumerate(_SPLITS)}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def metric_names(*tables: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """Every metric named in split -> metric -> value tables; AUC first, then by name."""
    names = {name for table in tables for values in table.values() for name in values}
    return sorted(names, key=lambda name: (name != "auc", name))


def safe_link(address: str) -> str | None:
    """The address where it may be followed: relative, file, http or https; else `None`."""
    scheme = urlsplit(address.strip()).scheme.lower()
    return address.strip() if scheme in ("", "file", "http", "https") else None
