"""What monitors of a model say of a night, from a reference and from values that are given."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

import model.monitors.quality as quality_module
from assay.monitors import NotToldError
from assay.monitors.night import Did
from assay.report.training import SliceRow
from assay.watch import Finding
from model.compare import Comparison
from model.monitors.drift import Drift, InputDrift, Nulls, drift, drifted, nulls, score_drift
from model.monitors.quality import Ahead, Quality, challenger, quality
from model.monitors.scored import ALL, Scored
from model.reference import Distribution, Reference, Usual, distribution

AS_OF = datetime(2026, 3, 20, tzinfo=UTC)
RANDOM = np.random.default_rng(3)


def column(values: Any) -> Any:
    return pa.chunked_array([pa.array(values, pa.float64(), from_pandas=True)])


TRAINED = distribution(column(RANDOM.normal(0, 1, 4_000)), np.repeat(np.arange(20), 200))


def scored(
    reference: Reference | None, task: str = "regression", realised: Any = None, shadow: bool = True, **seen: Any
) -> Scored:
    """A model's night of which all is given."""
    stages = {("score", "late"): Did("done", 1.0, {("late", "version"): 7.0})}
    stages |= {("shadow", "late"): Did("done", 1.0)} if shadow else {}
    night: Any = SimpleNamespace(as_of=AS_OF, stages=stages, before=lambda _window: [])
    made = Scored(Any, SimpleNamespace(name="late", task=task), night, lambda: None)  # type: ignore[arg-type, return-value]
    made.__dict__["registered"] = SimpleNamespace(artifact=SimpleNamespace(reference=reference))
    made.__dict__.update(seen)
    if realised is not None:
        made.__dict__["realised"] = lambda _window: realised
    made.__dict__.update(predictions=lambda _window: None, known=lambda _window: None)
    return made


def of(values: Any, trained: Distribution = TRAINED, **settings: Any) -> Finding:
    return drifted("features:late", "drift", "temp", trained, column(values), Drift(**settings))


def test_values_as_in_training_are_ok_and_others_are_bad_with_value_and_limit() -> None:
    same, moved = of(RANDOM.normal(0, 1, 500)), of(RANDOM.normal(1.5, 1, 500))
    assert (same.status, moved.status) == ("ok", "bad")
    assert moved.value is not None
    assert moved.limit == 0.25
    assert moved.value > 1
    assert moved.why.startswith(
        f"temp is {moved.value:.2f} from training by its stability index on 500 rows, 0.25 pass; "
    )
    assert set(moved.details) == {"jensen_shannon", "missing", "missing_in_training", "rows", "quantile_distance"}
    assert moved.details["quantile_distance"] == pytest.approx(1.5 / 3.29, rel=0.15)  # the range is of 5% to 95%


def test_what_lies_between_is_worth_a_look() -> None:
    assert of(RANDOM.normal(0.45, 1, 4_000)).status == "warn"


def test_what_nights_of_training_had_is_no_drift() -> None:
    usual = Distribution(**{**TRAINED.__dict__, "psi": Usual(1.0, 2.0)})
    moved = RANDOM.normal(1.5, 1, 500)
    found = of(moved, usual)
    assert (found.status, found.expected, found.limit) == ("ok", 1.0, 3.0)
    assert of(moved, usual, times=1).limit == 2.0
    assert "nights of training had 1.00, at most 2.00" in found.why


def test_what_chance_gives_few_rows_is_no_drift_and_of_fewer_nothing_is_said() -> None:
    statuses = [of(RANDOM.normal(0, 1, 50)).status for _ in range(100)]
    assert statuses.count("ok") >= 97
    few = of(RANDOM.normal(9, 1, 49))
    assert (few.status, few.value) == ("unknown", None)
    assert few.why == "Cannot be told: the night has 49 rows, and 50 are needed."


def test_inputs_are_those_of_the_patterns_and_one_that_is_lacking_is_unknown() -> None:
    inputs = pa.table({"temp": RANDOM.normal(0, 1, 99)})
    night = scored(Reference({"temp": TRAINED, "gone": TRAINED, "wind": TRAINED}, None), inputs=inputs)
    told = {each.name: each.status for each in drift(night, InputDrift(inputs=("temp", "g*")))}
    assert told == {"temp": "ok", "gone": "unknown"}
    with pytest.raises(NotToldError, match="version 7 had no holdout"):
        list(score_drift(night, Drift()))


def test_more_missing_values_than_training_ever_had_are_bad() -> None:
    reference = Reference({"temp": Distribution(**{**TRAINED.__dict__, "nulls": Usual(0.0, 0.2)})}, None)
    for missing, status in ((0.29, "ok"), (0.31, "bad")):  # one and a half times the night of training with the most
        values = np.where(np.arange(1_000) < missing * 1_000, np.nan, 1.0)
        [one] = nulls(scored(reference, inputs=pa.table({"temp": column(values)})), Nulls())
        assert (one.value, one.limit) == pytest.approx((missing, 0.3))
        assert one.status == status
        assert one.expected == 0


def test_a_version_of_before_has_no_reference_and_says_so() -> None:
    for look in (drift(scored(None), InputDrift()), quality(scored(None), Quality())):
        with pytest.raises(NotToldError, match="version 7, which scored, was trained before references were kept"):
            list(look)


def test_realised_metrics_may_be_so_much_worse_than_the_holdout_s() -> None:
    reference = Reference({}, None, {"rows": 900, "rmse": 10.0, "mae": 7.0, "r2": 0.5},
                          (SliceRow("courier", "ada", {"rows": 400, "rmse": 8.0}),))  # fmt: skip
    realised = {
        (ALL, None): {"rows": 300, "rmse": 12.9, "mae": 9.2, "r2": 0.25},
        ("courier", "ada"): {"rows": 199, "rmse": 99.0},
    }
    found = {each.name: each for each in quality(scored(reference, realised=realised), Quality())}
    assert {name: (each.status, each.limit) for name, each in found.items()} == {
        "rmse": ("ok", pytest.approx(13.0)), "mae": ("bad", pytest.approx(9.1)), "r2": ("bad", pytest.approx(0.3)),
        "rmse courier=ada": ("unknown", None),
    }  # fmt: skip
    assert found["r2"].why == (
        "r2 is 0.250 on 300 predictions whose labels are known; 0.500 on the holdout, at least 0.300 is asked."
    )
    tighter = {
        each.name: each.status for each in quality(scored(reference, realised=realised), Quality(worse={"rmse": 0.2}))
    }
    assert tighter["rmse"] == "bad"
    few = scored(reference, realised={(ALL, None): {"rows": 3}})
    with pytest.raises(NotToldError, match="3 predictions of the last 7 days have a label by now, and 200 are needed"):
        list(quality(few, Quality()))
    with pytest.raises(ValidationError, match="did you mean 'rmse'"):
        Quality(worse={"rmsee": 1.0})


def test_a_challenger_that_is_ahead_is_worth_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"champion": (3,), "challenger": (4,)}
    together = Comparison(
        None, versions, {"champion": {"rows": 500, "rmse": 10.0}, "challenger": {"rows": 500, "rmse": 9.7}}
    )
    monkeypatch.setattr(quality_module, "compare", lambda *_: [together])
    [one] = challenger(scored(None), Ahead())
    assert (one.value, one.limit) == pytest.approx((0.3, 0.2))
    assert one.status == "warn"
    assert next(iter(challenger(scored(None), Ahead(lead=0.05)))).status == "ok"
    with pytest.raises(NotToldError, match="both have scored 500 rows with a label, and 501 are needed"):
        list(challenger(scored(None), Ahead(rows=501)))
    assert list(challenger(scored(None, shadow=False), Ahead())) == []
    assert Ahead().window == timedelta(days=7)
