"""A model: label, features, split, estimator, gates and scoring."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from assay.config.base import Config, Document, Identifier
from assay.times import Duration


class Spine(Config):
    """The rows to predict, by SQL over silver as of the run.

    Tables are named by their source (`outcomes`); `:as_of` is the run's as_of. Both queries return the model's key
    and `as_of`, the moment that a nightly run scores the row.
    """

    train: str
    """Returns also `label`, and `label_known_at`: when the label became available; and `weight`, if the model has one."""

    score: str
    """The rows that the night of `:as_of` predicts."""


class Split(Config):
    """Ranges of time, newest last: train, then validation, then holdout."""

    validation: Duration | None = None
    """Days for early stopping; none by default, where the number of rounds is fixed."""

    holdout: Duration
    """The newest days, for metrics and gates only."""

    group: Identifier | None = None
    """A column of the spine whose values stay together: rows of a group of the holdout are not trained on."""


class XGBoost(Config):
    """Parameters of the boosted trees, as XGBoost names them."""

    rounds: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Most boosting rounds."""

    early_stopping: Annotated[int, Field(ge=1)] | None = None
    """Rounds without a better validation loss before training stops; by default all rounds are trained."""

    categorical: tuple[Identifier, ...] = ()
    """Inputs split by category; all other inputs are numbers."""

    encode: dict[Identifier, Literal["target", "frequency", "one_hot"]] = {}
    """Inputs that are categories and become numbers fitted on the training range: the label's mean, smoothed; the share
    of rows; or a column per category."""

    balance: bool = False
    """Weigh positive labels by how much rarer they are in the training range; for `binary`."""

    monotone: tuple[str, ...] = ()
    """Inputs that may only raise the score; `*` at an end stands for anything, as in `*late_rate*`."""

    max_depth: Annotated[int, Field(ge=1, le=20)] = 6
    """Depth of a tree."""

    eta: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Learning rate."""

    min_child_weight: Annotated[float, Field(ge=0)] = 1.0
    """Least sum of hessians in a leaf."""

    subsample: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of rows per tree."""

    colsample_bytree: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of inputs per tree."""

    reg_lambda: Annotated[float, Field(ge=0)] = 1.0
    """L2 penalty on leaf weights."""

    reg_alpha: Annotated[float, Field(ge=0)] = 0.0
    """L1 penalty on leaf weights."""

    gamma: Annotated[float, Field(ge=0)] = 0.0
    """Least loss reduction for a split."""

    seed: int = 7
    """Seed of everything random."""

    workers: Annotated[int, Field(ge=1)] = 1
    """Spark tasks that train together; one gives the same trees every time."""

    threads: Annotated[int, Field(ge=1)] = 1
    """Threads of a training in this process; another number of them may give other trees."""

    path: Literal["auto", "spark", "native"] = "auto"
    """How to train: by Spark tasks, or in this process from files of the training set's rows. By default by Spark on a
    cluster or with more than one worker, else in this process, on disk where the rows' estimated bytes do not fit."""


class Range(Config):
    """What a search may try for one parameter."""

    low: float
    """Least value."""

    high: float
    """Greatest value."""

    log: bool = False
    """Whether to search evenly over orders of magnitude."""


class Tune(Config):
    """A search for parameters before training, by Optuna over folds in order of time."""

    trials: Annotated[int, Field(ge=1, le=10_000)]
    """Trials in all; a search that was cut off goes on where it was."""

    folds: Annotated[int, Field(ge=2, le=20)] = 3
    """Folds: each is judged on nights after those that it trains on."""

    search: Annotated[
        dict[
            Literal[
                "rounds",
                "max_depth",
                "eta",
                "min_child_weight",
                "subsample",
                "colsample_bytree",
                "reg_lambda",
                "reg_alpha",
                "gamma",
            ],
            Range,
        ],
        Field(min_length=1),
    ]
    """Parameter of `xgboost` -> what to try."""

    @model_validator(mode="after")
    def _ranges_are_of_what_xgboost_takes(self) -> Self:
        for name, within in self.search.items():
            if within.low >= within.high or (within.log and within.low <= 0):
                raise ValueError(f"search.{name} goes from a low to a higher value, above 0 where it is log")
            for end in (within.low, within.high):
                XGBoost.model_validate({name: end})
        return self


class Train(Config):
    """When to train, and on what."""

    every: Duration
    """A nightly run trains when the champion is older than this."""

    retry: Duration = timedelta(days=1)
    """However old the champion is, a nightly run waits so long after a training that its gates refused: what bounds the cost
    while they do. By default the next night trains again."""

    window: Duration
    """Rows as of this long before the run are in the training set."""


class Retrain(Config):
    """When to train before `train.every` is over: on what monitors found of nights since the last training."""

    monitors: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Monitors of the model, `drift` or `quality`: one whose finding is bad asks for a training."""

    nights: Annotated[int, Field(ge=1)] = 1
    """On so many nights, one after the other."""

    cooldown: Duration
    """So long after the last training, whatever its gates said, nothing is trained: what bounds the cost."""


class Rollback(Config):
    """When the version before becomes champion again: once the monitor `predecessor` finds that it would have been better."""

    nights: Annotated[int, Field(ge=1)] = 2
    """On so many nights, one after the other."""


class Policy(Config):
    """What a nightly run does by itself about what is watched."""

    retrain: Retrain | None = None
    """Train early; by default only `train.every` counts."""

    rollback: Rollback | None = None
    """Go back to the version before; by default people do."""


class Model(Document):
    """A model: what it predicts, from what, and when it may be used."""

    name: Identifier
    """The file's name without `.yml`."""

    description: str
    """What is predicted, for people."""

    task: Literal["binary", "multiclass", "regression", "ranking"] = "binary"
    """The kind of label: yes or no; one of several classes; a number; or how relevant a row is among those it is ranked
    with."""

    spine: Spine
    """The rows to predict."""

    key: tuple[Identifier, ...]
    """Columns that identify a prediction of a night."""

    features: dict[Identifier, Literal["all"] | tuple[Identifier, ...]]
    """Feature tables, and which of their features."""

    request: dict[Identifier, str] = {}
    """Inputs computed from the spine's row and its features (`<table>__<feature>`), by SQL expression, the same in training
    and scoring."""

    rank_within: tuple[Identifier, ...] = ()
    """Columns of the spine: rows alike in them, and of one `as_of`, are ranked among each other; for `ranking`."""

    weight: Identifier | None = None
    """A column of `spine.train`, greater than 0, by which a row counts in training. Metrics count each row once."""

    slices: tuple[Identifier, ...] = ()
    """Columns of the spine whose values the holdout's metrics are also told for."""

    split: Split
    """How the training set is split in time."""

    xgboost: XGBoost = XGBoost()
    """The estimator."""

    train: Train
    """When to train, and on what."""

    tune: Tune | None = None
    """A search for parameters before each training; none by default."""

    gates: dict[str, dict[str, Any]]
    """What a trained model must pass to become champion: `auc: {min: 0.62}`."""

    promote: Literal["at_once", "by_hand"] = "at_once"
    """What becomes of a training that passes its gates: champion; or challenger, which scores in the champion's shadow
    until `assay promote`."""

    monitoring: dict[str, dict[str, Any]] = {}
    """What is watched of every night, where it is not the monitor's own: `drift: {max: 0.5}`, `nulls: {enabled: false}`."""

    policy: Policy = Policy()
    """What a nightly run does by itself about what is watched: train early, go back to the version before."""

    contributions: Annotated[int, Field(ge=0, le=100)] = 0
    """How many inputs of most influence are kept with each prediction, by TreeSHAP."""

    @model_validator(mode="after")
    def _ranking_has_groups(self) -> Self:
        if (self.task == "ranking") != bool(self.rank_within):
            raise ValueError("rank_within goes with task: ranking, which needs it")
        return self

    @model_validator(mode="after")
    def _balance_is_of_two_classes(self) -> Self:
        if self.xgboost.balance and self.task != "binary":
            raise ValueError("xgboost.balance goes with task: binary")
        return self

    @model_validator(mode="after")
    def _classes_have_no_order(self) -> Self:
        if self.task == "multiclass":
            if self.xgboost.monotone:
                raise ValueError("xgboost.monotone raises a score; of several classes there is none to raise")
            if "target" in self.xgboost.encode.values():
                raise ValueError("xgboost.encode by target takes the mean of the label; classes have none")
        return self

    @model_validator(mode="after")
    def _early_stopping_has_rows(self) -> Self:
        if self.xgboost.early_stopping is not None and self.split.validation is None:
            raise ValueError("xgboost.early_stopping needs split.validation, the rows that it looks at")
        return self
