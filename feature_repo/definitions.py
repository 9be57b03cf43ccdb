"""Feast's objects for the lakehouse that `ASSAY_CONF` names, built from its YAML. Nothing is defined here by hand.

Feast imports this file and takes every entity, view and service that it finds in it.
"""

import os
from pathlib import Path

from assay.lakehouse import open_lakehouse
from gold.feast_objects import objects

_conf = os.environ.get("ASSAY_CONF", "conf/flights")
_lakehouse = open_lakehouse(Path(__file__).parent.parent / _conf, os.environ.get("ASSAY_ENV", "local"))

globals().update({f"{type(found).__name__.lower()}_{found.name}": found for found in objects(_lakehouse)})
