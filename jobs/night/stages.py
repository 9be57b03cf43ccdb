"""What a night is made of. Whatever runs its stages, shows them or asks how they stand reads `STAGES`."""

from datetime import timedelta

import bronze.stage
import silver.stage
from assay.dag import Stage, ordered
from assay.lakehouse import Lakehouse
from jobs.dbt import run_dbt
from jobs.night import steps
from jobs.night.steps import one
from jobs.night.waiting import wait, wait_state
from jobs.report import run_report
from jobs.score import score_model
from jobs.watch import run_watch

STAGES = ordered((
    Stage("wait", wait, state=wait_state, limit=None),
    Stage("bronze", one(bronze.stage.run), after=("wait",)),
    Stage("silver", one(silver.stage.run), needs=("bronze",)),
    Stage("features", steps.features, needs=("silver",), state=steps.features_state),
    Stage("roles", steps.finish_roles, needs=("features",), state=steps.roles_state, per_model=True, runs=()),
    Stage("policy", steps.decide_roles, needs=("features",), after=("roles",), state=steps.policy_state, per_model=True),
    Stage("train", steps.train, needs=("features",), after=("policy",), state=steps.train_state, per_model=True,
          runs=("training_set", "train"), limit=timedelta(hours=6)),
    Stage("score", score_model, needs=("features",), after=("train",), state=steps.score_state, per_model=True,
          runs=("scoring_set", "score", "shadow")),
    Stage("dbt", one(run_dbt), needs=("score",), state=steps.dbt_state),
    Stage("watch", one(run_watch), after=("dbt",)),
    Stage("report", one(run_report), after=("watch",), state=steps.report_state),
))  # fmt: skip
"""In order. A stage `needs` what must have gone well, and comes `after` what must have ended."""

LEDGER_NAMES = tuple(name for stage in STAGES for name in stage.ledger_names)
"""What the runs of a night are called in the ledger, and its leases."""


def completing(lakehouse: Lakehouse) -> list[str]:
    """Names in the ledger of what must be done for a night to be complete."""
    models, dbt = bool(lakehouse.config.models), lakehouse.config.file.dbt is not None
    return ["bronze", "silver", "features", *(["score"] if models else []), *(["dbt"] if dbt else []), "report"]
