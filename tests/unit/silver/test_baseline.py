"""Nights of raw values, measured as Spark would, compared with the nights before them."""

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from statistics import fmean, pstdev

import pytest

from assay.config.baseline import Baseline
from silver.baseline import Compared, compare, too_little_history
from silver.metrics import METRICS, QUANTILES, TOP, Found, Kind
from silver.profile import ROW, Profile

FIRST = datetime(2013, 1, 1, tzinfo=UTC)
Value = float | str | None
Day = Mapping[str, Sequence[Value]]
"""Column -> the values of a night."""


def dice(seed: int) -> random.Random:
    """The same ordinary nights in every run."""
    return random.Random(seed)  # noqa: S311  # no secret


def aggregates(values: Sequence[Value]) -> Found:
    """What Spark works out of a column."""
    present = [value for value in values if value is not None]
    figures = sorted(value for value in present if not isinstance(value, str))
    top = Counter(value for value in present if isinstance(value, str)).most_common(TOP + 1)
    return {
        "rows": len(values),
        "missing": len(values) - len(present),
        "values": len(present),
        "mean": fmean(figures) if figures else None,
        "stddev": pstdev(figures) if figures else None,
        "quantiles": [figures[math.ceil(q * len(figures)) - 1] for q in QUANTILES.values()] if figures else None,
        "unique": len(set(present)),
        "top": [{"item": item, "count": count} for item, count in top],
    }


def profile(at: int, day: Day) -> Profile:
    """The numbers of a night, all that its columns can be measured by."""
    found = {ROW: {"rows": len(next(iter(day.values()))), "missing": 0, "values": 0}}
    kinds: dict[str, Kind] = {ROW: "row"}
    for name, values in day.items():
        found[name] = dict(aggregates(values))
        kinds[name] = "text" if any(isinstance(value, str) for value in values) else "number"
    numbers = {
        (name, metric.name, label): number
        for name, kind in kinds.items()
        for metric in METRICS.values()
        if kind in metric.of
        for label, number in metric.measure(found[name]).items()
    }
    return Profile(at, FIRST + timedelta(days=at), numbers)


@cache
def before(made: Callable[[random.Random, int], Day]) -> list[Profile]:
    """Forty ordinary nights."""
    draw = dice(1)
    return [profile(at, made(draw, at)) for at in range(40)]


def breached(made: Callable[[random.Random, int], Day], bad: Day, wanted: Baseline | None = None) -> list[Compared]:
    """What is breached by a night after forty ordinary ones."""
    found = compare(wanted or Baseline(), before(made), profile(40, bad))
    return sorted((one for one in found if one.verdict.answer == "breached"), key=lambda one: -one.verdict.excess)


def ordinary(draw: random.Random, at: int) -> Day:
    """Clicks, temperatures, distances and codes of an ordinary night."""
    rows = round(draw.gauss(4000, 150))
    warm, rate = draw.gauss(75, 4), draw.gauss(0.03, 0.001)
    return {
        "clicked": ["yes" if draw.random() < rate else "no" for _ in range(rows)],
        "temp": [draw.gauss(warm, 5) for _ in range(rows)],
        "miles": [draw.choice((200, 500, 1000, 2400)) for _ in range(rows)],
        "carrier": [draw.choice("ABCDE") for _ in range(rows)],
        "gust": [draw.gauss(20, 3) if draw.random() < 0.2 else None for _ in range(rows)],
    }


def changed(column: str, change: Callable[[Value, int], Value]) -> Day:
    """An ordinary night of which one column was changed."""
    day = ordinary(dice(2), 0)
    return {**day, column: [change(value, place) for place, value in enumerate(day[column])]}


def celsius(value: Value, _: int) -> Value:
    assert isinstance(value, float)
    return (value - 32) / 1.8


CASES: dict[str, tuple[Day, str]] = {
    "a click-through rate of 0.01%": (
        changed("clicked", lambda _, at: "yes" if at == 7 else "no"),
        "clicked shares 'yes'",
    ),
    "99% nulls": (changed("temp", lambda value, at: value if at % 100 == 0 else None), "temp nulls"),
    "degrees of another scale": (changed("temp", celsius), "temp mean"),
    "kilometres": (changed("miles", lambda value, _: float(value or 0) * 1.609), "miles mean"),
    "half the volume": ({name: values[::2] for name, values in ordinary(dice(2), 0).items()}, "rows"),
    "a constant number": (changed("temp", lambda _value, _at: 75.0), "temp unique"),
    "a constant code": (changed("carrier", lambda _value, _at: "A"), "carrier shares 'A'"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_breached_and_named(case: str) -> None:
    bad, name = CASES[case]
    assert name in [one.name for one in breached(ordinary, bad)]


def test_an_error_line_names_column_metric_night_actual_expected_and_range() -> None:
    [first, *_] = breached(ordinary, CASES["half the volume"][0])
    assert str(first) == "rows 2,176 on the night of 2013-02-10, expected 3,994, at least 2,853 and at most 5,592"
    shares = [str(one) for one in breached(ordinary, CASES["a click-through rate of 0.01%"][0])]
    assert (
        "clicked shares 'yes' 0.02% on the night of 2013-02-10, expected 3.09%, at least 1.80% and at most 4.37%"
        in shares
    )


def test_of_two_hundred_ordinary_nights_hardly_one_is_stopped() -> None:
    draw = dice(3)
    past: list[Profile] = []
    stopped, comparisons = 0, 0
    for at in range(228):
        now = profile(at, ordinary(draw, at))
        found = compare(Baseline(), past, now)
        if at >= 28:
            stopped += any(one.verdict.answer == "breached" for one in found)
            comparisons += len(found)
        past.append(now)
    assert (stopped, comparisons) == (0, 7200)


def weekly(draw: random.Random, at: int) -> Day:
    """Sundays have a third of the rows."""
    sunday = (FIRST + timedelta(days=at)).weekday() == 6
    return {"x": [draw.gauss(0, 1) for _ in range(100 if sunday else 300)]}


def test_a_sunday_is_like_other_sundays_and_a_monday_like_a_sunday_is_not() -> None:
    same = Baseline(nights=5, at_least=4, same_weekday=True)
    draw = dice(1)
    past = [profile(at, weekly(draw, at)) for at in range(35)]
    thin, full = ({"x": [draw.gauss(0, 1) for _ in range(rows)]} for rows in (100, 300))
    sunday, monday = 40, 41

    def rows_of(at: int, day: Day, wanted: Baseline) -> str:
        [found] = [one for one in compare(wanted, past, profile(at, day)) if one.key[:2] == (ROW, "rows")]
        return found.verdict.answer

    assert (FIRST + timedelta(days=sunday)).weekday() == 6
    assert rows_of(sunday, thin, same) == rows_of(monday, full, same) == "ok"
    assert rows_of(monday, thin, same) == rows_of(sunday, full, same) == "breached"
    few = compare(same, past[-21:], profile(sunday, thin))
    assert too_little_history(same, few) == ["not compared, too little history: 3 of 4 nights of the same weekday"]


def test_a_value_that_was_never_seen_and_one_that_is_gone_are_both_breached() -> None:
    def made(draw: random.Random, at: int) -> Day:
        return {"code": ["a" if place % 4 else "b" for place in range(400)]}

    names = [one.name for one in breached(made, {"code": ["a" if place % 4 else "c" for place in range(400)]})]
    assert sorted(names) == ["code shares 'b'", "code shares 'c'"]
    many = [str(place) for place in range(400)]
    assert "code shares 'other values'" in [one.name for one in breached(made, {"code": many})]


def test_a_column_that_is_new_is_told_and_stops_nothing() -> None:
    draw = dice(1)
    past = [profile(at, ordinary(draw, at)) for at in range(20)]
    day = {**ordinary(draw, 20), "new": [1.0] * 4000}
    found = compare(Baseline(), past, profile(20, day))
    assert too_little_history(Baseline(), found) == ["too little history of new: less than 14 nights with values"]
    assert {one.verdict.answer for one in found if one.key[0] == "new"} == {"too little history"}
