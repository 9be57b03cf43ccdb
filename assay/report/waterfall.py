"""How inputs lead from what is known of nothing to a prediction: a bar for each, one below the other."""

from __future__ import annotations

import math
from decimal import Decimal

from markupsafe import Markup

from assay.report import text
from assay.report.explanation import InputFacts, PredictionFacts
from assay.report.svg import Axis, Canvas, axis

BARS = 12
"""Most inputs with a bar of their own; what the others do is one bar."""
_ROW, _TOP, _BOTTOM = 38, 26, 66
_WIDTH, _LEFT, _RIGHT = 400, 8, 392


def waterfall(prediction: PredictionFacts) -> Markup:
    """A prediction's margin, from the bias by the contributions of its inputs.

    Each bar begins where the one above it ends. Its input and value are written above it, its contribution on the right.
    """
    shown, others = prediction.inputs[:BARS], prediction.inputs[BARS:]
    steps = [(_named(each), each.contribution) for each in shown]
    if others:
        steps.append((f"{len(others)} other inputs", sum(each.contribution for each in others)))
    ends = [prediction.bias]
    for _, contribution in steps:
        ends.append(ends[-1] + contribution)
    height = _TOP + _ROW * len(steps) + _BOTTOM
    label = f"From {value_of(prediction.bias)}, when nothing is known, to {value_of(prediction.margin)}: " + "; ".join(
        f"{name} {signed(contribution)}" for name, contribution in steps
    )
    canvas = Canvas(_WIDTH, height, label)
    x = axis(ends, _LEFT + 14, _RIGHT - 14, low=None)
    for tick in x.ticks:
        canvas.add("line", "grid", x1=x(tick), x2=x(tick), y1=_TOP - 4, y2=height - _BOTTOM)
    for at, end in enumerate(ends):  # from each bar to the next, below the words
        canvas.add("line", "grid", x1=x(end), x2=x(end), y1=_TOP + at * _ROW - 8, y2=_TOP + at * _ROW + 18)
    _end(canvas, x, prediction.bias, _TOP - 10, "nothing known", prediction)
    for at, ((name, contribution), begin, end) in enumerate(zip(steps, ends, ends[1:], strict=False)):
        _bar(canvas, x, _TOP + at * _ROW, name, contribution, begin, end)
    _end(canvas, x, ends[-1], height - _BOTTOM + 16, "this row", prediction)
    canvas.bottom(x, height, prediction.unit)
    return canvas.markup()


def _bar(canvas: Canvas, x: Axis, top: float, name: str, contribution: float, begin: float, end: float) -> None:
    css = "raises" if contribution > 0 else "lowers"
    canvas.write(name, _LEFT, top + 12)
    canvas.write(signed(contribution), _RIGHT, top + 12, "direct", anchor="end")
    left, right = min(x(begin), x(end)), max(x(begin), x(end))
    tip = f"{name}: {signed(contribution)}"
    canvas.add("rect", css, tip, x=left, y=top + 18, width=max(right - left, 1.0), height=12)


def _end(canvas: Canvas, x: Axis, at: float, y: float, words: str, prediction: PredictionFacts) -> None:
    """One end of the way: where it is, and what score that would be."""
    score = f" {text.metric(probability(at))}" if prediction.is_log_odds else f" {value_of(at)}"
    middle = (_LEFT + _RIGHT) / 2
    anchor = "start" if x(at) < middle else "end"
    canvas.add("circle", "dot small baseline", f"{words}: {value_of(at)}", cx=x(at), cy=y - 4, r=3)
    canvas.write(words + score, x(at) + (6 if anchor == "start" else -6), y, "direct", anchor=anchor)


def _named(facts: InputFacts) -> str:
    return f"{facts.input} = {value_of(facts.value)}"


def value_of(value: object) -> str:
    """A value as a reader wants it: `0.563`, `UA`, `missing`."""
    if value is None:
        return "missing"
    if isinstance(value, (float, Decimal)):
        return text.short(float(value)).replace("-", "\u2212") if math.isfinite(value) else str(value)
    return str(value)


def signed(contribution: float) -> str:
    """A contribution with its sign: `+0.348`, `-0.02` with a true minus."""
    return f"{contribution:+.3g}".replace("-", "\u2212")


def probability(log_odds: float) -> float:
    """What log odds are as a probability."""
    return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0
