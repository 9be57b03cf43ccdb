"""Speed is measured on this machine: real trees, and limits that no machine is near to."""

from collections.abc import Callable

import numpy as np
import xgboost as xgb

from model.artifact import Artifact
from model.candidate import Candidate
from model.gates import judge
from model.inputs import Inputs

NewCandidate = Callable[..., Candidate]


def test_speed_tells_rows_per_second_and_the_latency_of_one_row(new_candidate: NewCandidate) -> None:
    random = np.random.default_rng(1)
    numbers = np.column_stack([random.random(100), random.integers(0, 2, 100)])
    inputs = Inputs(("hour", "carrier"), {"carrier": ("AA", "UA")})
    data = xgb.DMatrix(numbers, random.integers(0, 2, 100), feature_types=inputs.types, enable_categorical=True)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, 3)
    trees = Artifact("late", bytes(booster.save_raw("ubj")), 2, inputs, {})
    rows = [
        (n, "2013-03-01", float(hour) if n % 3 else None, "AA" if n % 2 else None)
        for n, (hour, _) in enumerate(numbers)
    ]
    gates = {
        "speed": {"rows_per_second": 1, "latency_ms": 60_000},
        "speed.slow": {"rows_per_second": 1e12},
        "speed.late": {"latency_ms": 0.001},
    }
    found = judge(new_candidate(rows, "id int, as_of string, hour double, carrier string", artifact=trees, gates=gates))
    assert [(each.gate, each.limit, each.passed) for each in found] == [
        ("speed.rows_per_second", "at least 1 rows/s", True),
        ("speed.latency_ms", "at most 60,000 ms", True),
        ("speed.slow.rows_per_second", "at least 1,000,000,000,000 rows/s", False),
        ("speed.late.latency_ms", "at most 0.001 ms", False),
    ]
    assert all(each.value > 0 for each in found)
    assert found[0].why.endswith("rows a second by one thread, the median of 5 batches of 10,000")
