"""What the stages of a night do beyond calling their layer, and when they have nothing to do."""

from collections.abc import Callable, Sequence
from datetime import datetime

from assay.config import Model
from assay.dag import RUN, State
from assay.lakehouse import Lakehouse
from assay.ledger import Outcome
from gold import stage
from gold.decision import decide
from jobs.common import kept
from jobs.dbt import is_built
from jobs.report import is_current
from jobs.train import check_promoted, train_model
from model import policy
from model.cut_off import cut_off
from model.registry import CHALLENGER, CHAMPION, aliases, champion, due, untouched, waiting
from model.roles import finish, unfinished
from model.score import scored
from model.train import finish as finish_training


def one(run: Callable[[Lakehouse, datetime], Outcome]) -> Callable[[Lakehouse, datetime], Sequence[Outcome]]:
    """A stage that is one run."""
    return lambda lakehouse, as_of: [run(lakehouse, as_of)]


def features(lakehouse: Lakehouse, as_of: datetime) -> Sequence[Outcome]:
    """Build the feature tables, and beside them the older versions that models still read."""
    return [stage.run(lakehouse, as_of, kept=kept(lakehouse))]


def features_state(lakehouse: Lakehouse, as_of: datetime) -> State:
    """Nothing to do once the ledger has every table of the night, as it is defined now."""
    decided = decide(lakehouse, [as_of], kept(lakehouse))
    missing = [each.table.name for each in decided if each.build or each.take]
    if decided and not missing:
        return State("already complete", "every feature table is built")
    return State("would run", ", ".join(missing))


def finish_roles(lakehouse: Lakehouse, model: Model, _as_of: datetime) -> Sequence[Outcome]:
    """Finish a change of roles that was cut off; no run of the ledger's."""
    finish(lakehouse, model)
    return []


def roles_state(lakehouse: Lakehouse, model: Model, _as_of: datetime) -> State:
    """Nothing to do where no change of roles was cut off."""
    if untouched(lakehouse) or unfinished(lakehouse, model) is None:
        return State("not due", "no change of roles was cut off")
    return State("would run", "a change of roles was cut off")


def decide_roles(lakehouse: Lakehouse, model: Model, as_of: datetime) -> Sequence[Outcome]:
    """Do what a model's policy says of what was watched."""
    return [policy.run(lakehouse, model, as_of)]


def policy_state(lakehouse: Lakehouse, model: Model, as_of: datetime) -> State:
    """Nothing to do where nothing that was watched asks for it, nor for a night that is scored: what is decided is who scores."""
    if not (model.policy.retrain or model.policy.rollback):
        return State("not due", "the model has no policy")
    if scored(lakehouse, model, as_of):
        return State("already complete", "the night is scored")
    found = policy.decisions(lakehouse, model, as_of)
    if not found:
        return State("not due", "nothing that was watched asks for it")
    return State("would run", "; ".join(f"{each.action}: {each.why}" for each in found))


def train(lakehouse: Lakehouse, model: Model, as_of: datetime) -> Sequence[Outcome]:
    """Train a model, or finish a training that was cut off; GateError where its gates fail and there is no champion to score
    with instead.
    """
    alone = untouched(lakehouse) or CHAMPION not in aliases(lakehouse, model)
    finished = finish_training(lakehouse, model, as_of)
    outcomes = train_model(lakehouse, model, as_of) if finished is None else [finished]
    if alone:
        check_promoted(model, outcomes[-1])
    return outcomes


def train_state(lakehouse: Lakehouse, model: Model, as_of: datetime) -> State:
    """Nothing to do before the champion, or a challenger that waits, is as old as `train.every`, unless the policy asks for it; nor
    before `train.retry` is over where the last training did not become champion.
    """
    if untouched(lakehouse):
        return State("would run", "there is no version yet")
    if why := _out_of_turn(lakehouse, model, as_of):
        return State("would run", why)
    current, waits = champion(lakehouse, model), waiting(lakehouse, model)
    if not due(current, model, as_of, waits):
        newest = max(at for at in (current and current.trained_as_of, waits) if at)
        return State(
            "not due",
            f"the newest version is of {newest:%Y-%m-%d}, the next is due {newest + model.train.every:%Y-%m-%d}",
        )
    if current is None:
        return State("would run", "there is no champion")
    tried = policy.last_training(lakehouse, model, as_of)
    if tried is not None and as_of - tried < model.train.retry:
        again = tried + model.train.retry
        return State(
            "not due", f"what was trained as of {tried:%Y-%m-%d} is not champion, the next is due {again:%Y-%m-%d}"
        )
    return State("would run", f"the champion is of {current.trained_as_of:%Y-%m-%d}")


def _out_of_turn(lakehouse: Lakehouse, model: Model, as_of: datetime) -> str:
    """Why a model is trained whether it is due or not; nothing where there is no reason."""
    if (of := cut_off(lakehouse, model, as_of)) is not None:
        return f"the training as of {of:%Y-%m-%d} was cut off"
    decided = () if scored(lakehouse, model, as_of) else policy.decisions(lakehouse, model, as_of)
    return next((each.why for each in decided if each.action == policy.RETRAIN), "")


def score_state(lakehouse: Lakehouse, model: Model, as_of: datetime) -> State:
    """Nothing to do for a night that is scored, by the challenger too where there is one."""
    if not scored(lakehouse, model, as_of):
        return RUN
    held = aliases(lakehouse, model)
    if held.get(CHALLENGER) not in (None, held.get(CHAMPION)) and not scored(lakehouse, model, as_of, "shadow"):
        return State("would run", "the challenger has not scored")
    return State("already complete", "the night is scored")


def dbt_state(lakehouse: Lakehouse, as_of: datetime) -> State:
    """Nothing to do without a project, or while it and the tables are as they were when it was built for the night."""
    if lakehouse.config.file.dbt is None:
        return State("not due", "lakehouse.yml names no dbt project")
    if is_built(lakehouse, as_of):
        return State("already complete", "neither the project nor a table has changed since it was built")
    return RUN


def report_state(lakehouse: Lakehouse, as_of: datetime) -> State:
    """Nothing to do while the night's page says what it would say now."""
    if is_current(lakehouse, as_of):
        return State("already complete", "nothing was done since the page was written")
    return RUN
