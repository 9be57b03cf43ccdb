"""A training whose trees are far too simple."""

from collections.abc import Sequence

from assay.config import Model
from assay.errors import GateError
from assay.ledger import Outcome
from jobs.alerts import run_alerts
from jobs.drills.fault import Rehearsal, Wish
from jobs.report import run_report
from jobs.train import check_promoted, train_model
from model.registry import CHAMPION, aliases


def too_simple(model: Model) -> Model:
    """The model as two trees of one question each."""
    return model.model_copy(
        update={"xgboost": model.xgboost.model_copy(update={"rounds": 2, "max_depth": 1}), "tune": None}
    )


def run(wish: Wish) -> Rehearsal:
    """Train two trees of one question each, and see what the gates say and who scores."""
    lakehouse, as_of, model = wish.lakehouse, wish.as_of, wish.one_model()
    done = Rehearsal(
        f"{model.name} is trained as two trees of one question each",
        practise=("models", f"nightly --as-of {as_of:%Y-%m-%d}", f'rollback {model.name} --why "…"'),
    )
    before = aliases(lakehouse, model)

    def judged() -> Sequence[Outcome]:
        check_promoted(model, done.outcomes[-1])
        return ()

    done.attempt(lambda: train_model(lakehouse, too_simple(model), as_of), judged)
    refused = isinstance(done.error, GateError)
    if refused:
        done.found.append(str(done.error and done.error.found))
    done.attempt(lambda: [run_report(lakehouse, as_of)], lambda: run_alerts(lakehouse, as_of, None))
    after = aliases(lakehouse, model)
    done.held = refused and after == before
    if before.get(CHAMPION) == after.get(CHAMPION):
        done.found.append(f"version {after.get(CHAMPION)} goes on scoring")
    else:
        done.found.append(f"version {after.get(CHAMPION)} is champion now: the gates are too wide")
    return done
