"""Evidently's page of how a night's inputs compare with those of training: an extra, beside what `watch` finds."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from assay.errors import ConfigError

ROWS = 5_000
"""So many rows of each side are compared at most; the page holds no row of them."""


def check_installed() -> None:
    """ConfigError where the extra is not installed."""
    if find_spec("evidently") is None:
        raise ConfigError(
            "Evidently is not installed.",
            where="--evidently",
            do="uv pip install 'assay[evidently]', or pip install evidently",
        )


def write(training: pd.DataFrame, night: pd.DataFrame, path: Path) -> None:
    """Write a page that compares each column, by the test that Evidently chooses for it.

    Args:
        training: Rows of the training set, the columns that are inputs.
        night: Rows of the night, the same columns. One that has no value on either side is left out.
        path: The page: whole in itself, without network.
    """
    names = [name for name in training.columns if training[name].notna().any() and night[name].notna().any()]
    numbers = [name for name in names if all(pd.api.types.is_numeric_dtype(side[name]) for side in (training, night))]
    others = [name for name in names if name not in numbers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports, and of tests on few rows
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        definition = DataDefinition(numerical_columns=numbers, categorical_columns=others)

        def data(side: pd.DataFrame) -> Dataset:
            texts = {
                name: side[name].astype(object).where(side[name].isna(), side[name].astype(str)) for name in others
            }
            typed = side[names].astype(dict.fromkeys(numbers, "float64")).assign(**texts)
            return Dataset.from_pandas(typed, data_definition=definition)

        made = Report([DataDriftPreset()]).run(data(night), data(training))
        new = path.with_suffix(".new")
        made.save_html(str(new))
    new.replace(path)
