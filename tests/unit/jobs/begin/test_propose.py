"""All that is proposed for a folder: what stands in which file, and that it is valid as a whole."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from assay.errors import ConfigError
from jobs.begin.propose import Proposal

ProposalOf = Callable[..., Proposal]


def files(*, plan: bool = False) -> dict[str, str]:
    """A file of trips for each of ten days, and maybe one the evening before with those that are planned."""
    made = {}
    for d in range(1, 11):
        trips = [f"{d}-{n},2024-03-{d:02}T{n:02}:00Z,{'abc'[n % 3]}" for n in range(6)]
        done = [f"{trip},{n * d - 9},{str(n > 3).lower()},{n % 2},x{n}\n" for n, trip in enumerate(trips)]
        made[f"done/2024-03-{d:02}T23-00.csv"] = "trip_id,at,courier,late,ok,paid,note\n" + "".join(done)
        if plan:
            planned = "".join(f"{trip},{n + d / 2}\n" for n, trip in enumerate(trips))
            made[f"planned/2024-0{3 if d > 1 else 2}-{d - 1 or 29:02}T20-00.csv"] = f"trip_id,at,courier,kg\n{planned}"
    return made


def test_a_label_is_predicted_of_each_record_that_is_planned(proposal_of: ProposalOf) -> None:
    proposal = proposal_of(files(plan=True), "done.ok")
    assert set(proposal.files) == {
        "lakehouse.yml", "sources/done.yml", "sources/planned.yml", "features/courier_done.yml", "models/ok.yml",
    }  # fmt: skip
    assert yaml.safe_load(proposal.files["models/ok.yml"]) == {
        "description": "ok of done, the day ahead",
        "task": "binary",
        "spine": {
            "train": (
                "select p.trip_id, p.courier, p.kg, date_trunc('day', p.at) as as_of, o.ok as label, "
                "o.valid_from as label_known_at\nfrom planned p join done o using (trip_id)\nwhere o.ok is not null\n"
            ),
            "score": (
                "select p.trip_id, p.courier, p.kg, date_trunc('day', p.at) as as_of from planned p "
                "where date_trunc('day', p.at) = :as_of\n"
            ),
        },
        "key": ["trip_id"],
        "features": {"courier_done": "all"},
        "request": {"its_kg": "kg"},
        "split": {"holdout": "1d"},
        "xgboost": {"max_depth": 3, "eta": 0.1, "rounds": 100},
        "train": {"every": "7d", "window": "90d"},
        "gates": {"auc": {"min": 0.55}},
    }


def test_a_plan_may_have_a_key_of_its_own(proposal_of: ProposalOf) -> None:
    made = files(plan=True)
    for name in [name for name in made if name.startswith("planned")]:
        header, *lines = made[name].splitlines()
        made[name] = "\n".join([f"plan_no,{header}", *[f"{name[8:18]}-{n},{line}" for n, line in enumerate(lines)], ""])
    proposal = proposal_of(made, "done.ok")
    assert [source.key_names for source in proposal.sources] == [("trip_id",), ("plan_no",)]
    model = yaml.safe_load(proposal.files["models/ok.yml"])
    assert (model["key"], "from planned p join done o using (trip_id)" in model["spine"]["train"]) == (
        ["trip_id"],
        True,
    )


def test_without_a_plan_a_label_is_predicted_of_each_entity_s_day(proposal_of: ProposalOf) -> None:
    model = yaml.safe_load(proposal_of(files(), "done.ok").files["models/ok.yml"])
    assert (model["task"], model["key"], model["gates"]) == ("regression", ["courier"], {"r2": {"min": 0}})
    assert model["spine"] == {
        "train": (
            "select courier, date_trunc('day', at) as as_of, cast(avg(cast(ok as int)) as double) as label, "
            "max(valid_from) as label_known_at\nfrom done where ok is not null\ngroup by courier, date_trunc('day', at)\n"
        ),
        "score": "select distinct courier, :as_of as as_of from done\n",
    }


@pytest.mark.parametrize(
    ("label", "task", "value"), [("done.paid", "binary", "o.paid = 1"), ("done.late", "regression", "o.late")]
)
def test_the_task_is_that_of_the_values(proposal_of: ProposalOf, label: str, task: str, value: str) -> None:
    proposal = proposal_of(files(plan=True), label)
    model = yaml.safe_load(proposal.files[f"models/{label.removeprefix('done.')}.yml"])
    assert (model["task"], f" {value} as label," in model["spine"]["train"]) == (task, True)


def test_without_a_label_a_model_is_only_a_draft(proposal_of: ProposalOf) -> None:
    assert [path for path in proposal_of(files()).files if "model" in path] == ["models/late.yml.draft"]


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("done.lat", "did you mean 'done.late'?"),
        ("dome.late", "did you mean 'done.late'?"),
        ("x", "known: done.at, done.courier"),
        ("done.note", "found:    done.note, of type string"),
        ("planned.kg", "There is nothing to predict planned.kg from."),
    ],
)
def test_a_label_that_cannot_be_predicted_is_refused(proposal_of: ProposalOf, label: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        proposal_of(files(plan=True), label)
    assert said in str(refused.value)


def test_the_nights_are_those_of_the_events(proposal_of: ProposalOf) -> None:
    proposal = proposal_of(files())
    assert proposal.known == datetime(2024, 3, 11, tzinfo=UTC)
    assert proposal.nights == (datetime(2024, 3, 2, tzinfo=UTC), datetime(2024, 3, 11, tzinfo=UTC))


def test_what_was_written_just_now_is_known_in_a_minute(proposal_of: ProposalOf) -> None:
    before = datetime.now(UTC)
    proposal = proposal_of({"a.csv": "id,n\n1,2\n"})
    assert proposal.nights is None
    assert before < proposal.known
    assert (proposal.known - before).total_seconds() <= 61
    assert proposal.known.second == 0


def test_the_environment_says_where_the_files_are(proposal_of: ProposalOf, tmp_path: Path) -> None:
    assert yaml.safe_load(proposal_of({"a.csv": "id,n\n1,2\n"}).environment)["landing"] == str(tmp_path / "arrived")
