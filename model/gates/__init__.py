"""Gates: what a trained model must pass before it may become champion. Each is one function, known by its name.

A gate that cannot be evaluated has failed.
"""

from model.gates import champion, cost, drift, fairness, metric, model_bytes, slices, speed, volume  # noqa: F401  # known by name
from model.gates.check import asks_for, check_gates
from model.gates.gate import GATES, GateResult
from model.gates.judging import failed, judge

__all__ = ["GATES", "GateResult", "asks_for", "check_gates", "failed", "judge"]
