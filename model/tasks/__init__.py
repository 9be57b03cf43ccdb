"""Kinds of label, each in a file of its own, known by the name that a model's `task` gives."""

from model.tasks import binary, multiclass, ranking, regression
from model.tasks.task import Metrics, Task

TASKS = {
    "binary": Task(
        "binary:logistic",
        "logloss",
        "auc",
        greater_is_better=True,
        probability=True,
        metrics=binary.METRICS,
        evaluate=binary.evaluate,
    ),
    "multiclass": Task(
        "multi:softprob",
        "mlogloss",
        "log_loss",
        greater_is_better=False,
        probability=True,
        metrics=multiclass.METRICS,
        evaluate=multiclass.evaluate,
        scored=("score", multiclass.PREDICTED, multiclass.PROBABILITIES),
    ),
    "regression": Task(
        "reg:squarederror",
        "rmse",
        "rmse",
        greater_is_better=False,
        probability=False,
        metrics=regression.METRICS,
        evaluate=regression.evaluate,
    ),
    "ranking": Task(
        "rank:ndcg",
        "ndcg",
        "ndcg",
        greater_is_better=True,
        probability=False,
        metrics=ranking.METRICS,
        evaluate=ranking.evaluate,
    ),
}

__all__ = ["TASKS", "Metrics", "Task"]
