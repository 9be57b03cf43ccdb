"""What a nightly run does by itself about what was watched: train early, go back to the version before.

The decisions are made of the findings of `ops.watch` alone, and of who has which role; each is a row of the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from assay import ledger
from assay.config import Model
from assay.config.base import Document
from assay.errors import nearest
from assay.lakehouse import Lakehouse
from assay.lease import lease
from assay.ledger import Metric, Outcome
from assay.monitors import MONITORS
from assay.stages import run_stage
from assay.watch import BAD, Finding, Watched, watched
from model.monitors.predecessor import PREDECESSOR, VERSION
from model.promotion import LEASE, rollback
from model.registry import CHAMPION, PREVIOUS, aliases, untouched

STAGE = "policy"
RETRAIN, ROLLBACK = "retrain", "rollback"
MISSED = timedelta(days=7)
"""So many nights without a watch may lie between those that count."""


@dataclass(frozen=True)
class Decision:
    """Something that is done without anybody asking."""

    action: str
    """`retrain` or `rollback`."""
    why: str
    found: Finding
    """What was bad on the last of the nights; of several, the first."""


def check_policy(model: Model) -> None:
    """Raise ConfigError where a model's policy names a monitor that there is not, or one that is not watched."""
    asked = model.policy
    named = [("retrain", name) for name in (asked.retrain.monitors if asked.retrain else ())]
    known = {name for name, found in MONITORS.items() if found.of == "model"}
    for part, name in [*named, *([("rollback", PREDECESSOR)] if asked.rollback else [])]:
        if name not in known:
            raise _error(model, part, f"There is no monitor {name!r} of a model.", name, nearest(name, known))
        if not model.monitoring.get(name, {}).get("enabled", True):
            raise _error(model, part, f"The monitor {name!r} is not enabled, and decides.", name, "monitoring of it")


def _error(model: Document, part: str, what: str, found: str, expected: str) -> Exception:
    return model.error(what, "policy", part, found=found, expected=expected)


def decisions(lakehouse: Lakehouse, model: Model, as_of: datetime) -> list[Decision]:
    """What a model's policy says before a night, by what was found of the nights before it; ConfigError where it cannot say it.

    A rollback comes first. A night that is done again is decided again, by the same findings: who has which role by then, and
    what was trained, says what is left to do.
    """
    asked = model.policy
    if not (asked.retrain or asked.rollback):
        return []
    check_policy(model)
    if untouched(lakehouse):
        return []
    most = max(each.nights for each in (asked.retrain, asked.rollback) if each is not None)
    nights = watched(lakehouse, as_of - most * timedelta(days=1) - MISSED, as_of - timedelta(microseconds=1))
    held = aliases(lakehouse, model)
    both = [
        to_roll_back(model, nights, held.get(CHAMPION))
        if held.get(PREVIOUS) not in (None, held.get(CHAMPION))
        else None,
        to_retrain(model, nights, last_training(lakehouse, model, as_of), as_of),
    ]
    return [each for each in both if each is not None]


def to_roll_back(model: Model, nights: Sequence[Watched], champion: int | None) -> Decision | None:
    """Whether the version before would have been better than this champion, on each of the last nights."""
    asked = model.policy.rollback
    if asked is None or champion is None:
        return None
    bad = [
        [each for each in _bad(model, night, (PREDECESSOR,)) if each.details.get(VERSION) == champion]
        for night in nights[-asked.nights :]
    ]
    if len(bad) < asked.nights or not all(bad):
        return None
    return Decision(ROLLBACK, _told(nights[-asked.nights :], bad), bad[-1][0])


def to_retrain(model: Model, nights: Sequence[Watched], trained: datetime | None, as_of: datetime) -> Decision | None:
    """Whether one of the monitors that the policy names found something bad on each of the last nights since the last training,
    and that is not too recent.
    """
    asked = model.policy.retrain
    if asked is None or (trained is not None and as_of - trained < asked.cooldown):
        return None
    since = [night for night in nights if trained is None or night.as_of >= trained][-asked.nights :]
    bad = [_bad(model, night, asked.monitors) for night in since]
    if len(bad) < asked.nights or not all(bad):
        return None
    return Decision(RETRAIN, _told(since, bad), bad[-1][0])


def last_training(lakehouse: Lakehouse, model: Model, as_of: datetime) -> datetime | None:
    """The newest night, this one among them, for which a model was trained, whatever its gates said; as far back as its policy
    or its schedule looks.
    """
    back = max(
        model.train.every, model.train.retry, model.policy.retrain.cooldown if model.policy.retrain else timedelta()
    )
    done = ledger.known(lakehouse, [as_of - back]).done.items()
    return max(
        (at for (stage, at, _), made in done if (stage, made.target) == ("train", model.name) and at <= as_of),
        default=None,
    )


def run(lakehouse: Lakehouse, model: Model, as_of: datetime) -> Outcome:
    """Decide, put it on record, and go back to the version before where that is the decision. Training is the next stage's.

    Raises:
        ModelError: The version before cannot be read, or is not what was registered.
    """
    return run_stage(lakehouse, STAGE, as_of, partial(_run, lakehouse, model))


def _run(lakehouse: Lakehouse, model: Model, outcome: Outcome) -> None:
    for decision in decisions(lakehouse, model, outcome.as_of):
        found = decision.found
        told = {name: value for name, value in (("value", found.value), ("limit", found.limit)) if value is not None}
        outcome.metrics += [Metric(model.name, name, value, decision.action) for name, value in told.items()]
        if decision.action == ROLLBACK:
            with lease(lakehouse, LEASE):
                made = rollback(lakehouse, model, f"policy: {decision.why}")
            outcome.notes.append(f"{model.name}: {made or 'the version before is champion already'}; {decision.why}")
        else:
            outcome.notes.append(f"{model.name}: a training is due before its time; {decision.why}")


def _bad(model: Model, night: Watched, monitors: Sequence[str]) -> list[Finding]:
    """What is bad of a model, by some monitors."""
    subjects = (f"model:{model.name}", f"features:{model.name}")
    return [
        each for each in night.findings if each.subject in subjects and each.monitor in monitors and each.status == BAD
    ]


def _told(nights: Sequence[Watched], bad: Sequence[Sequence[Finding]]) -> str:
    dates = " and ".join(f"{night.as_of:%Y-%m-%d}" for night in nights)
    more = f" ({len(bad[-1]) - 1} more)" if len(bad[-1]) > 1 else ""
    return f"{bad[-1][0].monitor} was bad as of {dates}: {bad[-1][0].why}{more}"
