"""Faults to rehearse on a copy of a lakehouse. Each is planted, met by what a night runs, and held or not."""

from jobs.drills import bad_file, drift, gate
from jobs.drills.fault import Fault, Rehearsal, Wish

FAULTS: dict[str, Fault] = {"bad-file": bad_file.run, "drift": drift.run, "gate": gate.run}
"""By the name that `assay drill` takes."""

__all__ = ["FAULTS", "Fault", "Rehearsal", "Wish"]
