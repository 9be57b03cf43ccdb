"""Monitors of feeds and stages; each is one function, known by its name. Those of models are in `model.monitors`."""

from assay.monitors import freshness, stages, volume  # noqa: F401  # known by name
from assay.monitors.monitor import EVALUATION, MONITORS, NotToldError, Settings, evaluate, monitor, settings_of
from assay.monitors.night import Night

__all__ = ["EVALUATION", "MONITORS", "Night", "NotToldError", "Settings", "evaluate", "monitor", "settings_of"]
