"""Kinds of label, each in a file of its own, known by the name that a model's `task` gives."""

from model.tasks import binary
from model.tasks.task import Metrics, Task

TASKS = {
    "binary": Task(
        "binary:logistic", "logloss", "auc", greater_is_better=True, probability=True, evaluate=binary.evaluate
    ),
}

__all__ = ["TASKS", "Metrics", "Task"]
