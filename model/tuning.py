"""A search for a model's parameters before it is trained: Optuna over folds in order of time.

Each fold is judged on nights after those that it learns from, whose labels were known by then. The holdout plays no part.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.config import Model
from assay.config.model import Tune, XGBoost
from assay.errors import ModelError
from assay.lakehouse import Lakehouse
from assay.ledger import key_of
from model.fitting import native
from model.fitting.parameters import parameters
from model.fitting.plan import plan
from model.fitting.rows import check_learnable, classes_of, prepared
from model.inputs import Inputs, fit, names_of
from model.split import TRAIN, VALIDATION, with_split
from model.tasks import TASKS

logger = logging.getLogger(__name__)

FIRST_TRIALS = 5
"""Trials that are never cut short: there is nothing to compare them with."""


@dataclass(frozen=True)
class Trial:
    """One trial of a search."""

    number: int
    parameters: Mapping[str, float]
    state: str
    """`complete`, or `pruned` where it was cut short."""

    loss: float | None
    """Mean over the folds that were judged."""

    seconds: float


@dataclass(frozen=True)
class Tuned:
    """What a search found."""

    model: Model
    """The model with the best trial's parameters."""

    trials: Sequence[Trial]


def tune(
    lakehouse: Lakehouse, model: Model, parts: DataFrame, nights: Sequence[tuple[datetime, datetime]], content: str
) -> Tuned:
    """Search, or go on with a search that was cut off: its trials are kept beside MLflow's runs.

    Args:
        lakehouse: Where the search is kept.
        model: What to tune, with `tune`.
        parts: The training set with `split`.
        nights: (as_of, when the last of its labels became known) of the nights that may be learned from.
        content: What the rows are: another training set begins another search.
    """
    import optuna

    asked = model.tune
    if asked is None:
        return Tuned(model, ())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    key = key_of(model.name, content, model.xgboost.model_dump(mode="json"), asked.model_dump(mode="json"))
    better = "maximize" if _greater_is_better(model) else "minimize"
    with _folds(model, parts, folds(nights, asked.folds)) as data:

        def objective(trial: Any) -> float:
            tried = with_parameters(model, _suggested(trial, asked))
            losses: list[float] = []
            for n, (matrices, fixed) in enumerate(data):
                found = _boosted(tried, matrices, fixed)
                losses.append(found)
                trial.report(sum(losses) / len(losses), n)
                if n + 1 < len(data) and trial.should_prune():
                    raise optuna.TrialPruned
            return sum(losses) / len(losses)

        study = optuna.create_study(
            storage=f"sqlite:///{lakehouse.folder('mlflow') / 'tuning.db'}", study_name=f"{model.name} {key}",
            load_if_exists=True, direction=better,
            sampler=optuna.samplers.TPESampler(seed=model.xgboost.seed, n_startup_trials=FIRST_TRIALS),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS),
        )  # fmt: skip
        study.optimize(objective, n_trials=max(asked.trials - len(_finished(study)), 0))
    best = with_parameters(model, study.best_params)
    logger.info("tuning %s: best loss %.6g with %s", model.name, study.best_value, study.best_params)
    return Tuned(best, [_trial(found) for found in _finished(study)])


def folds(
    nights: Sequence[tuple[datetime, datetime]], count: int
) -> list[tuple[frozenset[datetime], frozenset[datetime]]]:
    """The nights that each fold learns from, and those that it is judged on.

    Nights in order are cut into `count + 1` parts of about equal length; fold n is judged on part n + 1, and learns from
    the nights before it whose labels were known when it begins.
    """
    ordered = sorted(nights)
    size = len(ordered) / (count + 1)
    result = []
    for n in range(1, count + 1):
        judged = ordered[round(n * size) : round((n + 1) * size)]
        begin = judged[0][0] if judged else None
        learned = [as_of for as_of, known_at in ordered if begin is not None and as_of < begin and known_at <= begin]
        if not learned:
            raise ModelError(
                "There is too little history for the folds of a search.", found=f"{len(ordered)} nights to learn from",
                expected=f"nights with known labels before each of {count} folds",
                do="lower tune.folds, or land more history",
            )  # fmt: skip
        result.append((frozenset(learned), frozenset(as_of for as_of, _ in judged)))
    return result


def with_parameters(model: Model, found: Mapping[str, float]) -> Model:
    """The model with some parameters changed."""
    settings = XGBoost.model_validate({**model.xgboost.model_dump(), **found})
    return model.model_copy(update={"xgboost": settings})


@contextmanager
def _folds(
    model: Model, parts: DataFrame, found: Sequence[tuple[frozenset[datetime], frozenset[datetime]]]
) -> Iterator[list[tuple[native.Matrices, dict[str, Any]]]]:
    """Each fold's rows as XGBoost holds them, and the parameters that come from its rows."""
    judging = model.split.model_copy(update={"validation": model.split.validation or model.split.holdout})
    asked = model.model_copy(update={"split": judging})
    with ExitStack() as stack:
        data = []
        for learned, judged in found:
            ranges = {**dict.fromkeys(learned, TRAIN), **dict.fromkeys(judged, VALIDATION)}
            rows = with_split(parts, ranges, model.split.group, VALIDATION)
            inputs = fit(rows.where(F.col("split") == TRAIN), names_of(model, parts.columns), model.xgboost)
            count = check_learnable(rows, asked, f"gold.{model.name}_training")
            _check_memory(model, rows, inputs, count * len(found))
            classes = classes_of(rows, asked)
            matrices = stack.enter_context(native.matrices(prepared(rows, asked, inputs, classes), asked, inputs))
            data.append((matrices, parameters(model, inputs, rows, classes)))
        yield data


def _check_memory(model: Model, rows: DataFrame, inputs: Inputs, count: int) -> None:
    """All folds are in memory at once."""
    here = model.model_copy(update={"xgboost": model.xgboost.model_copy(update={"workers": 1, "path": "native"})})
    chosen = plan(rows.sparkSession, here, inputs, count)
    if chosen.external:
        raise ModelError(
            f"The rows of {model.name} are too many to tune in this process.", where=model.at("tune"),
            found=chosen.why, do="lower tune.folds or train.window, or tune on a machine with more memory",
        )  # fmt: skip


def _suggested(trial: Any, asked: Tune) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, within in asked.search.items():
        whole = XGBoost.model_fields[name].annotation is int
        suggest = trial.suggest_int if whole else trial.suggest_float
        ends = (int(within.low), int(within.high)) if whole else (within.low, within.high)
        found[name] = suggest(name, *ends, log=within.log)
    return found


def _boosted(tried: Model, matrices: native.Matrices, fixed: Mapping[str, Any]) -> float:
    """The loss on a fold's judged rows, after the round that is best where training stops early, else the last."""
    changed = tried.xgboost.model_dump(include=set(fixed) & set(XGBoost.model_fields))
    _, losses = native.boost(
        matrices, tried, {**fixed, **changed, "learning_rate": tried.xgboost.eta}, threads=tried.xgboost.threads
    )
    found = losses[VALIDATION]
    if tried.xgboost.early_stopping is None:
        return found[-1]
    return max(found) if _greater_is_better(tried) else min(found)


def _greater_is_better(model: Model) -> bool:
    """Of the loss that training looks at: only a ranking's grows."""
    return TASKS[model.task].loss == "ndcg"


def _finished(study: Any) -> list[Any]:
    import optuna

    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return list(study.get_trials(deepcopy=False, states=states))


def _trial(found: Any) -> Trial:
    seconds = found.duration.total_seconds() if found.duration else 0.0
    judged = list(found.intermediate_values.values())
    loss = found.value if found.value is not None else judged[-1] if judged else None
    return Trial(found.number, dict(found.params), found.state.name.lower(), loss, seconds)
