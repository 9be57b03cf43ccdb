"""Monitors of models: drift of what goes in and comes out, and what became of predictions. Each is known by its name."""

from model.monitors import drift, predecessor, quality  # noqa: F401  # known by name
from model.monitors.scored import Scored

__all__ = ["Scored"]
