"""What every job does with its arguments and its outcome."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, time, timedelta
from time import monotonic

from assay.cli import set_up_logging
from assay.config import FeatureTable, Model
from assay.errors import ConfigError, nearest
from assay.lakehouse import Lakehouse, open_lakehouse
from assay.ledger import Outcome
from assay.printable import printable
from assay.redaction import redacted
from assay.times import parse_as_of, parse_duration
from gold.definitions import differs, superseded
from model.registry import in_use, untouched
from model.roles import Change


def open_from(arguments: argparse.Namespace) -> Lakehouse:
    """The lakehouse that a job's arguments name, logging set up."""
    lakehouse = open_lakehouse(arguments.conf_dir, arguments.env)
    set_up_logging(verbose=arguments.verbose, lakehouse=lakehouse.name)
    return lakehouse


def night(arguments: argparse.Namespace, lakehouse: Lakehouse) -> datetime:
    """The as_of that a job's arguments name."""
    return parse_as_of(arguments.as_of, lakehouse.config.file.night.as_of)


def set_now(lakehouse: Lakehouse, now: str | None) -> None:
    """Take an instant for now, if one is given; time goes on from there."""
    if now is not None:
        then, began = parse_as_of(now, time()), monotonic()
        lakehouse.control.clock = lambda: then + timedelta(seconds=monotonic() - began)


def duration(text: str) -> timedelta:
    """A duration among a command's arguments; what is none is told as any other argument that is wrong."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def model_of(lakehouse: Lakehouse, name: str) -> Model:
    """A model of the lakehouse by its name; ConfigError for one that it does not have."""
    models = lakehouse.config.models
    if name not in models:
        raise ConfigError(
            f"There is no model {name}.", where="model", found=name, expected=nearest(name, models),
            do="assay models lists them",
        )  # fmt: skip
    return models[name]


def kept(lakehouse: Lakehouse) -> tuple[FeatureTable, ...]:
    """Older versions of feature tables that are still read, to be built beside those of today.

    A version of a model that is champion, challenger or the one before reads its features as they were defined when it was
    trained. MLflow is asked only where a definition has changed since one was.
    """
    changed = superseded(lakehouse)
    if not changed or untouched(lakehouse):
        return ()
    wanted = {
        found
        for model in lakehouse.config.models.values()
        for version in in_use(lakehouse, model)
        for table, features in version.artifact.reads.items()
        if (found := changed.get((table, version.artifact.definition(table)))) is not None
        and differs(lakehouse, found, features)
    }
    return tuple(
        found.older
        for found in sorted(wanted, key=lambda found: (found.table, found.version))
        if found.definition.source in lakehouse.config.sources
    )


def show(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    """Print what stages did: a line each and their notes, or one JSON object."""
    if as_json:
        print(json.dumps({"runs": [as_dict(outcome) for outcome in outcomes]}, default=str))  # noqa: T201  # a command's answer
        return
    for outcome in outcomes:
        print(line(outcome))  # noqa: T201
        for note in outcome.notes:
            print(f"    {printable(redacted(note))}")  # noqa: T201


def show_change(made: Change | None, otherwise: str, outcomes: Sequence[Outcome] = (), *, as_json: bool) -> None:
    """Print a change of roles, or what there is to say where none was made, and the runs that came with it."""
    if as_json:
        change = None if made is None else asdict(made)
        print(json.dumps({"change": change, "runs": [as_dict(outcome) for outcome in outcomes]}, default=str))  # noqa: T201
        return
    print(otherwise if made is None else printable(f"{made}. Gates {made.gates}"))  # noqa: T201
    if outcomes:
        show(outcomes, as_json=False)


def line(outcome: Outcome) -> str:
    """One line about a run: stage, night, what it did, seconds."""
    told = {
        "bronze": ("files", "records", "corrupt"),
        "silver": ("landed", "accepted", "quarantined", "duplicates"),
        "replay": ("replayed", "quarantined"),
        "train": ("promoted", "version", "trees"),
        "dbt": ("models", "tests"),
        "alerts": ("opened", "reminded", "resolved", "delivered", "failed"),
        "audit_replay": ("nights", "rows", "values", "differing"),
        "audit_leaks": ("rows", "values", "differing"),
        "watch": ("ok", "warn", "bad", "unknown"),
        "maintain": ("files", "merged", "removed"),
    }.get(outcome.stage, ("rows",))
    totals = {name: outcome.total(name) for name in told if any(found.metric == name for found in outcome.metrics)}
    numbers = ", ".join(f"{total:,.0f} {name}" for name, total in totals.items()) if any(totals.values()) else ""
    numbers = numbers or ", ".join(found.label for found in outcome.metrics if found.metric == "verdict")
    if outcome.status != "done":
        numbers = f"{outcome.status.upper()}: {printable(outcome.error.splitlines()[0])}"
    return (
        f"{outcome.stage:<13}{outcome.as_of:%Y-%m-%d %H:%M}Z  {numbers or 'nothing to do':<58} {outcome.seconds:6.1f} s"
    )


def as_dict(outcome: Outcome) -> dict[str, object]:
    """An outcome for machines."""
    names = dict.fromkeys(metric.metric for metric in outcome.metrics)
    return {
        "stage": outcome.stage,
        "as_of": outcome.as_of.isoformat(),
        "run_id": outcome.run_id,
        "status": outcome.status,
        **({"error": redacted(outcome.error)} if outcome.error else {}),
        "seconds": round(outcome.seconds, 3),
        "spark_jobs": outcome.spark_jobs,
        "cpu_seconds": outcome.cpu_seconds and round(outcome.cpu_seconds, 3),
        "shuffle_bytes": outcome.shuffle_bytes,
        "files_written": outcome.files_written,
        "totals": {name: outcome.total(name) for name in names},
        "notes": [redacted(note) for note in outcome.notes],
    }
