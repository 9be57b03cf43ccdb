"""Judging: every gate that a model names has a verdict. One that cannot be evaluated has failed."""

import logging
import math
from collections.abc import Sequence

from assay.explained import first_lines
from model.candidate import Candidate
from model.gates.check import settings_of
from model.gates.gate import GATES, Found, GateResult, NotJudgedError, Settings, kind_of

logger = logging.getLogger(__name__)


def judge(candidate: Candidate) -> list[GateResult]:
    """The verdict of every gate of a model, in the order of its file."""
    return [result for name in candidate.model.gates for result in _of(candidate, name)]


def _of(candidate: Candidate, name: str) -> list[GateResult]:
    settings = settings_of(candidate.model, name)
    try:
        found = list(GATES[kind_of(name)].judge(candidate, settings)) or [_not_judged(settings, "it looked at nothing")]
    except NotJudgedError as reason:
        found = [_not_judged(settings, str(reason))]
    except Exception as error:  # whatever has happened, the model has not shown that it passes
        logger.warning("the gate %s of %s stopped", name, candidate.model.name, exc_info=error)
        found = [_not_judged(settings, f"{type(error).__name__}: {first_lines(error)}")]
    return [
        GateResult(f"{name}.{each.part}" if each.part else name, each.value, each.limit, each.passed, each.why)
        for each in found
    ]


def _not_judged(settings: Settings, reason: str) -> Found:
    return Found(math.nan, settings.limit, passed=False, why=f"cannot be judged: {reason}")


def failed(results: Sequence[GateResult]) -> list[GateResult]:
    """The verdicts that keep a model from becoming champion."""
    return [result for result in results if not result.passed]
