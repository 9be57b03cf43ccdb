"""Who becomes champion: a training that passed its gates, a version that somebody promotes, the one before on a rollback."""

from collections.abc import Mapping
from typing import Any

from assay.config import Model
from assay.errors import ConfigError, ModelError
from assay.lakehouse import Lakehouse
from model.registry import CHALLENGER, CHAMPION, GATES, PREVIOUS, RUN, aliases, registered_name, version_of, with_number
from model.roles import PROMOTE, ROLLBACK, TRAIN, Change, finish, given, last, make

LEASE = ("train",)
"""What is held while roles change: the lease of the stage that changes them by itself."""
PASSED = "passed"
"""How the gates of a version that passed them all are told."""


def earned(model: Model) -> str:
    """What a training becomes that passes its gates: champion, or challenger where it is promoted by hand."""
    return CHAMPION if model.promote == "at_once" else CHALLENGER


def settle(lakehouse: Lakehouse, model: Model, version: int) -> Change | None:
    """Give a version that was just trained what it has earned; None if a gate failed, or it has been given that before."""
    finish(lakehouse, model)
    gates, run_id = _told_by_tags(lakehouse, model, version)
    if not gates.startswith(PASSED) or given(lakehouse, model, version):
        return None
    change = Change(model.name, TRAIN, earned(model), None, version, "it passed its gates", gates, run_id, ())
    return _give(lakehouse, model, change)


def promote(
    lakehouse: Lakehouse,
    model: Model,
    version: int | None,
    why: str,
    *,
    role: str = CHAMPION,
    despite_gates: bool = False,
) -> Change | None:
    """Give a role to a version, the challenger unless one is named; None if it has the role already.

    Raises:
        ConfigError: No reason is given.
        ModelError: There is no such version, a gate of it failed, or its files are not the ones that were registered.
    """
    _check_reason(why)
    finished = finish(lakehouse, model)
    if finished and (finished.action, finished.role) == (PROMOTE, role) and version in (None, finished.to_version):
        return finished
    held = aliases(lakehouse, model)
    wanted = held.get(CHALLENGER) if version is None else version
    if wanted is None:
        raise ModelError(
            f"{model.name} has no challenger to promote.", where=registered_name(lakehouse, model), found=told(held),
            do=f"name a version: assay promote {model.name} <version>; assay models lists them",
        )  # fmt: skip
    if role == CHALLENGER and held.get(CHAMPION) == wanted:
        raise ModelError(
            f"Version {wanted} of {model.name} is the champion, and cannot challenge itself.", found=told(held),
            do="promote another version to champion first",
        )  # fmt: skip
    gates, run_id = _checked(lakehouse, model, wanted)
    if not (gates.startswith(PASSED) or despite_gates):
        raise ModelError(
            f"Version {wanted} of {model.name} did not pass its gates.", where=registered_name(lakehouse, model),
            found=gates, do="promote another version, or this one with --despite-gates, which is put on record",
        )  # fmt: skip
    despite = despite_gates and not gates.startswith(PASSED)
    asked = Change(model.name, PROMOTE, role, None, wanted, why, gates, run_id, (), despite_gates=despite)
    return _give(lakehouse, model, asked)


def rollback(lakehouse: Lakehouse, model: Model, why: str) -> Change | None:
    """Make the version before the champion again; None if the newest change was that already.

    Raises:
        ConfigError: No reason is given.
        ModelError: There is no version before, or its files are not the ones that were registered.
    """
    _check_reason(why)
    finished = finish(lakehouse, model)
    if finished is not None and finished.action == ROLLBACK:
        return finished
    held = aliases(lakehouse, model)
    before = held.get(PREVIOUS)
    if before is None or before == held.get(CHAMPION):
        newest = last(lakehouse, model)
        if newest is not None and (newest["action"], newest["to_version"]) == (ROLLBACK, held.get(CHAMPION)):
            return None
        raise ModelError(
            f"There is nothing to go back to: no version of {model.name} was champion before this one.",
            where=registered_name(lakehouse, model), found=told(held),
            do=f"name a version: assay promote {model.name} <version>; assay models lists them",
        )  # fmt: skip
    gates, run_id = _checked(lakehouse, model, before)
    steps = ((CHAMPION, before), (PREVIOUS, None))
    change = Change(model.name, ROLLBACK, CHAMPION, held.get(CHAMPION), before, why, gates, run_id, steps)
    return make(lakehouse, model, change)


def told(held: Mapping[str, int]) -> str:
    """Who has which role."""
    return (
        ", ".join(f"{alias} is version {version}" for alias, version in sorted(held.items())) or "no version has a role"
    )


def _give(lakehouse: Lakehouse, model: Model, asked: Change) -> Change | None:
    """Give a version its role. The former champion is noted first: then there is a champion after each write."""
    held = aliases(lakehouse, model)
    before, version = held.get(asked.role), asked.to_version
    if before == version:
        return None
    steps: list[tuple[str, int | None]] = []
    if asked.role == CHAMPION and before is not None:
        steps.append((PREVIOUS, before))
    steps.append((asked.role, version))
    if asked.role == CHAMPION and held.get(CHALLENGER) == version:
        steps.append((CHALLENGER, None))
    parts: dict[str, Any] = {**vars(asked), "from_version": before, "aliases": steps}
    return make(lakehouse, model, Change(**parts))


def _checked(lakehouse: Lakehouse, model: Model, version: int) -> tuple[str, str]:
    """What the gates of a version said and which run trained it, once its files are known to be sound."""
    if with_number(lakehouse, model, version) is None:
        raise ModelError(
            f"{model.name} has no version {version}.", where=registered_name(lakehouse, model), found=version,
            do="choose one: assay models lists them",
        )  # fmt: skip
    return _told_by_tags(lakehouse, model, version)


def _told_by_tags(lakehouse: Lakehouse, model: Model, version: int) -> tuple[str, str]:
    tags = version_of(lakehouse, model, version).tags
    return tags.get(GATES, "not on record"), tags.get(RUN, "")


def _check_reason(why: str) -> None:
    if not why.strip():
        raise ConfigError("Roles change for a reason.", where="--why", found=repr(why), expected="a sentence")
