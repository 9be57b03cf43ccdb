"""A model, read from its file."""

from datetime import timedelta
from pathlib import Path

import pytest

from assay.config.load import read_document
from assay.config.model import Model
from assay.errors import ConfigError

GOOD = """\
description: Will it be late?
spine:
  train: select 1
  score: select 1
key: [flight]
features: {routes: all, planes: [year, seats]}
split: {validation: 4d, holdout: 1w}
xgboost: {eta: 0.05}
train: {every: 7d, window: 28d}
gates: {auc: {min: 0.62}}
"""


def read(folder: Path, text: str) -> Model:
    path = folder / "late.yml"
    path.write_text(text)
    return read_document(path, Model, name="late")


def refusal(folder: Path, text: str) -> tuple[str, str]:
    """What is wrong and where, the folder left out."""
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return caught.value.what.removeprefix("The configuration is not valid: "), caught.value.where.removeprefix(
        f"{folder}/"
    )


def test_model_is_read_typed_and_with_its_defaults(tmp_path: Path) -> None:
    model = read(tmp_path, GOOD)
    assert (model.split.validation, model.split.holdout) == (timedelta(days=4), timedelta(days=7))
    assert model.features == {"routes": "all", "planes": ("year", "seats")}
    assert model.gates == {"auc": {"min": 0.62}}
    assert model.xgboost.model_dump() == {
        "rounds": 200, "early_stopping": None, "categorical": (), "encode": {}, "balance": False, "monotone": (), "max_depth": 6, "eta": 0.05, "min_child_weight": 1.0,
        "subsample": 1.0, "colsample_bytree": 1.0, "reg_lambda": 1.0, "reg_alpha": 0.0, "gamma": 0.0, "seed": 7,
        "workers": 1, "threads": 1, "path": "auto",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "what", "where"),
    [
        (
            "xgboost: {eta: 0.05}",
            "xgboost: {max_dept: 4}",
            "unknown key max_dept: did you mean 'max_depth'?",
            "late.yml:8, key xgboost.max_dept",
        ),
        (
            "holdout: 1w",
            "hold_out: 1w",
            "unknown key hold_out: did you mean 'holdout'?",
            "late.yml:7, key split.hold_out",
        ),
        ("{eta: 0.05}", "{eta: 2}", "Input should be less than or equal to 1.", "late.yml:8, key xgboost.eta"),
        ("{eta: 0.05}", "{max_depth: 3.5}", "Input should be a valid integer", "late.yml:8, key xgboost.max_depth"),
        ("holdout: 1w", "holdout: 7", "7 is not a duration", "late.yml:7, key split.holdout"),
        ("  score: select 1\n", "", "Field required.", "late.yml:2, key spine.score"),
        ("train: {every: 7d, window: 28d}\n", "", "Field required.", "late.yml, key train"),
    ],
)
def test_model_that_is_wrong_is_refused_at_its_line(tmp_path: Path, old: str, new: str, what: str, where: str) -> None:
    found = refusal(tmp_path, GOOD.replace(old, new))
    assert (found[0][: len(what)], found[1]) == (what, where)


@pytest.mark.parametrize(
    ("new", "what"),
    [
        ("task: ranking", "Value error, rank_within goes with task: ranking, which needs it"),
        ("rank_within: [origin]", "Value error, rank_within goes with task: ranking, which needs it"),
        ("task: regression\nxgboost: {balance: true}", "Value error, xgboost.balance goes with task: binary"),
        ("task: multiclass\nxgboost: {balance: true}", "Value error, xgboost.balance goes with task: binary"),
        ("task: multiclass\nxgboost: {monotone: [hour]}", "of several classes there is none to raise"),
        ("task: multiclass\nxgboost: {encode: {dest: target}}", "takes the mean of the label; classes have none"),
        (
            "tune: {trials: 9, search: {eta: {low: 0.3, high: 0.1}}}",
            "search.eta goes from a low to a higher value, above 0 where it is log",
        ),
        ("tune: {trials: 9, search: {eta: {low: 0.3, high: 1.5}}}", "less than or equal to 1"),
        ("tune: {trials: 9, search: {}}", "at least 1 item"),
    ],
)
def test_model_refuses_what_does_not_go_with_its_task(tmp_path: Path, new: str, what: str) -> None:
    assert what.removeprefix("Value error, ") in refusal(tmp_path, GOOD.replace("xgboost: {eta: 0.05}", new))[0]


def test_early_stopping_needs_a_validation_range(tmp_path: Path) -> None:
    text = GOOD.replace("validation: 4d, ", "").replace("eta: 0.05", "early_stopping: 5")
    what, where = refusal(tmp_path, text)
    assert what == "xgboost.early_stopping needs split.validation, the rows that it looks at."
    assert where == "late.yml"
