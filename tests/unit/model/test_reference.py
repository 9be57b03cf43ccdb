"""What is kept of a training: counts per bin, quantiles, and what was usual of a night; as JSON and back."""

import json
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from assay.frames import local_frame
from assay.report.training import SliceRow
from model.distances import index
from model.inputs import Encoding, Inputs
from model.reference import (
    LABELS,
    QUANTILES,
    Reference,
    Usual,
    as_read,
    distribution,
    quantiles_of,
    share_missing,
)

NUMBERS = pa.chunked_array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0, 9.0, 10.0, None, float("nan")]])
NIGHTS = np.array([1] * 6 + [2] * 6)
TEXTS = pa.chunked_array([["a", "a", "b"], [None, "a", "c"]])


def test_a_number_is_counted_by_the_deciles_of_its_values_and_missing_ones_apart() -> None:
    found = distribution(NUMBERS, NIGHTS)
    assert found.ends == tuple(float(n) for n in range(1, 10))
    assert found.counts == (*[1] * 10, 2)
    assert found.missing == pytest.approx(2 / 12)
    assert found.quantiles == pytest.approx(np.quantile(np.arange(1, 11), QUANTILES))
    assert found.count(pa.chunked_array([[0.5, 1.0, 1.5, 99.0, None]])).tolist() == [2, 1, *[0] * 7, 1, 1]


def test_a_category_is_counted_by_its_labels_the_others_together() -> None:
    found = distribution(TEXTS, np.array([1, 1, 1, 2, 2, 2]))
    assert found.labels == ("a", "b", "c")
    assert found.counts == (3, 1, 1, 0, 1)
    assert found.count(pa.chunked_array([["c", "new", None, "a", "newer"]])).tolist() == [1, 0, 1, 2, 1]
    many = distribution(pa.chunked_array([[f"v{n:03}" for n in range(LABELS + 7)]]), np.zeros(LABELS + 7, np.int64))
    assert many.counts[-2:] == (7, 0)
    assert len(many.labels or ()) == LABELS


def test_what_is_usual_of_a_night_is_how_far_the_nights_of_training_lay_from_all_of_them() -> None:
    found = distribution(NUMBERS, NIGHTS)
    whole = np.array(found.counts, np.float64)
    each = [found.count(pa.chunked_array([NUMBERS.to_pylist()[at : at + 6]])) for at in (0, 6)]
    psi = sorted(index(whole, night) for night in each)
    assert (found.psi, found.nulls) == (Usual(sum(psi) / 2, psi[1]), Usual(1 / 6, 2 / 6))
    assert distribution(NUMBERS, np.zeros(12, np.int64)).psi is None  # of one night nothing is usual


def test_a_column_without_any_value_has_a_distribution() -> None:
    found = distribution(pa.chunked_array([[None, None]], pa.float64()), np.array([1, 2]))
    assert (found.ends, found.counts, found.missing, found.quantiles) == ((), (0, 2), 1.0, ())
    assert quantiles_of(pa.chunked_array([[None]], pa.float64())).tolist() == []
    assert share_missing(np.zeros(3)) == 0


def test_a_reference_comes_back_from_json_as_it_was() -> None:
    slices = (SliceRow("origin", "EWR", {"rows": 12.0, "auc": 0.7}), SliceRow("origin", None, {"rows": 3.0}))
    made = Reference(
        {"temp": distribution(NUMBERS, NIGHTS), "kind": distribution(TEXTS, np.zeros(6, np.int64))},
        distribution(NUMBERS, NIGHTS), {"rows": 12.0, "auc": 0.66}, slices,
    )  # fmt: skip
    assert Reference.from_json(json.loads(json.dumps(made.to_json(), allow_nan=False))) == made
    without = Reference({}, None)
    assert Reference.from_json(json.loads(json.dumps(without.to_json()))) == without


def test_metrics_that_are_no_numbers_and_other_formats_are_left_out() -> None:
    made = Reference({}, None, {"auc": float("nan"), "rows": 3.0})
    assert made.to_json()["holdout"] == {"rows": 3.0}
    assert Reference.from_json({**made.to_json(), "format": 99}) is None


def test_numbers_and_times_are_measured_as_numbers_and_what_is_a_category_as_text(spark: SparkSession) -> None:
    inputs = Inputs(("stops", "many", "weight"), {"stops": ("1",)}, {"many": Encoding("many", {"1": 0.5}, 0.0)})
    row = {"stops": 3, "many": 4, "weight": Decimal("2.50"), "at": date(1970, 1, 2), "flag": True}
    frame = local_frame(spark, [row], "stops int, many bigint, weight decimal(5,2), at date, flag boolean")
    found = frame.select(*as_read(dict(frame.dtypes), inputs))
    assert [tuple(row) for row in found.collect()] == [("3", "4", 2.5, 86400.0, "true")]
