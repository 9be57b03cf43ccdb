"""What makes another version of a feature, and what does not."""

import pytest

from assay.config import FeatureTable
from gold.definitions import definition_key, features_of, version_of_name
from gold.plan import Change, changes

DEFINITION = {
    "name": "couriers",
    "description": "Couriers.",
    "entity": {"courier": ["courier"]},
    "source": "parcels",
    "windows": ["7d"],
}
FEATURES: dict[str, dict[str, object]] = {
    "parcels": {"count": "*", "description": "Parcels"},
    "late": {
        "rate": "late",
        "where": "weight > 1",
        "windows": ["7d", "28d"],
        "description": "Late",
        "unit": "share",
    },
    "by_size": {"count": "*", "by": {"size": [1, 2]}, "description": "By size"},
    "trend": {"expression": "late_7d - late_28d", "description": "Worse"},
}


def table(*edits: tuple[str, object]) -> FeatureTable:
    """The definition with some settings changed: `late.where` of a feature, `delay` of the table."""
    features: dict[str, dict[str, object]] = {name: dict(each) for name, each in FEATURES.items()}
    made: dict[str, object] = {**DEFINITION, "features": features}
    for path, value in edits:
        feature, _, setting = path.rpartition(".")
        (features[feature] if feature else made)[setting] = value
    return FeatureTable.model_validate(made)


def differing(one: FeatureTable, other: FeatureTable) -> set[str]:
    old, new = features_of(one), features_of(other)
    return {name for name in {**old, **new} if old.get(name) != new.get(name)}


@pytest.mark.parametrize(
    ("edit", "value"),
    [("description", "Others."), ("late.description", "How many late"), ("late.unit", "percent"), ("entity", {"who": ["courier"]})],
)  # fmt: skip
def test_what_is_for_people_makes_no_version(edit: str, value: object) -> None:
    assert differing(table(), table((edit, value))) == set()
    assert definition_key(table((edit, value))) == definition_key(table())


@pytest.mark.parametrize(
    ("edit", "value", "features"),
    [
        ("late.where", "weight > 2", {"late_7d", "late_28d", "trend"}),
        ("late.windows", ["7d", "14d", "28d"], {"late_14d"}),
        ("parcels.windows", ["28d"], {"parcels_7d", "parcels_28d"}),
        ("by_size.by", {"size": [1, 3]}, {"by_size_2_7d", "by_size_3_7d"}),
        ("trend.expression", "late_28d - late_7d", {"trend"}),
        ("delay", "1d", set(features_of(table()))),
        ("source", "letters", set(features_of(table()))),
        ("entity", {"courier": ["courier", "city"]}, set(features_of(table()))),
    ],
)
def test_what_decides_values_makes_a_version_of_the_features_that_it_decides(
    edit: str, value: object, features: set[str]
) -> None:
    assert differing(table(), table((edit, value))) == features
    assert definition_key(table((edit, value))) != definition_key(table())


def test_changes_are_told_old_and_new() -> None:
    assert changes(table(), table(("late.where", "weight > 2")))[1:] == (
        Change("late_28d", "rate of late where weight > 1, 28d", "rate of late where weight > 2, 28d"),
        Change("trend", "late_7d - late_28d, of what its features were", "late_7d - late_28d, of what they are"),
    )
    assert changes(table(), table(("delay", "1d")))[0] == Change(
        "parcels_7d", "count of *, 7d (delay 0)", "count of *, 7d (delay 1d)"
    )


def test_an_older_version_is_told_by_its_name() -> None:
    assert version_of_name("couriers__v12") == ("couriers", 12)
    assert version_of_name("couriers") is None
