"""XGBoost's parameters from the configuration."""

import pytest

from assay.config.model import Model
from assay.errors import ModelError
from model.fitting.parameters import monotone
from model.inputs import Inputs

INPUTS = Inputs(("carrier", "routes__late_rate_7d", "hour"), {"carrier": ("AA", "UA")})


def model(*monotone: str) -> Model:
    return Model.model_validate(
        {
            "name": "late",
            "description": "Will it be late?",
            "spine": {"train": "select 1", "score": "select 1"},
            "key": ["flight"],
            "features": {},
            "split": {"holdout": "1d"},
            "xgboost": {"monotone": monotone},
            "train": {"every": "1d", "window": "7d"},
            "gates": {"auc": {"min": 0.5}},
        }
    )


def test_monotone_marks_the_inputs_that_a_pattern_fits() -> None:
    assert monotone(model("*late_rate*", "hour"), INPUTS) == "(0,1,1)"
    assert monotone(model(), INPUTS) == "(0,0,0)"


def test_monotone_pattern_that_fits_nothing_is_refused() -> None:
    with pytest.raises(ModelError, match=r"No input of late is named like '\*delay'") as caught:
        monotone(model("*delay"), INPUTS)
    assert caught.value.expected == "an input or a pattern of inputs: carrier, routes__late_rate_7d, hour"
