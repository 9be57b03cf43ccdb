"""Typed configuration: YAML in, frozen models out."""

from assay.config.column import Column, Derived
from assay.config.environment import Environment
from assay.config.features import Feature, FeatureColumn, FeatureTable
from assay.config.lakehouse import LakehouseConfig
from assay.config.load import load_environment, load_lakehouse
from assay.config.model import Model
from assay.config.source import Source

__all__ = [
    "Column",
    "Derived",
    "Environment",
    "Feature",
    "FeatureColumn",
    "FeatureTable",
    "LakehouseConfig",
    "Model",
    "Source",
    "load_environment",
    "load_lakehouse",
]
